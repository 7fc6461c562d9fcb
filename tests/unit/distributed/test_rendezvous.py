"""How nodes find each other: who is missing, what they tell each other, and that nothing stays behind."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from metaflow.client.home import Home, set_home_of_run
from metaflow.datastore.layout import gang_prefix, parse_manifest_key, parse_run_key
from metaflow.distributed import rendezvous as module
from metaflow.distributed.rendezvous import Rendezvous, rendezvous_of_task
from metaflow.exception import GangException
from metaflow.flow.current import current
from metaflow.flow.parallel_node import Parallel

from .gangs import on_all_nodes, rendezvous_of, store_in


def test_all_nodes_learn_what_each_says_of_itself(tmp_path: Path):
    store = store_in(tmp_path / "store")

    def node(rendezvous: Rendezvous):
        time.sleep(0.02 * (4 - rendezvous.node.node_index))  # node 0 comes last
        roster = rendezvous.meet({"address": f"10.0.0.{rendezvous.node.node_index}"}, 30)
        rendezvous.part()
        rendezvous.leave(wait=True)
        return roster

    expected = [{"address": f"10.0.0.{index}"} for index in range(5)]
    assert on_all_nodes(store, 5, node) == [expected] * 5
    assert list(store.list("")) == []


def test_node_0_leaves_its_notes_until_the_others_have_read_them(tmp_path: Path):
    store = store_in(tmp_path / "store")
    slow = threading.Event()

    def node(rendezvous: Rendezvous):
        if rendezvous.node.node_index == 2:
            rendezvous.put("here/2", {"slow": True})
            slow.wait(20)
        roster = rendezvous.meet({}, 30)
        rendezvous.part()
        if rendezvous.node.node_index == 1:
            threading.Timer(0.2, slow.set).start()
        rendezvous.leave(wait=True)
        return len(roster)

    assert on_all_nodes(store, 3, node) == [3, 3, 3]
    assert list(store.list("")) == []


def test_missing_nodes_are_named(tmp_path: Path):
    store = store_in(tmp_path / "store")
    rendezvous_of(store, 2, 4).put("here/2", {})
    with pytest.raises(GangException, match=r"2 of the 4 nodes .* within 0.05 seconds: nodes 1, 3\. If there was no"):
        rendezvous_of(store, 0, 4).meet({}, 0.05)
    with pytest.raises(GangException, match=r"1 of the 4 nodes .*: node 3\."):
        rendezvous_of(store, 1, 4).meet({}, 0.05)
    with pytest.raises(GangException, match=r"nodes 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, \.\.\."):
        rendezvous_of(store_in(tmp_path / "other"), 0, 1000).meet({}, 0)


def test_a_node_tells_that_node_0_is_missing(tmp_path: Path):
    store = store_in(tmp_path / "store")
    rendezvous_of(store, 2, 3).put("here/2", {})
    with pytest.raises(GangException, match="Node 0 .* has not started, or died"):
        rendezvous_of(store, 1, 3).meet({}, 0.05)


def test_nodes_that_fail_together_hear_of_each_other(tmp_path: Path, monkeypatch):
    all_have_told = threading.Barrier(11)
    monkeypatch.setattr(
        module, "time", SimpleNamespace(sleep=lambda seconds: all_have_told.wait(30), monotonic=time.monotonic)
    )
    store = store_in(tmp_path / "store")

    def node(rendezvous: Rendezvous):
        if rendezvous.node.node_index == 11:
            return {}
        return rendezvous.tell_failure(f"{rendezvous.node.node_index} broke")

    said = on_all_nodes(store, 12, node)
    assert said[0] == {index: f"{index} broke" for index in range(1, 11)}
    assert list(said[10]) == list(range(10)), "they are not in order"
    monkeypatch.setattr(module, "time", time)
    assert rendezvous_of(store, 0, 1).tell_failure("alone") == {}


def test_a_gang_of_one_needs_no_datastore():
    node = Parallel("127.0.0.1", 1, 0, "2")
    set_home_of_run(None)
    rendezvous = rendezvous_of_task(node, 0)
    assert rendezvous.meet({"slots": 2}, 0) == [{"slots": 2}]
    rendezvous.leave(wait=True)


def test_nodes_that_run_one_after_the_other_are_refused():
    set_home_of_run(None)
    with pytest.raises(GangException, match="use num_parallel=1 here"):
        rendezvous_of_task(Parallel("127.0.0.1", 2, 0, "2"), 0)


def test_gangs_and_attempts_do_not_meet_each_other(tmp_path: Path):
    store_in(tmp_path)
    set_home_of_run(Home(str(tmp_path)))
    current._set({"flow_name": "F", "run_id": "1", "step_name": "work"})
    try:
        places = {
            rendezvous_of_task(Parallel("127.0.0.1", 2, 0, gang), attempt)._prefix
            for gang in ("2", "3")
            for attempt in (0, 1)
        }
    finally:
        current._set({})
        set_home_of_run(None)
    assert len(places) == 4
    assert gang_prefix("F", "1", "work", "2", 1) in places


def test_notes_belong_to_the_run_and_are_no_results():
    key = gang_prefix("F", "1", "work", "2", 0) + "here/1"
    assert parse_run_key(key)[:2] == ("F", "1")
    assert parse_manifest_key(key) is None
