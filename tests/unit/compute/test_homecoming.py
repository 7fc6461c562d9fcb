"""What a run learns of its tasks elsewhere: from the datastore first, from the engine where that is silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from metaflow.compute import homecoming as module
from metaflow.compute.backend import TaskState
from metaflow.compute.homecoming import Homecoming, HomeListener, Outcome
from metaflow.compute.jobs import TOLD_TO_END
from metaflow.datastore.layout import AttemptKey, live_key, live_prefix, log_key
from metaflow.datastore.live_tasks import CodeStart, End, run_live_key
from metaflow.datastore.logs import format_lines
from metaflow.datastore.store import ObjectStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import DataException, StoreUnavailable
from metaflow.testing.memory_store import MemoryStore

KEY = "train/7/0"
ATTEMPT = AttemptKey("F", "1", "train", "7", 0)


class Heard(HomeListener):
    def __init__(self) -> None:
        self.started_tasks: list[str] = []
        self.codes: list[tuple[str, CodeStart]] = []
        self.log = b""
        self.outcomes: dict[str, Outcome] = {}
        self.said: list[str] = []
        self.output = b""
        super().__init__(
            started=self.started_tasks.append,
            code_started=lambda task, code: self.codes.append((task, code)),
            printed=self._print,
            ended=self.outcomes.__setitem__,
            say=self.said.append,
            engine_output=lambda task: self.output,
        )

    def _print(self, task: str, data: bytes) -> None:
        self.log += data


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def home(store: MemoryStore, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Homecoming]:
    monkeypatch.setattr(module, "_SHORTEST_GAP", 0.002)
    monkeypatch.setattr(module, "_LONGEST_GAP", 0.02)
    found = Homecoming(store, "F", "1", heard)
    found.expect(KEY, ATTEMPT)
    yield found
    found.close()


def lines(*texts: bytes) -> bytes:
    return format_lines("stdout", texts, 5)


def commit(store: ObjectStore) -> None:
    TaskWriter(store, *ATTEMPT).commit({"task": {"ok": True}})


def test_a_task_from_its_start_to_its_end(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    until(lambda: run_live_key("F", "1") in store.objects)
    store.put(live_key(*ATTEMPT, "state"), [b"{}"])
    until(lambda: heard.started_tasks == [KEY])
    code = CodeStart(1711000000.25, 1711000001.5)
    store.put(live_key(*ATTEMPT, code.name), [b""])
    until(lambda: heard.codes == [(KEY, code)])
    store.put(live_key(*ATTEMPT, "log_0"), [lines(b"one", b"two") + b"o 5 thr"])
    until(lambda: heard.log == lines(b"one", b"two"))  # what has no end yet is not shown
    whole = lines(b"one", b"two", b"three")
    commit(store)
    store.put(log_key(*ATTEMPT), [whole])
    store.put(live_key(*ATTEMPT, End(0, len(whole)).name), [b""])
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(0)} and heard.log == whole
    assert heard.codes == [(KEY, code)], "it is told once"
    assert list(store.list(live_prefix("F", "1"))) == [run_live_key("F", "1")]
    home.close()
    assert list(store.list(live_prefix("F", "1"))) == []


def test_a_result_counts_whatever_the_engine_says(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    commit(store)
    home.engine_says(TaskState(KEY, "ended", status=137, reason="its pod was evicted"))
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(0)}


def test_a_task_that_vanished_keeps_what_it_had_printed(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    store.put(live_key(*ATTEMPT, "log_0"), [lines(b"one")])
    until(lambda: heard.log)
    store.put(live_key(*ATTEMPT, "log_0"), [lines(b"one", b"two")])
    home.engine_says(TaskState(KEY, "ended", reason="its node was lost", retriable=True))
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(1, "its node was lost")}
    assert heard.log == store.get(log_key(*ATTEMPT)) == lines(b"one", b"two")


def test_a_task_that_never_spoke_has_the_engines_output(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    heard.output = lines(b"bash: python: command not found")
    home.engine_says(TaskState(KEY, "ended", status=127, retriable=False))
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(127, None, False)}
    assert store.get(log_key(*ATTEMPT)) == heard.log == heard.output


def test_the_engines_reason_wins_over_that_of_the_node(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    home.engine_says(TaskState(KEY, "ended", status=143, reason="it was preempted"))
    store.put(live_key(*ATTEMPT, End(-15, 0).name), [b"its process was told to end"])
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(-15, "it was preempted")}


def test_the_nodes_reason_counts_where_the_engine_is_silent(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    store.put(live_key(*ATTEMPT, End(-9, 0).name), [b"memory ran out"])
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(-9, "memory ran out")}


def test_a_node_that_failed_by_itself_is_told_of_before_those_that_were_ended_with_it(
    home: Homecoming, store: MemoryStore, heard: Heard
) -> None:
    other = ATTEMPT._replace(task_id="7_node_1")
    TaskWriter(store, *other).commit({"task": {"ok": False}})
    marks = [(live_key(*ATTEMPT, End(-15, 0).name), [b"it was told to end"]), (live_key(*other, End(1, 0).name), [b""])]
    home.expect("train/7_node_1/0", other)
    with home._changed:  # so that both are seen in the same look
        for key, content in marks:
            store.put(key, content)
    until(lambda: len(heard.outcomes) == 2)
    assert list(heard.outcomes) == ["train/7_node_1/0", KEY]
    assert heard.outcomes[KEY] == Outcome(-15, "it was told to end")


def test_a_datastore_out_of_reach_is_waited_for(
    home: Homecoming, store: MemoryStore, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TELL_AFTER", 0.02)
    scan = store.scan

    def away(prefix: str) -> Any:
        raise StoreUnavailable("No route to the bucket.")

    store.scan = away  # type: ignore[method-assign]
    store.put(live_key(*ATTEMPT, "state"), [b"{}"])
    commit(store)
    store.put(live_key(*ATTEMPT, End(0, 0).name), [b""])
    until(lambda: heard.said)
    assert "No route to the bucket." in heard.said[0] and not heard.outcomes
    store.scan = scan  # type: ignore[method-assign]
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(0)}


def test_what_failed_for_one_task_does_not_touch_the_ends_of_others(
    home: Homecoming, store: MemoryStore, heard: Heard
) -> None:
    other = AttemptKey("F", "1", "train", "8", 0)
    get, away = store.get, [True]

    def get_but_one(key: str) -> bytes:
        if key == log_key(*ATTEMPT) and away[0]:
            raise DataException("Its file cannot be read.")
        return get(key)

    store.get = get_but_one  # type: ignore[method-assign]
    home.expect("train/8/0", other)
    ended: list[str] = []
    heard.ended = lambda key, outcome: ended.append(key)
    for attempt, text in ((ATTEMPT, b"seven"), (other, b"eight")):
        TaskWriter(store, *attempt).commit({"task": {"ok": True}})
        store.put(log_key(*attempt), [lines(text)])
        store.put(live_key(*attempt, End(0, len(lines(text))).name), [b""])
    until(lambda: ended)
    assert ended == ["train/8/0"] and heard.log == lines(b"eight")
    away[0] = False
    until(lambda: len(ended) == 2)
    assert ended == ["train/8/0", KEY]
    assert heard.log == lines(b"eight") + lines(b"seven")  # each once


def test_a_slow_datastore_does_not_make_the_looks_rare(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    home = Homecoming(store, "F", "1", Heard())

    def look() -> bool:
        now[0] += 60.0
        home._over = len(waits) == 2
        raise StoreUnavailable("The server does not answer, also after 7 retries.")

    monkeypatch.setattr(home, "_look", look)
    monkeypatch.setattr(home, "_sleep", waits.append)
    home._watch()
    assert max(waits) <= 5.0


def test_a_result_that_is_seen_late_on_a_shared_file_system(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    home.engine_says(TaskState(KEY, "ended", status=0))
    time.sleep(0.05)
    assert not heard.outcomes
    commit(store)
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(0)}


def test_a_process_that_ended_well_without_a_result_is_not_awaited_for_ever(
    home: Homecoming, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARED_SECONDS", 0.05)
    home.engine_says(TaskState(KEY, "ended", status=0))
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(0)}


def test_an_engine_has_a_moment_to_explain_what_it_did(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    store.put(live_key(*ATTEMPT, End(-15, 0).name), [TOLD_TO_END.encode()])
    time.sleep(0.05)
    assert not heard.outcomes
    home.engine_says(TaskState(KEY, "ended", status=143, reason="its pod was evicted"))
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(-15, "its pod was evicted")}


def test_nobody_explains_what_was_asked_for(home: Homecoming, store: MemoryStore, heard: Heard) -> None:
    home.hurry(KEY)
    store.put(live_key(*ATTEMPT, End(-15, 0).name), [TOLD_TO_END.encode()])
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(-15, TOLD_TO_END)}


def test_an_engine_that_explains_nothing_is_not_awaited_for_ever(
    home: Homecoming, store: MemoryStore, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENGINE_SECONDS", 0.05)
    store.put(live_key(*ATTEMPT, End(-15, 0).name), [TOLD_TO_END.encode()])
    until(lambda: heard.outcomes)
    assert heard.outcomes == {KEY: Outcome(-15, TOLD_TO_END)}
