"""The order in which files of cards are stored, whatever the store does."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.cards.running.card_files import CardFiles

LONG = 30.0


class Store:
    """Writes each content when a test lets go of it; contents that nobody holds at once."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.gates: dict[bytes, threading.Event] = {}
        self.reached: dict[bytes, threading.Event] = {}
        self.fails: set[bytes] = set()

    def hold(self, content: bytes) -> None:
        self.gates[content], self.reached[content] = threading.Event(), threading.Event()

    def put(self, name: str, parts: Sequence[bytes]) -> None:
        content = b"".join(parts)
        if content in self.gates:
            self.reached[content].set()
            assert self.gates[content].wait(LONG), "nobody has let go of it"
        if content in self.fails:
            raise OSError("the store is gone")
        self.files[name] = content


def held(files: CardFiles, store: Store, content: bytes) -> threading.Thread:
    """A thread that hangs in the store with a content."""

    def put() -> None:
        try:
            files.put("page", [content])
        except OSError:
            pass

    store.hold(content)
    thread = threading.Thread(target=put)
    thread.start()
    assert store.reached[content].wait(LONG)
    return thread


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)), st.sets(st.integers(0, 2)))
def test_the_newest_stays_in_whatever_order_the_store_writes(order: list[int], failing: set[int]) -> None:
    store = Store()
    files = CardFiles(store.put)
    threads = [held(files, store, b"%d" % number) for number in range(4)]
    store.fails = {b"%d" % number for number in failing}
    for number in order:
        store.gates[b"%d" % number].set()
        threads[number].join(LONG)
    assert store.files["page"] == b"3"


def test_what_is_written_late_does_not_stay_beside_another_one_that_never_ends() -> None:
    store = Store()
    files = CardFiles(store.put)
    late, never = held(files, store, b"late"), held(files, store, b"never")
    files.put("page", [b"last"])
    store.gates[b"late"].set()
    late.join(LONG)
    assert store.files["page"] == b"last"
    store.gates[b"never"].set()
    never.join(LONG)
    assert store.files["page"] == b"last"


def test_what_is_over_is_not_stored() -> None:
    store = Store()
    files = CardFiles(store.put)
    assert files.put("page", [b"last"])
    assert not files.put("page", [b"late"], lambda: True)
    assert files.put("other", [b"x"], lambda: False)
    assert store.files == {"page": b"last", "other": b"x"}


def test_the_end_waits_for_what_is_stored_once_more() -> None:
    store = Store()
    files = CardFiles(store.put)
    late = held(files, store, b"late")
    files.put("page", [b"last"])
    store.hold(b"last")  # when it is stored once more
    store.gates[b"late"].set()
    assert store.reached[b"last"].wait(LONG)
    assert store.files["page"] == b"late"
    threading.Timer(0.05, store.gates[b"last"].set).start()
    files.settle(LONG)
    assert store.files["page"] == b"last"
    late.join(LONG)
    files.settle(0)


def test_an_error_of_the_store_is_the_callers() -> None:
    store = Store()
    store.fails = {b"x"}
    with pytest.raises(OSError, match="gone"):
        CardFiles(store.put).put("page", [b"x"])
