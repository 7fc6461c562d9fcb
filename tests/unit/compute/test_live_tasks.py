"""What tasks on other machines say while they run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.compute.node_log import NodeLog
from metaflow.datastore import live_tasks
from metaflow.datastore.layout import AttemptKey, live_key, live_prefix, log_key
from metaflow.datastore.live_tasks import End, list_live_tasks, live_log, read_log_from, remove_live_task
from metaflow.datastore.logs import read_log
from metaflow.testing.memory_store import MemoryStore

ATTEMPT = AttemptKey("F", "1", "train", "7_node_2", 3)


def test_one_listing_tells_of_all_tasks() -> None:
    store = MemoryStore()
    for name, content in (("state", b"{}"), ("log_0", b"abc"), ("log_1", b"de"), (End(-9, 5).name, b"killed")):
        store.put(live_key(*ATTEMPT, name), [content])
    other = AttemptKey("F", "1", "live", "1", 0)
    store.put(live_key(*other, "state"), [b"{}"])
    store.put(live_tasks.run_live_key("F", "1"), [b"1"])
    store.put(live_key("F", "10", "train", "1", 0, "state"), [b"{}"])

    listed = list_live_tasks(store, "F", "1")
    assert listed.keys() == {"train/7_node_2/3", "live/1/0"}
    task = listed["train/7_node_2/3"]
    assert task.end == End(-9, 5) and task.log_sizes == {0: 3, 1: 2} and task.log_bytes == 5
    assert listed["live/1/0"].end is None and listed["live/1/0"].state_at is not None

    remove_live_task(store, ATTEMPT, task)
    assert list_live_tasks(store, "F", "1").keys() == {"live/1/0"}
    assert len(list(store.list(live_prefix("F", "1")))) == 2


@pytest.mark.parametrize("name", ["end_", "end_1", "end_one_2", "end_1_-2", "code_1", "code_1_9e9", "log_x"])
def test_objects_of_other_names_are_nothing(name: str) -> None:
    store = MemoryStore()
    store.put(live_key(*ATTEMPT, name), [b""])
    assert list_live_tasks(store, "F", "1") == {}


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=30), st.integers(1, 60))
def test_a_log_comes_home_in_parts_as_it_was_written(lines: list[bytes], part_bytes: int) -> None:
    store = MemoryStore()
    before = live_tasks.PART_BYTES
    import metaflow.compute.node_log as node_log

    node_log.PART_BYTES = part_bytes
    log = NodeLog(store, ATTEMPT, 10**6)
    log._echo_left = 0
    try:
        seen = b""
        for line in lines:
            log.feed("stdout", line + b"\n")
            log.send()
            listed = list_live_tasks(store, "F", "1")
            if listed:
                seen += read_log_from(store, ATTEMPT, listed["train/7_node_2/3"].log_sizes, len(seen))
        size = log.finish()
    finally:
        log.close()
        node_log.PART_BYTES = before
    assert [line.text for line in read_log(seen)] == lines
    assert len(seen) == size
    if lines:
        assert store.get(log_key(*ATTEMPT)) == seen == live_log(store, ATTEMPT)


def test_a_part_that_grows_while_it_is_read_loses_nothing() -> None:
    store = MemoryStore()
    store.put(live_key(*ATTEMPT, "log_0"), [b"0123456789"])
    store.put(live_key(*ATTEMPT, "log_1"), [b"ab"])
    # As listed a moment before: the first part was not full, and the second not there.
    first = read_log_from(store, ATTEMPT, {0: 4}, 0)
    assert first == b"0123456789"
    assert read_log_from(store, ATTEMPT, {0: 10, 1: 2}, len(first)) == b"ab"
    assert read_log_from(store, ATTEMPT, {0: 6, 1: 2}, 3) == b"3456789"
