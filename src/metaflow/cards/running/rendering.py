"""One rendering of a live card, in a thread of its own that can be given up."""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class GivenUp(SystemExit):
    """Is raised in the code of a card that takes too long. No Exception, so that code which handles these ends too."""


class Rendering:
    """Work that is done in a thread of its own.

    Parameters
    ----------
    work : callable

    Attributes
    ----------
    error : BaseException or None
        What the work has raised.
    has_ended : bool
        Whether the thread is over, or about to be.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._ending = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        self._is_done = False
        self._thread = 0
        self.error: BaseException | None = None
        self.has_ended = False

    def start(self) -> None:
        """Begin; that there can be no more threads is an error of the work, too."""
        try:
            self._thread = _thread.start_new_thread(self._run, ())  # threading.Thread would wait for it to be up
        except RuntimeError as error:
            self.error, self._is_done, self.has_ended = error, True, True
            self._ended.release()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; whether it was reached."""
        return self._ended.acquire(timeout=max(0.0, seconds))

    def place(self) -> str:
        """Where in the code of the card the work is, as lines of a traceback; empty if it is in none."""
        from metaflow.cards.running.final import trace_lines

        frame = sys._current_frames().get(self._thread)
        if frame is None or self._is_done:
            return ""
        import traceback

        return trace_lines(traceback.extract_stack(frame))

    def interrupt(self) -> None:
        """Have Python code of the work end as soon as it goes on; what waits within a library in C, goes on waiting."""
        try:
            import ctypes
        except ImportError:  # Python was built without it
            return
        with self._ending:  # so that the thread is still there, and no other one has its number
            if not self._is_done:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(GivenUp))

    def _run(self) -> None:
        try:
            try:
                self._work()
            except BaseException as error:  # it is for whoever waits to say what that means
                self.error = error
            finally:
                with self._ending:
                    self._is_done = True
        finally:  # an interruption comes at the latest at the end of the block above
            self.has_ended = True
            self._ended.release()
