"""One process of a program that ``torch.distributed.run`` started. Run as a file: it imports nothing of ours.

It runs the user's script or module as ``python`` itself would, and does three things beside. It dies with the process
that started it and gave it a session of its own, so that nothing is left behind if that one is killed. If the program
raises, it leaves the traceback where ``torch.distributed.run`` looks for it, whether or not the program asked for that.
And if the program has used ``torch.distributed`` and succeeds, it waits for a moment before it ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from types import ModuleType, TracebackType

_PR_SET_PDEATHSIG = 1
#: Seconds for threads of PyTorch's to let go of the last collective operation.
_LET_GO_SECONDS = 0.2


def main() -> None:
    """Run the program that the arguments name: ``[-m] PROGRAM ARGUMENTS...``."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    sys.excepthook = _tell
    del sys.argv[0]
    # A module of its own: what the program defines is found, by pickle and by processes that it starts, as ever.
    module = ModuleType("__main__")
    if sys.argv[0] == "-m":
        import runpy

        del sys.argv[0]
        sys.path[0] = os.getcwd()
        # What its names stand for stays to the end, as where Python runs a program.
        module.__dict__.update(runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True))
        sys.modules["__main__"] = module
        return
    script = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    module.__file__ = script
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    exec(code, module.__dict__)  # noqa: S102


def _let_torch_go() -> None:
    """Let PyTorch finish what it does behind a program that has succeeded.

    A thread of its own may let go of the last collective operation only after the program has gone on, and needs the
    interpreter for that. If that is being taken apart, the process aborts, or hangs.
    """
    if "torch.distributed" in sys.modules:
        time.sleep(_LET_GO_SECONDS)


def _tell(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(kind, error, frames))
    sys.stderr.write(text)
    sys.stderr.flush()
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path and not os.path.exists(path):
        message = "".join(traceback.format_exception_only(kind, error)).strip()
        extra = {"py_callstack": text, "timestamp": str(int(time.time())), "rank": os.environ.get("RANK", "")}
        with open(path, "w") as file:
            json.dump({"message": {"message": message, "extraInfo": extra}}, file)


def _is_ours(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen runpy")


if __name__ == "__main__":
    try:
        main()
    except SystemExit as request:
        if not request.code:
            _let_torch_go()
        raise
    _let_torch_go()
