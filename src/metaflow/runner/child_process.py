"""A process that this one starts, watches and ends, together with what it starts itself."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from .lifeline import LIFELINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

#: Seconds between two looks at a process where the system cannot tell when it ends.
LOOK_SECONDS = 0.05


class ChildProcess:
    """A running process, the leader of a session of its own, which ends when this one does.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments.
    env : mapping of str to str
    cwd : str or None
    stdout, stderr : file
        Where its output goes.

    Attributes
    ----------
    pid : int
    exit_fd : int or None
        Readable once the process has ended; None where the system has nothing of the kind.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        cwd: str | None,
        stdout: IO[bytes],
        stderr: IO[bytes],
    ) -> None:
        end = LIFELINE.end()
        try:
            self._popen = subprocess.Popen(
                arguments,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                # Ctrl-C is for this process to handle: it ends the other one in its own way.
                start_new_session=True,
                pass_fds=() if end is None else (end,),
            )
            if end is not None:
                LIFELINE.tie(end, self._popen.pid)
        finally:
            if end is not None:
                os.close(end)
        self.pid = self._popen.pid
        self.exit_fd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None

    def __del__(self) -> None:
        descriptor: int | None = getattr(self, "exit_fd", None)
        if descriptor is not None:
            os.close(descriptor)

    def poll(self) -> int | None:
        """Exit code, or the negated number of the signal that ended it; None as long as it runs."""
        code = self._popen.poll()
        if code is not None and self.exit_fd is not None:
            descriptor, self.exit_fd = self.exit_fd, None
            os.close(descriptor)
        return code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end; the exit code, or None if it still runs after `timeout` seconds."""
        import select
        import time

        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if left == 0:
                return None
            poll = select.poll()
            if self.exit_fd is None:
                left = LOOK_SECONDS if left is None else min(left, LOOK_SECONDS)
            else:
                poll.register(self.exit_fd, select.POLLIN)
            poll.poll(None if left is None else left * 1000 + 1)
        return code

    def ask_to_end(self) -> None:
        """Ask the process, if it still runs, to stop what it does."""
        self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and its group at once; what else it started ends when it sees that."""
        try:
            if self._popen.poll() is None:
                os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has just ended by itself
