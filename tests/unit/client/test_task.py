from __future__ import annotations

from datetime import datetime

import numpy
import pytest

from metaflow.client import DataArtifact, Run, Step, Task
from metaflow.datastore.layout import manifest_key
from metaflow.exception import (
    CorruptedDataException,
    MetaflowDataMissing,
    MetaflowException,
    MetaflowExceptionWrapper,
)

from .stored_flow import StoredRun, foreach_run


def test_artifacts_in_every_way_they_are_reached(root):
    run = StoredRun(root)
    array = numpy.arange(1000.0)
    run.finished("start", 1, artifacts={"x": 1, "array": array, "class": "odd name", "_private": 2})
    task = Task("F/1/start/1")
    assert task.data.x == task["x"].data == task.artifacts.x.data == DataArtifact("F/1/start/1/x").data == 1
    assert numpy.array_equal(task.data.array, array)
    assert {artifact.id for artifact in task} == {artifact.id for artifact in task.artifacts} == {"x", "array", "class"}
    assert getattr(task.data, "class") == "odd name"
    assert "x" in task.data and "_private" not in task.data and "y" not in task.data
    assert {"x", "array", "class"} == set(dir(task.data))
    assert repr(task.data) == "<MetaflowData: x, array, class>"
    with pytest.raises(AttributeError, match="no artifact 'y'"):
        task.data.y
    assert task["_private"].data == 2


def test_a_value_is_loaded_once_per_data_object(root):
    StoredRun(root).finished("start", 1, artifacts={"x": [1]})
    data = Task("F/1/start/1").data
    data.x.append(2)
    assert data.x == [1, 2]
    assert Task("F/1/start/1").data.x == [1]


def test_an_artifact(root):
    run = StoredRun(root)
    run.finished("start", 1, artifacts={"x": "a", "same": "a", "other": "b"})
    task = Task("F/1/start/1")
    assert task["x"].size > 0
    assert task["x"].sha == task["same"].sha != task["other"].sha
    assert task["x"].finished_at == task["x"].created_at == task.finished_at == datetime.fromtimestamp(run.clock)


def test_internal_names_are_there_though_they_are_not_stored(root):
    foreach_run(root)
    task = Task("F/1/work/3")
    expected = {
        "_task_ok": True,
        "_success": True,
        "_current_step": "work",
        "_transition": (["join"], None),
        "_foreach_stack": [("start", "xs", 3, 1, "value 1")],
    }
    for name, value in expected.items():
        assert name in task
        assert task[name].data == value
        assert task[name].size > 0 and len(task[name].sha) == 64
    assert task["_foreach_stack"].data[0].var == "xs"
    assert task["_success"].sha == task["_task_ok"].sha != task["_transition"].sha
    assert not {artifact.id for artifact in task} & set(expected)
    assert Task("F/1/end/6")["_transition"].data is None
    assert DataArtifact("F/1/work/3/_success").data is True


def test_a_failed_task(root):
    run = StoredRun(root)
    run.finished(
        "start",
        1,
        status="failed",
        artifacts={"x": 1, "_exception": MetaflowExceptionWrapper(ValueError("no"))},
    )
    task = Task("F/1/start/1")
    assert not task.finished and not task.successful
    assert task.finished_at is not None
    assert task.exception.exception == "no" and task.exception.type == "builtins.ValueError"
    assert task["_task_ok"].data is False and task.data.x == 1


def test_a_caught_failure_is_finished_but_not_successful(root):
    from metaflow.datastore.task_writer import TaskWriter
    from metaflow.metadata_store.events import TaskEnded

    run = StoredRun(root)
    task = run.running("start", 1)._replace(status="done", ok=True, success=False, finished_at=2000.0)
    writer = TaskWriter(run.store, "F", "1", "start", "1", 0)
    writer.save("_exception", None)
    writer.commit({"task": task.to_dict()})
    run.index.apply([TaskEnded(task)])
    task = Task("F/1/start/1")
    assert task.finished and not task.successful and task.exception is None


def test_a_task_is_followed_from_running_to_done(root):
    run = StoredRun(root)
    run.running("start", 1)
    task = Task("F/1/start/1")
    assert not task.finished and task.finished_at is None and task.exception is None
    assert list(task) == [] and "x" not in task and "_task_ok" not in task
    assert not hasattr(task.data, "x")
    run.finished("start", 1, artifacts={"x": 1})
    assert task.finished and task.successful and task.data.x == 1


def test_a_result_counts_from_its_commit_even_before_the_index_knows(root):
    run = StoredRun(root)
    run.running("start", 1)
    task = Task("F/1/start/1")
    run.finished("start", 1, artifacts={"x": 1}, indexed=False)
    assert task.finished and task.data.x == 1 and task.finished_at is not None


def test_a_task_that_the_index_hears_of_late_is_waited_for(root):
    import threading

    run = StoredRun(root)
    timer = threading.Timer(0.1, run.running, ("start", 1))
    timer.start()
    assert Task("F/1/start/1").current_attempt == 0
    timer.join()


def test_the_latest_started_attempt_is_read(root):
    run = StoredRun(root)
    run.finished("start", 1, attempt=0, status="failed", artifacts={"x": "first"})
    task = Task("F/1/start/1")
    assert task.data.x == "first" and task.current_attempt == 0
    run.running("start", 1, attempt=1)
    assert task.current_attempt == 1 and "x" not in task and not task.finished
    assert Task("F/1/start/1", attempt=0).data.x == "first"
    run.finished("start", 1, attempt=1, artifacts={"x": "second"})
    assert task.data.x == "second" and task.finished
    assert Task("F/1/start/1", attempt=0).current_attempt == 0
    assert DataArtifact("F/1/start/1/x", attempt=0).data == "first"
    assert str(Task("F/1/start/1", attempt=0)["x"].parent) == "Task('F/1/start/1', attempt=0)"
    assert task.created_at == datetime.fromtimestamp(1002.0)


def test_retries_do_not_change_the_order_of_tasks(root):
    run = StoredRun(root)
    run.finished("work", 1, attempt=0, status="failed")
    run.finished("work", 2)
    run.finished("work", 1, attempt=1)
    assert [(task.id, task.current_attempt) for task in Step("F/1/work")] == [("2", 0), ("1", 1)]


def test_logs(root):
    run = StoredRun(root)
    task = run.running("start", 1)
    run.printed(task, "stdout", b"first", "zweite äöü".encode(), b"\xff\xfe")
    run.printed(task, "stderr", b"oh")
    found = Task("F/1/start/1")
    assert found.stdout == "first\nzweite äöü\n\ufffd\ufffd\n"
    assert found.stderr == "oh\n"
    assert found.stdout_size == len("first\nzweite äöü\n".encode()) + 3 and found.stderr_size == 3
    moment = datetime(1970, 1, 1, 0, 16, 42)
    assert list(found.loglines("stderr")) == [(moment, "oh")]
    assert [line for _, line in found.loglines("stdout", as_unicode=False)][2] == b"\xff\xfe"
    run.printed(task, "stdout", b"live")
    assert found.stdout.endswith("live\n")


def test_a_task_that_printed_nothing(root):
    StoredRun(root).finished("start", 1)
    task = Task("F/1/start/1")
    assert task.stdout == task.stderr == "" and task.stdout_size == 0 and list(task.loglines("stdout")) == []


def test_metadata_of_an_ordinary_task(root):
    run = foreach_run(root)
    task = Task("F/1/work/3")
    fields = task.metadata_dict
    assert fields == {
        "attempt": "0",
        "origin-run-id": "None",
        "ds-type": "local",
        "ds-root": str(root),
        "user": "ann",
        "runtime": "dev",
        "python_version": "3",
        "script-name": "flow.py",
        "foreach-stack": '["xs=value 1"]',
        "foreach-execution-path": "start:1",
        "attempt_ok": "True",
        "attempt-done": "0",
    }
    ok = next(field for field in task.metadata if field.name == "attempt_ok")
    assert ok.type == "internal_attempt_status" and ok.task is task
    assert ok.created_at == int(task.finished_at.timestamp() * 1000)
    parameters = Run("F/1")["_parameters"].task.metadata
    assert {(f.name, f.value) for f in parameters if f.type == "graph_structure"} == {
        ("start_step", "start"),
        ("end_step", "end"),
    }
    assert run.record.run_id == "1"


def test_metadata_of_all_attempts_or_of_one(root):
    run = StoredRun(root)
    run.finished("start", 1, status="failed", metadata={"k": "old", "gone": "g"})
    run.finished("start", 1, attempt=1, metadata={"k": "new"})
    task = Task("F/1/start/1")
    assert [field.value for field in task.metadata if field.name == "attempt_ok"] == ["False", "True"]
    assert task.metadata_dict["k"] == "new" and task.metadata_dict["gone"] == "g"
    first = Task("F/1/start/1", attempt=0)
    assert first.metadata_dict["k"] == "old" and first.metadata_dict["attempt_ok"] == "False"


def test_a_long_foreach_stack_is_cut(root):
    run = StoredRun(root)
    stack = (("xs", "x" * 200, 0, 2), ("ys", "y" * 200, 0, 2))
    run.finished("work", 1, index_path=(("start", 0), ("mid", 0)), foreach_stack=stack)
    import json

    shown = json.loads(Task("F/1/work/1").metadata_dict["foreach-stack"])
    assert len("".join(shown)) == 256 and shown[1].startswith("ys=yyy")


def test_a_cloned_task_reads_through_to_its_origin(root):
    first = foreach_run(root)
    first.printed(Task("F/1/start/1")._record, "stdout", b"from the origin")
    second = StoredRun(root, run_id="2", origin_run_id="1")
    second.finished("start", 1, origin="F/1/start/1", artifacts={"x": 1})
    second.finished("work", 2)
    task = Task("F/2/start/1")
    assert task.origin_pathspec == "F/1/start/1"
    assert task.stdout == "from the origin\n"
    fields = task.metadata_dict
    assert fields["origin-run-id"] == "1" and fields["origin-task-id"] == "1"
    executed = Task("F/2/work/2")
    assert executed.origin_pathspec is None
    assert executed.metadata_dict["origin-run-id"] == "1" and "origin-task-id" not in executed.metadata_dict


def test_a_cloned_task_has_the_fields_of_its_origin_that_it_lacks(root):
    first = StoredRun(root)
    first.finished("start", 1, metadata={"git-info": "{}", "k": "origin"})
    first.ended()
    second = StoredRun(root, run_id="2", origin_run_id="1")
    second.finished("start", 1, origin="F/1/start/1", metadata={"k": "clone"})
    fields = Task("F/2/start/1").metadata_dict
    assert fields["git-info"] == "{}" and fields["k"] == "clone"


def test_a_cloned_task_whose_origin_is_gone(root):
    run = StoredRun(root, run_id="2", origin_run_id="1")
    run.finished("start", 1, origin="F/1/start/1", artifacts={"x": 1})
    task = Task("F/2/start/1")
    assert task.stdout == "" and task.data.x == 1 and task.metadata_dict["origin-run-id"] == "1"


def test_lineage(root):
    foreach_run(root, width=12)
    ids = lambda tasks: [task.pathspec.split("/", 2)[2] for task in tasks]
    assert ids(Task("F/1/join/14").parent_tasks) == [f"work/{i}" for i in range(2, 14)]
    assert ids(Task("F/1/work/3").parent_tasks) == ["start/1"]
    assert ids(Task("F/1/start/1").child_tasks) == [f"work/{i}" for i in range(13, 1, -1)]
    # Index 1 is not index 10 or 11.
    assert ids(Task("F/1/work/3").child_tasks) == ["join/14"]
    assert ids(Task("F/1/end/15").child_tasks) == []
    assert list(Task("F/1/work/3").parent_task_pathspecs) == ["F/1/start/1"]
    assert list(Task("F/1/work/3").child_task_pathspecs) == ["F/1/join/14"]


def test_lineage_within_foreaches(root):
    run = StoredRun(root, graph=None)
    run.finished("start", 1)
    for i in (1, 10):
        path = (("start", i),)
        run.finished("mid", f"m{i}", inputs=("start/1/0",), index_path=path)
        run.finished("next", f"n{i}", inputs=(f"mid/m{i}/0",), index_path=path)
        for j in range(2):
            run.finished("inner", f"i{i}{j}", inputs=(f"next/n{i}/0",), index_path=(*path, ("next", j)))
        run.finished("inner_join", f"j{i}", inputs=(f"inner/i{i}0/0", f"inner/i{i}1/0"), index_path=path)
    children = lambda pathspec: sorted(task.id for task in Task(pathspec).child_tasks)
    assert children("F/1/mid/m1") == ["n1"]
    assert children("F/1/next/n1") == ["i10", "i11"]
    assert children("F/1/inner/i101") == ["j10"]
    assert children("F/1/start/1") == ["m1", "m10"]


def test_small_things(root):
    foreach_run(root)
    assert Task("F/1/work/3").index == 1 and Task("F/1/start/1").index is None
    task = Task("F/1/start/1")
    assert task.runtime_name == "dev" and task.code is None and task.environment_info is None


def test_a_lost_manifest_is_an_error_and_not_an_empty_task(root):
    run = StoredRun(root)
    run.finished("start", 1, artifacts={"x": 1, "items": [1]})
    run.store.delete(manifest_key("F", "1", "start", "1", 0))
    data = Task("F/1/start/1").data
    assert data.x == 1  # the index knows it
    with pytest.raises(MetaflowDataMissing, match="F/1/start/1"):
        data.items


def test_a_damaged_manifest_is_named(root):
    run = StoredRun(root)
    run.finished("start", 1, artifacts={"x": [1]})
    path = root / manifest_key("F", "1", "start", "1", 0)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptedDataException, match="1.0.manifest"):
        Task("F/1/start/1").data.x


def test_many_tasks_cost_one_query_and_only_large_artifacts_a_read_each(root, monkeypatch):
    from metaflow.datastore.local import LocalStore
    from metaflow.metadata_store.sqlite_file import SqliteFile

    foreach_run(root, width=50)
    step = Step("F/1/work")
    queries, reads = [], []
    query, get = SqliteFile.query, LocalStore.get
    monkeypatch.setattr(SqliteFile, "query", lambda self, *a: queries.append(a) or query(self, *a))
    monkeypatch.setattr(LocalStore, "get", lambda self, key: reads.append(key) or get(self, key))
    assert sum(task.data.x for task in step) == sum(i * i for i in range(50))
    assert sum(task["x"].data for task in step) == sum(i * i for i in range(50))
    assert len(queries) == 2 and not reads
    assert {task["_hidden"].data for task in step} == {"h"}
    assert len(queries) == 3 and len(reads) == 50


def test_only_two_logs_exist(root):
    StoredRun(root).finished("start", 1)
    with pytest.raises(MetaflowException, match="'stdout' and 'stderr'"):
        list(Task("F/1/start/1").loglines("both"))


def test_of_attempts_within_one_millisecond_the_last_one_counts(root):
    run = StoredRun(root)
    for attempt in (0, 1, 2):
        run.clock = 1002.0001 + attempt / 10_000 - 1
        run.running("start", 1, attempt=attempt)
    task = Task("F/1/start/1")
    assert len({field.created_at for field in task.metadata}) == 1
    assert [field.value for field in task.metadata if field.name == "attempt"] == ["0", "1", "2"]
    assert task.metadata_dict["attempt"] == "2"
