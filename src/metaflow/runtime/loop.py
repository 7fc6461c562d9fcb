"""The event loop of the scheduler: file descriptors, timers and signals, one callback at a time.

A loop of our own, over the standard library's ``selectors``, because importing ``asyncio`` alone takes as long as half
of a short run. Executors that need asynchronous libraries bring their own thread and wake this loop through a pipe.
"""

from __future__ import annotations

import heapq
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable
from types import FrameType

#: Cancelled timers to keep before the others are sorted out.
_MANY_TIMERS = 1000
#: Byte in the wakeup pipe, which has the numbers of signals, that stands for none.
_NO_SIGNAL = b"\0"


class Timer:
    """A callback that is due at some time; :meth:`cancel` takes it back."""

    __slots__ = ("callback", "cancelled", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Do not call back; what the callback held is let go at once, however far off it was due."""
        self.cancelled = True
        self.callback = _nothing

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due


def _nothing() -> None:
    pass


class EventLoop:
    """Waits for what happens next and calls back. Use as a context manager, in the main thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []
        self._signals: dict[int, Callable[[], None]] = {}
        self._previous_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._wakeup_read, self._wakeup_write = os.pipe()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(self._wakeup_write, False)
        self._previous_wakeup = -1
        self._from_threads: deque[Callable[[], None]] = deque()

    def __enter__(self) -> EventLoop:
        self._previous_wakeup = signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        self.watch(self._wakeup_read, self._deliver_signals)
        return self

    def __exit__(self, *exc: object) -> None:
        signal.set_wakeup_fd(self._previous_wakeup)
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._selector.close()
        os.close(self._wakeup_read)
        write, self._wakeup_write = self._wakeup_write, -1
        os.close(write)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back whenever `fd` can be read."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        """Stop watching `fd`."""
        self._selector.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after `seconds`."""
        if len(self._timers) > 2 * _MANY_TIMERS and sum(timer.cancelled for timer in self._timers) > _MANY_TIMERS:
            self._timers = [timer for timer in self._timers if not timer.cancelled]
            heapq.heapify(self._timers)
        timer = Timer(time.monotonic() + seconds, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def call_from_thread(self, callback: Callable[[], None]) -> None:
        """Call back soon. The one method that other threads may call, also when the loop is closed: nothing happens."""
        self._from_threads.append(callback)
        try:
            os.write(self._wakeup_write, _NO_SIGNAL)
        except OSError:
            pass  # the pipe is full, so that the loop wakes anyway, or closed

    def on_signal(self, number: int, callback: Callable[[], None]) -> None:
        """Call back, between two other callbacks, when the process receives the signal.

        A signal that was being ignored when the process started, as with ``nohup``, goes on being ignored.
        """
        if signal.getsignal(number) is signal.SIG_IGN:
            return
        self._signals[number] = callback
        # The handler itself does nothing: the interpreter writes the signal's number to the wakeup pipe.
        self._previous_handlers[number] = signal.signal(number, lambda _number, _frame: None)

    def step(self) -> None:
        """Wait for the next event and handle all that are due."""
        timers = self._timers
        while timers and timers[0].cancelled:
            heapq.heappop(timers)
        timeout = max(0.0, timers[0].due - time.monotonic()) if timers else None
        for key, _ in self._selector.select(timeout):
            # An earlier callback of this round may have stopped watching it.
            if key.fd in self._selector.get_map():
                key.data()
        now = time.monotonic()
        timers = self._timers  # a callback may have tidied them
        while timers and timers[0].due <= now:
            timer = heapq.heappop(timers)
            if not timer.cancelled:
                timer.callback()
                timers = self._timers

    def _deliver_signals(self) -> None:
        try:
            numbers = os.read(self._wakeup_read, 4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            callback = self._signals.get(number)
            if callback is not None:
                callback()
        for _ in range(len(self._from_threads)):  # not those that are added meanwhile, lest others starve
            self._from_threads.popleft()()
        if self._from_threads:
            self.call_later(0, lambda: self.call_from_thread(_nothing))
