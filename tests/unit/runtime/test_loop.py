from __future__ import annotations

import os
import signal

from metaflow.runtime.loop import EventLoop


def test_timers_run_in_order_and_can_be_cancelled() -> None:
    seen: list[str] = []
    with EventLoop() as loop:
        loop.call_later(0.02, lambda: seen.append("late"))
        loop.call_later(0.0, lambda: seen.append("early"))
        loop.call_later(0.01, lambda: seen.append("cancelled")).cancel()
        while len(seen) < 2:
            loop.step()
    assert seen == ["early", "late"]


def test_a_signal_is_delivered_as_a_callback_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    seen: list[int] = []
    with EventLoop() as loop:
        loop.on_signal(signal.SIGUSR1, lambda: seen.append(1))
        os.kill(os.getpid(), signal.SIGUSR1)
        while not seen:
            loop.step()
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_callback_may_stop_the_watching_of_another_descriptor() -> None:
    (r1, w1), (r2, w2) = os.pipe(), os.pipe()
    seen: list[str] = []
    with EventLoop() as loop:

        def first(name: str, other: int) -> None:
            seen.append(name)
            loop.unwatch(other)

        loop.watch(r1, lambda: first("one", r2))
        loop.watch(r2, lambda: first("two", r1))
        os.write(w1, b"x")
        os.write(w2, b"x")
        loop.step()
    assert len(seen) == 1
    for fd in (r1, w1, r2, w2):
        os.close(fd)
