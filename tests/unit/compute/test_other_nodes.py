"""The first node of a gang waits for the others, where they would be stopped at its end."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from metaflow.compute import other_nodes
from metaflow.compute.backend import MAIN_NODE_ENDS_ALL_VARIABLE
from metaflow.compute.other_nodes import wait_for_other_nodes
from metaflow.datastore.layout import AttemptKey, live_key
from metaflow.datastore.live_tasks import End
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import StoreUnavailable
from metaflow.testing.memory_store import MemoryStore

NODES = [AttemptKey("F", "1", "train", task, 1) for task in ("2", "2_node_1", "2_node_2")]
JOB: Any = SimpleNamespace(
    run=SimpleNamespace(flow="F", run_id="1"),
    tasks=[SimpleNamespace(step=node.step, task_id=node.task_id, attempt=node.attempt) for node in NODES],
)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setenv(MAIN_NODE_ENDS_ALL_VARIABLE, "1")
    store = MemoryStore()
    for node in NODES[1:]:
        store.put(live_key(*node, "state"), [b"{}"])
    return store


def then(*happenings: Callable[[], object]) -> Callable[[float], None]:
    """A sleep in which one thing happens after the other; there is nothing to sleep for after the last."""
    left = list(happenings)

    def sleep(seconds: float) -> None:
        assert left, "it still waits"
        left.pop(0)()

    sleep.left = left  # type: ignore[attr-defined]
    return sleep


def test_it_waits_until_the_last_has_ended_however_it_did(store: MemoryStore) -> None:
    sleep = then(
        lambda: store.put(live_key(*NODES[1], End(0, 5).name), [b""]),
        lambda: None,
        lambda: store.put(live_key(*NODES[2], End(1, 0).name), [b"it failed"]),
    )
    assert wait_for_other_nodes(store, JOB, sleep=sleep)
    assert not sleep.left  # type: ignore[attr-defined]


def test_a_node_that_the_run_has_seen_the_end_of_already_has_a_result_only(store: MemoryStore) -> None:
    store.put(live_key(*NODES[1], End(0, 5).name), [b""])

    def seen_by_the_run() -> None:
        TaskWriter(store, *NODES[2]).commit({"task": {"ok": True}})
        del store.objects[live_key(*NODES[2], "state")]

    assert wait_for_other_nodes(store, JOB, sleep=then(seen_by_the_run))


def test_a_node_that_has_not_started_is_waited_for(store: MemoryStore) -> None:
    store.objects.clear()
    assert not wait_for_other_nodes(store, JOB, most_silence=0)


class Minutes:
    """A clock that goes on when something happens to a node."""

    def __init__(self, store: MemoryStore) -> None:
        self._store, self.now = store, 0.0

    def later(self, node: AttemptKey | None = None, name: str = "state") -> Callable[[], None]:
        """Seven minutes go by, and a node writes something."""

        def happen() -> None:
            self.now += 7 * 60
            if node is not None:
                self._store.put(live_key(*node, name), [b""])
                self._store.times[live_key(*node, name)] = self.now

        return happen


@pytest.fixture
def minutes(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    minutes = Minutes(store)
    monkeypatch.setattr(other_nodes, "time", SimpleNamespace(monotonic=lambda: minutes.now))
    return minutes


def test_nodes_are_waited_for_as_long_as_one_of_them_gives_signs_of_life(store: MemoryStore, minutes: Minutes) -> None:
    signs = [minutes.later(NODES[1]), minutes.later(NODES[2]), minutes.later(NODES[1])]
    ends = [minutes.later(node, End(0, 0).name) for node in NODES[1:]]
    assert wait_for_other_nodes(store, JOB, sleep=then(*signs, *ends))


def test_that_nodes_are_silent_is_told(
    store: MemoryStore, minutes: Minutes, capsys: pytest.CaptureFixture[str]
) -> None:
    sleep = then(minutes.later(NODES[2]), minutes.later(NODES[1], End(0, 0).name), minutes.later())
    assert not wait_for_other_nodes(store, JOB, sleep=sleep)
    told = capsys.readouterr().err
    assert "train/2_node_2. There has been no sign of life of them in the datastore for 10 minutes" in told
    assert "2_node_1" not in told


def test_a_datastore_that_does_not_answer_is_asked_again(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for node in NODES[1:]:
        store.put(live_key(*node, End(0, 0).name), [b""])
    scan, answers = store.scan, [StoreUnavailable("s3://b", "it is away")]

    def fails_once(prefix: str) -> Any:
        if answers:
            raise answers.pop()
        return scan(prefix)

    monkeypatch.setattr(store, "scan", fails_once)
    assert wait_for_other_nodes(store, JOB, sleep=then(lambda: None))


def test_elsewhere_nobody_waits(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MAIN_NODE_ENDS_ALL_VARIABLE)
    assert wait_for_other_nodes(store, JOB, sleep=then())
