from __future__ import annotations

import threading
import time

import pytest

from metaflow.exception import MetadataException
from metaflow.runtime.recorder import Recorder


class Store:
    """Keeps what is applied; fails as long as it is told to."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.broken = False
        self.applied = threading.Event()

    def apply(self, events) -> None:
        if self.broken:
            raise MetadataException("the disk is full")
        self.events.extend(events)
        self.applied.set()

    def close(self) -> None:
        self.closed = True


def test_everything_is_written_in_order_by_the_time_it_is_closed() -> None:
    store = Store()
    recorder = Recorder(lambda: store, lambda: "beat", 60)
    for number in range(5000):
        recorder.record(number)
        if number % 500 == 0:
            time.sleep(0.001)
    assert recorder.close() is None
    assert store.events == list(range(5000)) and store.closed


def test_how_a_run_begins_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaflow.runtime.recorder._START_SECONDS", 60.0)  # for which nobody waits
    store = Store()
    recorder = Recorder(lambda: store, lambda: "beat", 60, ["begins"])
    recorder.await_first()
    assert store.events == ["begins"]
    recorder.record("goes on")
    assert recorder.close() is None
    assert store.events == ["begins", "goes on"]


def test_a_store_that_is_held_by_others_does_not_hold_up_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaflow.runtime.recorder._START_SECONDS", 0.01)
    let_go = threading.Event()

    class Held(Store):
        def apply(self, events) -> None:
            let_go.wait(60)
            super().apply(events)

    store = Held()
    recorder = Recorder(lambda: store, lambda: "beat", 60, ["begins"])
    recorder.await_first()
    assert store.events == []
    let_go.set()
    assert recorder.close() is None
    assert store.events == ["begins"]


def test_it_beats() -> None:
    store = Store()
    recorder = Recorder(lambda: store, lambda: "beat", 0.05)
    while store.events.count("beat") < 2:
        store.applied.wait(5)
    recorder.close()


def test_a_store_that_fails_for_a_while_loses_nothing() -> None:
    store = Store()
    store.broken = True
    recorder = Recorder(lambda: store, lambda: "beat", 0.05)
    recorder.record("one")
    time.sleep(0.2)
    store.broken = False
    recorder.record("two")
    assert recorder.close() is None
    assert [event for event in store.events if event != "beat"] == ["one", "two"]


def test_a_store_that_stays_broken_is_reported() -> None:
    store = Store()
    store.broken = True
    recorder = Recorder(lambda: store, lambda: "beat", 60)
    recorder.record("one")
    assert "disk is full" in str(recorder.close())
