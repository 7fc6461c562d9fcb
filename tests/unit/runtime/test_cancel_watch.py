"""A run sees the note that it shall end, whether its datastore is near or far, or away for a while."""

from __future__ import annotations

import pytest

from metaflow.client.cancellation import (
    Cancellation,
    note_cancellation,
    read_cancellation,
    withdraw_cancellation,
)
from metaflow.datastore.layout import cancel_key
from metaflow.exception import StoreUnavailable
from metaflow.runtime import cancel_watch
from metaflow.runtime.cancel_watch import CancelWatch
from metaflow.runtime.loop import EventLoop
from metaflow.testing.memory_store import MemoryStore


class Shaky(MemoryStore):
    """A store that first does not answer, and then has the note at the third look."""

    looks = 0

    def stat(self, key):
        self.looks += 1
        if self.looks == 1:
            raise StoreUnavailable("It is away.")
        if self.looks == 3:
            note_cancellation(self, "F", "1", "ada")
        return super().stat(key)


@pytest.mark.parametrize("is_remote", [False, True])
def test_the_note_is_seen_once(monkeypatch, is_remote):
    monkeypatch.setattr(cancel_watch, "LOOK_SECONDS", 0.01)
    store = Shaky()
    store.is_remote = is_remote
    seen: list[str] = []
    with EventLoop() as loop:
        watch = CancelWatch(loop, store, "F", "1", lambda: seen.append("cancelled"))
        late = loop.call_later(20, lambda: pytest.fail("the note was not seen"))
        while not seen:
            loop.step()
        late.cancel()
        settled = []
        loop.call_later(0.1, lambda: settled.append(True))
        while not settled:
            loop.step()
        watch.close()
    assert seen == ["cancelled"]
    assert store.looks == 3


def test_the_first_wish_stands_and_a_damaged_note_is_one_too():
    store = MemoryStore()
    assert read_cancellation(store, "F", "1") is None
    first = note_cancellation(store, "F", "1", "ada")
    assert note_cancellation(store, "F", "1", "grace") == first == read_cancellation(store, "F", "1")
    assert first.message == "cancelled by ada"
    withdraw_cancellation(store, "F", "1")
    withdraw_cancellation(store, "F", "1")
    assert read_cancellation(store, "F", "1") is None
    for damaged in (b"", b"[]", b'{"when": 1}'):
        store.put(cancel_key("F", "1"), [damaged])
        assert isinstance(read_cancellation(store, "F", "1"), Cancellation)
