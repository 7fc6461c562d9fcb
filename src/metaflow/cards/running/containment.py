"""Code of cards, which may do anything, is kept from doing harm to the task that it runs in the process of."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from metaflow.cards.exception import CardException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

#: Seconds between two interruptions of code that takes too long, in case it has handled the first one.
_AGAIN_SECONDS = 1.0
#: Seconds that code which is not interrupted, because it is not Python's, has in addition before the process is ended.
_GRACE_SECONDS = 10.0

#: What cards have left behind, in this process, that its end waits for.
_left: set[Any] = set()


class CardTimeout(BaseException):
    """Rendering took too long. Not an Exception, so that code which handles every one of these ends nevertheless."""


class Contained:
    """A context for code of cards: nothing but `CardException` leaves it, and it leaves the process as it was.

    What ends it early: an error of any kind, a wish to exit, and the end of its time. Python code is interrupted; if
    that is of no use, as the code is that of a library in C, the process is ended, if it is the task's own.

    Parameters
    ----------
    seconds : float
        Time that the code has.
    owns_process : bool
        Whether the process may be ended.
    """

    def __init__(self, seconds: float, owns_process: bool) -> None:
        self._seconds = seconds
        self._owns_process = owns_process
        self._rings = False
        self._in_main_thread = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        self._process = os.getpid()
        self._awaited = _awaited()
        self._streams = sys.stdout, sys.stderr
        try:
            self._directory: str | None = os.getcwd()
        except OSError:  # it was deleted
            self._directory = None
        _flush()
        if self._owns_process:
            import faulthandler

            # Its thread needs nothing of the interpreter's: it ends the process whatever that is busy with.
            self._nowhere = open(os.devnull, "wb")
            faulthandler.dump_traceback_later(self._seconds + _GRACE_SECONDS, exit=True, file=self._nowhere)
        self._began = time.monotonic()
        if self._in_main_thread:
            self._handler: Any = signal.signal(signal.SIGALRM, self._ring)
            self._rings = True
            self._alarm = signal.setitimer(signal.ITIMER_REAL, self._seconds, _AGAIN_SECONDS)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._rings:
            raise CardTimeout

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._rings = False
        if os.getpid() != self._process:
            os._exit(1)  # a process that the code has forked must not go on as if it were the task
        self._put_back()
        if isinstance(error, CardException) or error is None:
            return
        if not (isinstance(error, (Exception, SystemExit, CardTimeout)) or self._owns_process):
            return  # Ctrl-C, or the end of a test
        raise self._explained(error).with_traceback(None) from error

    def _put_back(self) -> None:
        if self._in_main_thread:
            signal.setitimer(signal.ITIMER_REAL, 0)
            # None is a handler that was not set by Python, and cannot be.
            signal.signal(signal.SIGALRM, self._handler if self._handler is not None else signal.SIG_DFL)
            left, interval = self._alarm
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - self._began), 0.001), interval)
        sys.stdout, sys.stderr = self._streams
        _flush()
        if self._directory is not None:
            try:
                os.chdir(self._directory)
            except OSError:
                pass  # it is gone; nothing after the task needs it
        awaited = _awaited()
        _left.update(awaited - self._awaited)
        if self._owns_process and _left.isdisjoint(awaited):  # else the time of what was left stays limited
            import faulthandler

            faulthandler.cancel_dump_traceback_later()
            self._nowhere.close()

    def _explained(self, error: BaseException) -> CardException:
        if isinstance(error, CardTimeout):
            seconds = f"{self._seconds:g} second{'' if self._seconds == 1 else 's'}"
            return CardException(f"it was not rendered within {seconds}. Allow more with @card(timeout=...)")
        if isinstance(error, SystemExit):
            return CardException(f"its code asked the process to exit (sys.exit({error.code!r}))")
        if isinstance(error, MemoryError):
            return CardException("there is not enough memory to render it")
        if isinstance(error, RecursionError):
            return CardException("its code calls itself without end (RecursionError)")
        from metaflow.error_text import text_of

        return CardException(f"{type(error).__name__}: {text_of(error)}".rstrip(": "))


def _awaited() -> set[Any]:
    """The threads and processes that the end of this process waits for."""
    multiprocessing = sys.modules.get("multiprocessing")
    found = [*threading.enumerate(), *(multiprocessing.active_children() if multiprocessing else ())]
    return {each for each in found if each.is_alive() and not each.daemon}


def _flush() -> None:
    """Write what was printed: it would be lost if the process were ended."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
