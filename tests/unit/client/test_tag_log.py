"""Changes of tags: none is lost, whoever makes them, and whatever happens to the index."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.client import Run
from metaflow.client.home import Home
from metaflow.client.recovery import reindex, stored_run
from metaflow.client.tag_log import change_run_tags, read_tag_log
from metaflow.exception import MetaflowNotFound, MetaflowTaggingError
from metaflow.metadata_store.events import RunStarted
from metaflow.testing.memory_metadata import MemoryMetadata
from metaflow.testing.memory_store import MemoryStore

from .stored_flow import StoredRun, foreach_run

CHANGES = """
import sys
from metaflow import Run
who = sys.argv[1]
run = Run("F/1")
run.add_tag("shared")
for i in range(12):
    run.add_tag(f"{who}{i}")
    run.replace_tag(f"{who}{i}", f"{who}-{i}")
for i in range(9):
    run.remove_tag(f"{who}-{i}")
"""


def test_processes_that_change_tags_at_once_lose_nothing(root):
    run = foreach_run(root, tags=("old",))
    created_at = Run("F/1").created_at
    processes = [subprocess.Popen([sys.executable, "-c", CHANGES, name]) for name in "abcd"]
    assert [process.wait() for process in processes] == [0] * 4
    expected = {"old", "shared", *(f"{name}-{i}" for name in "abcd" for i in (9, 10, 11))}
    assert Run("F/1").user_tags == expected
    assert read_tag_log(run.store, stored_run(run.store, "F", "1")).tags == expected
    reindex(Home(str(root)))
    assert Run("F/1").user_tags == expected and Run("F/1").created_at == created_at


def test_the_limit_holds_for_two_that_come_at_once(root):
    """The second one decides by what the first one has written, not by what it read before."""
    run = foreach_run(root, tags=tuple(f"t{i}" for i in range(49)))
    stored = stored_run(run.store, "F", "1")
    change_run_tags(run.store, run.index, stored, ["the 50th"], [])
    stale = Run("F/1")
    stale.remove_tag("t0")
    change_run_tags(run.store, run.index, stored, ["the 50th again"], [])
    with pytest.raises(MetaflowTaggingError, match="at most 50"):
        stale.add_tag("one too many")


class Rival(MemoryStore):
    """A store in which somebody else adds a tag just before each of our first three writes."""

    rivals = 3

    def put_new(self, key, parts):
        if self.rivals and "user-tags" in key:
            self.rivals -= 1
            super().put_new(key, [f'{{"added": ["rival{self.rivals}"], "removed": ["a"]}}'.encode()])
        return super().put_new(key, parts)


def test_a_change_that_comes_second_is_made_on_top_of_the_first(root):
    store, index = Rival(), MemoryMetadata()
    record = StoredRun(root, tags=("a", "b")).record
    index.apply([RunStarted(record)])
    change_run_tags(store, index, record, ["a", "c"], ["b"])
    assert index.run("F", "1").tags == ("a", "c", "rival0", "rival1", "rival2")
    assert read_tag_log(store, record).last == 4


class Late(MemoryMetadata):
    """An index that others write, with what they had read before, after we have."""

    def __init__(self, store, record):
        super().__init__()
        self.others = [lambda i=i: change_run_tags(store, self, record, [f"o{i}"], ["new"]) for i in range(3)]

    def apply(self, events):
        events = list(events)
        if self.others and not isinstance(events[0], RunStarted):
            self.others.pop()()
        super().apply(events)


def test_the_index_ends_with_what_the_log_says(root):
    store = MemoryStore()
    record = StoredRun(root, tags=("a",)).record
    index = Late(store, record)
    index.apply([RunStarted(record)])
    change_run_tags(store, index, record, ["new"], ["a"])
    assert not index.others, "everybody had a turn"
    assert set(index.run("F", "1").tags) == read_tag_log(store, record).tags >= {"o0", "o1", "o2"}


TAGS = st.sets(st.sampled_from("abcdef"), max_size=3)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(TAGS, TAGS).filter(any), max_size=6), TAGS)
def test_the_log_is_what_sets_would_be(changes, first):
    from metaflow.metadata_store.records import RunRecord

    store, index = MemoryStore(), MemoryMetadata()
    record = RunRecord("F", "1", "ann", 1.0, tags=tuple(sorted(first)), system_tags=("s",))
    index.apply([RunStarted(record)])
    expected = set(first)
    for add, remove in changes:
        change_run_tags(store, index, record, add | {"s"} if add else add, remove)
        expected = (expected - remove) | add
    log = read_tag_log(store, record)
    assert log.tags == expected == set(index.run("F", "1").tags)
    assert log.last == len(changes)


def test_a_damaged_change_is_passed_over_and_said(root):
    run = foreach_run(root, tags=("a",))
    run.store.put("mf-store/runs/F/1/user-tags/00000000000000000007.json", [b"garbage"])
    run.store.put("mf-store/runs/F/1/user-tags/notes.txt", [b"somebody's"])
    Run("F/1").add_tag("b")
    log = read_tag_log(run.store, run.record)
    assert log.tags == {"a", "b"} and log.last == 8
    assert [line.split(":")[0] for line in log.damaged] == ["mf-store/runs/F/1/user-tags/00000000000000000007.json"]


def test_changes_in_the_older_form_count(root):
    run = foreach_run(root, tags=("a",))
    run.store.put("mf-store/runs/F/1/user-tags/01700000000000000000-77.json", [b'{"added":["b"],"removed":["a"]}'])
    Run("F/1").add_tag("c")
    assert Run("F/1").user_tags == {"b", "c"}


def test_a_run_whose_files_were_deleted_gets_no_tags(root):
    run = foreach_run(root)
    found = Run("F/1")
    run.store.delete("mf-store/runs/F/1/run.json")
    with pytest.raises(MetaflowNotFound, match="does not exist any more"):
        found.add_tag("x")
    assert not list((root / "mf-store/runs/F/1").glob("user-tags/*"))
