"""The index follows the files, whatever died, was deleted or was damaged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.client import Flow, Metaflow, Run, Task, healing, namespace
from metaflow.client.home import Home, set_home_of_run
from metaflow.client.provider import Provider
from metaflow.client.recovery import PROCESS_DIED, recover_run, refill, reindex, stored_run
from metaflow.datastore.layout import INDEX_KEY, log_key, manifest_key, resources_key, run_key
from metaflow.datastore.local import LocalStore, local_file
from metaflow.datastore.resource_series import Point, ResourceUse
from metaflow.exception import MetaflowNotFound, StoreUnavailable
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunForgotten
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery
from remote_double import RemoteDouble

from .stored_flow import StoredRun, dead_process, foreach_run


def everything(root):
    index = SqliteMetadata(root / INDEX_KEY)
    runs = index.runs(RunQuery())
    tasks = [index.tasks(TaskQuery(run.flow, run.run_id, all_attempts=True)) for run in runs]
    index.close()
    return [run._replace(heartbeat_at=None) for run in runs], tasks


def delete_index(root):
    for file in (root / "mf-store").glob("index.sqlite*"):
        file.unlink()


def died_run(root, **fields):
    """A run killed in the middle: one task is in the index, one finished unheard of, one was running."""
    run = StoredRun(root, **dead_process(), **fields)
    run.finished("start", 1, artifacts={"x": 1})
    run.finished("work", 2, artifacts={"x": 2}, indexed=False)
    run.running("work", 3)
    return run


def check_died_run(run_id="1"):
    run = Run(f"F/{run_id}")
    assert run.status == "failed" and not run.finished
    assert run._record.message == PROCESS_DIED
    assert Task(f"F/{run_id}/start/1").data.x == 1
    assert Task(f"F/{run_id}/work/2").data.x == 2 and Task(f"F/{run_id}/work/2").successful
    killed = Task(f"F/{run_id}/work/3")
    assert killed._record.status == "killed" and not killed.finished and killed.finished_at is None
    assert list(killed) == []
    assert [task.id for task in run["work"]] == ["2", "3"] or [task.id for task in run["work"]] == ["3", "2"]


def test_runs_whose_process_died_are_listed_while_their_datastore_is_out_of_reach(root, monkeypatch):
    runs = [died_run(root, run_id=str(number)) for number in range(3)]
    store = RemoteDouble()

    def hang(method, key):
        raise StoreUnavailable(f"Cannot {method} {key}: the server does not answer.")

    store.fault = hang
    now = 1000.0
    monkeypatch.setattr(healing, "monotonic", lambda: now)
    with monkeypatch.context() as patched:
        patched.setattr(Provider, "store_at", lambda self, location: store)
        found = list(Flow("F"))
        assert [run.status for run in found] == ["failed"] * 3 and found[0]._record.message == PROCESS_DIED
        assert len(store.requests) == 1, "not each of them waits for it"
    assert runs[0].index.run("F", "0").status == "running", "nothing is recorded that is not known"
    now += 61.0
    check_died_run("0")
    assert runs[0].index.run("F", "0").status == "failed"


def test_a_run_that_died_lived_as_long_as_it_printed(root):
    run = died_run(root)
    task = run.running("work", 4)
    run.printed(task, "stdout", b"still here")
    last = run.clock + 3
    os.utime(root / log_key("F", "1", "work", "4", 0), (last, last))
    assert recover_run(run.store, run.index, run.index.run("F", "1")).finished_at == pytest.approx(last)
    (killed,) = run.index.tasks(TaskQuery("F", "1", "work", "4"))
    assert killed.status == "killed" and killed.finished_at == pytest.approx(last)


@pytest.mark.parametrize(
    "act",
    [lambda store, index: recover_run(store, index, index.run("F", "1")), lambda store, index: refill(store, index)],
    ids=["recover", "refill"],
)
def test_a_task_is_not_lost_because_its_datastore_is_busy(root, act):
    """What finished must not be recorded as killed, or forgotten, because it could not be read at that moment."""
    run = died_run(root)
    store = RemoteDouble()
    for key in run.store.list(""):
        store.put(key, [run.store.get(key)])

    def busy(method, key):
        if method == "get" and key.endswith(".manifest"):
            raise StoreUnavailable(f"Cannot read {key}: the server has too much to do.")

    store.fault = busy
    before = run.index.tasks(TaskQuery("F", "1"))
    with pytest.raises(StoreUnavailable):
        act(store, run.index)
    assert run.index.tasks(TaskQuery("F", "1")) == before
    store.fault = None
    act(store, run.index)
    assert {task.task_id for task in run.index.tasks(TaskQuery("F", "1")) if task.status == "done"} == {"1", "2"}


def test_whoever_reads_a_run_whose_process_died_sets_it_right(root):
    run = died_run(root)
    check_died_run()
    assert run.index.run("F", "1").status == "failed"
    content = json.loads(run.store.get(run_key("F", "1")))
    assert (content["status"], content["message"]) == ("failed", PROCESS_DIED) and content["graph"]


def test_listing_runs_sets_them_right_too(root):
    died_run(root)
    assert [run.status for run in Flow("F")] == ["failed"]
    assert Flow("F").latest_run["work"]["2"].data.x == 2


@pytest.mark.parametrize("trace", ["log", "resources", "damaged resources"])
def test_a_task_that_was_killed_with_its_run_ran_until_its_last_trace(root, trace):
    run = died_run(root)
    (running,) = (task for task in run.index.tasks(TaskQuery("F", "1")) if task.status == "running")
    started = running.started_at
    if trace == "log":
        key = log_key("F", "1", "work", "3", 0)
        run.store.put(key, [b"o 5 text\n"])
        os.utime(local_file(run.store, key), (started + 60, started + 60))
    else:
        use = ResourceUse(started, [Point(each, 1.0, 1, 0.0, 0.0, 1, None, None) for each in (1.0, 60.0)], {}, False)
        content = use.encode() if trace == "resources" else b"{"
        run.store.put(resources_key("F", "1", "work", "3", 0), [content])
    record = recover_run(run.store, run.index, run.index.run("F", "1"))
    (killed,) = (task for task in run.index.tasks(TaskQuery("F", "1")) if task.task_id == "3")
    assert killed.status == "killed"
    if trace == "damaged resources":
        assert killed.finished_at == max(started, record.finished_at), "what is damaged tells nothing"
    else:
        assert killed.finished_at == pytest.approx(started + 60, abs=1e-3)
        assert record.finished_at == killed.finished_at, "the run cannot have ended before its task"


def test_recovery_is_idempotent(root):
    run = died_run(root)
    record = run.index.run("F", "1")
    first = recover_run(run.store, run.index, record)
    state = everything(root)
    assert recover_run(run.store, run.index, record) == first
    assert recover_run(run.store, run.index, first) == first
    assert everything(root) == state


def test_several_readers_recover_at_once(root):
    died_run(root)
    program = (
        "from metaflow.client import Run\n"
        "run = Run('F/1', _namespace_check=False)\n"
        "print(run.status, len(list(run['work'])))"
    )
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(4)
    ]
    assert [reader.communicate()[0] for reader in readers] == ["failed 2\n"] * 4


def test_a_run_on_another_host_is_alive_while_its_heart_beats(root):
    import time

    run = StoredRun(root, host="elsewhere", started_at=time.time() - 1000)
    run.finished("start", 1)
    run.running("work", 2)
    run.index.apply([Heartbeat("F", "1", time.time() - 5)])
    assert Run("F/1").status == "running" and Task("F/1/work/2")._record.status == "running"


def test_a_run_on_another_host_that_was_thought_dead_may_still_end_well(root):
    run = StoredRun(root, host="elsewhere")
    run.running("end", 1)
    assert Run("F/1").status == "failed"
    run.finished("end", 1, artifacts={"x": 1})
    run.ended()
    assert Run("F/1").status == "done" and Run("F/1").data.x == 1


def test_a_run_that_died_after_its_last_step_is_done(root):
    run = StoredRun(root, **dead_process())
    run.finished("end", 1, indexed=False, artifacts={"x": 1})
    found = Run("F/1")
    assert found.status == "done" and found.successful and found.data.x == 1


def test_the_end_that_a_run_wrote_in_its_file_stands(root):
    run = died_run(root)
    run.record = run.record._replace(status="stopped", finished_at=1500.0, message="stopped by ann")
    run._write_file()
    found = Run("F/1")
    assert found.status == "stopped" and found._record.message == "stopped by ann"


def test_a_damaged_result_does_not_stop_recovery(root):
    run = died_run(root)
    path = root / manifest_key("F", "1", "work", "2", 0)
    path.write_bytes(b"garbage")
    assert Run("F/1").status == "failed"
    assert Task("F/1/start/1").data.x == 1
    assert run.index.run("F", "1").message == PROCESS_DIED


def test_a_run_that_the_index_never_heard_of_is_found_by_its_files(root):
    run = foreach_run(root)
    run.index.apply([RunForgotten("F", "1")])
    assert Run("F/1").successful and Run("F/1")["work"]["3"].data.x == 1
    died_run(root, run_id="2")
    run.index.apply([RunForgotten("F", "2")])
    # Nothing but the index knew of the attempt that was running.
    found = Run("F/2")
    assert found.status == "failed" and [task.id for task in found["work"]] == ["2"]
    assert stored_run(run.store, "F", "3") is None


KILLED_WRITER = """
import sys
sys.path[:0] = {search_path!r}
from pathlib import Path
from tests_stored_flow import StoredRun
run = StoredRun(Path({root!r}))
for i in range(100000):
    run.finished("work", i, artifacts={{"x": i}}, indexed=i % 3 == 0)
    print(i, flush=True)
"""


def test_after_kill_9_every_result_that_was_committed_can_be_read(root, tmp_path):
    shutil.copy(Path(__file__).with_name("stored_flow.py"), tmp_path / "tests_stored_flow.py")
    program = KILLED_WRITER.format(search_path=[str(tmp_path), *sys.path], root=str(root))
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    for line in writer.stdout:
        if int(line) >= 40:
            break
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    committed = 41 + len(rest)
    run = Run("F/1")
    assert run.status == "failed"
    finished = [task for task in run["work"] if task.finished]
    assert len(finished) in (committed, committed + 1)
    assert sorted(task.data.x for task in finished) == list(range(len(finished)))


def test_rebuilding_gives_the_same_index(root):
    foreach_run(root, tags=("a",))
    run = foreach_run(root, run_id="2")
    Run("F/1").add_tags(["b", "c"])
    Run("F/1").replace_tags(["a", "b"], ["d"])
    failed = StoredRun(root, flow="G", run_id="5")
    failed.finished("start", 1, status="failed")
    failed.finished("start", 1, attempt=1, status="failed")
    failed.ended("failed", "it broke")
    before = everything(root)
    delete_index(root)
    seen = []
    counts = reindex(Home(str(root)), seen.append)
    assert everything(root) == before
    assert (counts.runs, counts.tasks, counts.damaged) == (3, 2 * 7 + 2, ())
    assert [count.runs for count in seen] == [1, 2, 3] and seen[-1] == counts
    assert reindex(Home(str(root))) == counts and everything(root) == before
    assert [r.id for r in Flow("F").runs("d", "c")] == ["1"]
    assert run.record.run_id == "2"


steps = st.lists(
    st.tuples(
        st.sampled_from(("start", "work", "end")),
        st.sampled_from(("1", "2", "10")),
        st.integers(0, 2),
        st.sampled_from(("done", "failed")),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda step: step[:3],
)
changes = st.lists(st.tuples(st.sampled_from(("a", "b", "c")), st.booleans()), max_size=4)
histories = st.lists(st.tuples(steps, changes, st.sampled_from(("done", "failed", None))), max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories)
def test_rebuilding_gives_the_same_index_after_any_history(histories):
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / ".metaflow"
        root.mkdir()
        set_home_of_run(Home(str(root)))
        namespace(None)
        for number, (tasks, tag_changes, status) in enumerate(histories, 1):
            run = StoredRun(root, run_id=str(number), **({} if status else {"host": "elsewhere"}))
            for step, task_id, attempt, task_status, indexed in tasks:
                run.finished(step, task_id, attempt, status=task_status, indexed=indexed or status is not None)
            if status:
                run.ended(status)
            found = Run(f"F/{number}")
            for tag, add in tag_changes:
                found.add_tag(tag) if add else found.remove_tag(tag)
        before = everything(root)
        assert len(before[0]) == len(histories)
        delete_index(root)
        reindex(Home(str(root)))
        assert everything(root) == before


def test_an_index_that_was_deleted_is_rebuilt_by_the_next_reader(root):
    foreach_run(root)
    delete_index(root)
    assert [flow.id for flow in Metaflow()] == ["F"]
    assert Run("F/1").successful


def test_rebuilding_does_not_disturb_a_run_that_goes_on(root):
    run = StoredRun(root)
    run.finished("start", 1)
    run.finished("work", 2, indexed=False)
    running = run.running("work", 3)
    run.index.apply([Heartbeat("F", "1", 5000.0)])
    reindex(Home(str(root)))
    record = run.index.run("F", "1")
    assert record.status == "running" and record.heartbeat_at == 5000.0
    tasks = run.index.tasks(TaskQuery("F", "1"))
    assert {(task.task_id, task.status) for task in tasks} == {("1", "done"), ("2", "done"), ("3", "running")}
    assert running.task_id == "3"


def test_rebuilding_drops_runs_whose_files_are_gone(root):
    foreach_run(root)
    foreach_run(root, run_id="2")
    shutil.rmtree(root / "mf-store" / "runs" / "F" / "1")
    assert reindex(Home(str(root))).runs == 1
    assert [run.id for run in Flow("F")] == ["2"]
    with pytest.raises(MetaflowNotFound):
        Run("F/1")


def test_rebuilding_corrects_what_is_wrong_in_the_index(root):
    run = foreach_run(root)
    before = everything(root)
    run.index.apply([RunEnded("F", "1", "failed", 9999.0, "wrong")])
    reindex(Home(str(root)))
    assert everything(root) == before


@pytest.mark.parametrize("damage", ["garbage", "older", "torn"])
def test_rebuilding_replaces_an_index_that_cannot_be_used(root, damage):
    run = foreach_run(root, width=200)
    before = everything(root)
    run.index.close()
    path = root / INDEX_KEY
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "torn":
        os.truncate(path, path.stat().st_size // 2)
    else:
        import sqlite3

        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = -1")
        connection.close()
    counts = reindex(Home(str(root)))
    assert counts.runs == 1 and everything(root) == before


def test_damaged_files_are_reported_and_skipped(root):
    foreach_run(root)
    foreach_run(root, run_id="2")
    foreach_run(root, run_id="3")
    store = LocalStore(root)
    (root / run_key("F", "1")).write_bytes(b"{")
    (root / run_key("F", "3")).write_bytes(b'{"flow": "F"}')
    (root / manifest_key("F", "2", "work", "3", 0)).write_bytes(b"garbage")
    Run("F/2").add_tag("kept")
    store.put("mf-store/runs/F/2/user-tags/0-1.json", [b"garbage"])
    delete_index(root)
    counts = reindex(Home(str(root)))
    assert (counts.runs, counts.tasks) == (1, 6)
    assert len(counts.damaged) == 4
    for name in ("F/1/run.json", "F/3/run.json", "F/2/work/3, attempt 0", "F/2/user-tags/0-1.json"):
        assert any(name in line for line in counts.damaged), name
    assert Run("F/2").user_tags == {"kept"} and Run("F/2").data.total == 5


READ_ONLY = """
import os, shutil, sys, tempfile
sys.path[:0] = {search_path!r}
from metaflow.client import Metaflow, Run, Task, metadata, namespace
from metaflow.exception import MetaflowException
namespace(None)
def read(place):
    metadata(place)
    print([flow.id for flow in Metaflow()], [run.id for run in Metaflow()["F"]])
    work = [task.id for task in Run("F/1")["work"]]
    print(Run("F/1").status, Task("F/1/work/2").data.x, Task("F/1/work/2").finished, work)
    print(Run("F/2").status, Run("F/2").data.total)
    try:
        Run("F/2").add_tag("x")
        print("tagged")
    except MetaflowException as error:
        print(type(error).__name__)
read({copy!r})  # loads every module: the interpreter's own files may be out of another user's reach
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)

read({place!r})
"""


@pytest.mark.parametrize("index", ["present", "deleted", "unaware of the runs"])
def test_a_datastore_that_may_only_be_read_shows_the_truth_too(index):
    # Not below pytest's own directory, which other users may not enter.
    place = Path(tempfile.mkdtemp(prefix="read-only-"))
    copy = f"{place}-copy"
    root = place / ".metaflow"
    root.mkdir()
    try:
        died_run(root).index.close()
        foreach_run(root, run_id="2").index.close()
        if index == "deleted":
            delete_index(root)
        elif index == "unaware of the runs":
            store = SqliteMetadata(root / INDEX_KEY)
            store.apply([RunForgotten("F", "1")])
            store.close()
        shutil.copytree(place, copy)
        for path in (place, *place.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        program = READ_ONLY.format(search_path=sys.path, place=str(place), copy=copy)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        known = "['2']" if index == "unaware of the runs" else "['2', '1']"
        tasks = "['3', '2']" if index == "present" else "['2']"
        lines = done.stdout.splitlines()
        assert lines.pop(3) == "tagged"
        lines = lines[3:]
        assert lines[0] == f"['F'] {known}"
        assert lines[1] in (f"failed 2 True {tasks}", "failed 2 True ['2', '3']")
        assert lines[2:] == ["done 5", "DataException"]
    finally:
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(place)
        shutil.rmtree(copy)
