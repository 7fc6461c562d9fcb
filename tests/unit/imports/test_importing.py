from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil

import pytest

import metaflow.imports.run_files as run_files
from metaflow.client import Flow, Metaflow, Task
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.recovery import reindex
from metaflow.datastore.layout import card_key, manifest_key
from metaflow.exception import CommandException, CorruptedDataException, DataException
from metaflow.metadata_store.store import RunQuery
from unit.client.stored_flow import StoredRun
from unit.imports.metaflow_folder import (
    ExceptionWrapper,
    ForeachFrame,
    ParallelUBF,
    foreach_run,
    pickled,
)

RUN = "F/1700000000000000"


def outcomes(report):
    return {f"{run.flow}/{run.run_id}": run.outcome for run in report.runs}


def test_a_run_is_as_it_was(folder, target):
    run = foreach_run(folder, parameters={"alpha": 0.5}, tags=["good", "old"])
    report = target.take(folder)
    assert (outcomes(report), report.problems) == ({RUN: "new"}, [])

    mine = target.run()
    assert mine.successful and mine.status == "done"
    assert mine.user_tags == {"good", "old"} and "user:ada" in mine.system_tags
    assert mine.created_at.timestamp() == pytest.approx(run.folder.clock, abs=500)
    assert [step.id for step in mine] == ["end", "join", "work", "start"]
    assert mine.data.total == sum(i * i for i in range(12))
    assert mine["start"].task.stdout == "from start\n"
    assert mine["_parameters"].task.data.alpha == 0.5
    assert mine["join"].task.metadata_dict["script-name"] == "flow.py"
    start = mine["start"].task
    assert start["letters"].type == "<class 'list'>" and start["letters"].size == len(pickled(start.data.letters))
    assert start["_transition"].data == (["work"], "letters")


def test_an_imported_run_is_not_taken_for_a_deleted_one(folder, target):
    """Its record and its results are in the store that it was imported into, though it never ran there."""
    foreach_run(folder)
    target.take(folder)
    StoredRun(target.root, run_id="9").ended()
    shutil.rmtree(folder.root)
    provider = Provider(Home(str(target.root)))
    run = provider.run(*RUN.split("/"))
    assert run is not None and run.datastore == "" and not provider.deleted.look(run)
    assert [each.run_id for each in provider.runs(RunQuery("F"))][0] == run.run_id and not provider.deleted


def test_foreach_tasks_know_their_parents_exactly(folder, target):
    foreach_run(folder)
    target.take(folder)
    tasks = {task.index: task for task in target.run()["work"]}
    assert sorted(tasks) == list(range(12))
    join = target.run()["join"].task
    # Index 1 is not mistaken for 10 and 11, and a join has its inputs in order.
    assert [task.index for task in join.parent_tasks] == list(range(12))
    assert [child.id for child in tasks[1].child_tasks] == [join.id]
    assert [parent.pathspec for parent in tasks[11].parent_tasks] == [f"{RUN}/start/1"]
    assert tasks[3]["_foreach_stack"].data[0].value == "d"
    assert tasks[3].metadata_dict["foreach-execution-path"] == "work:3"
    assert [parent.pathspec for parent in target.run()["start"].task.parent_tasks] == [f"{RUN}/_parameters/0"]


def test_resuming_finds_all_that_it_reads(folder, target):
    foreach_run(folder)
    target.take(folder)
    record = target.record("work", "13")
    assert record["transition"] == [["join"], None]
    assert record["frames"] == [["start", "letters", 11, 12, "l", "start/1/0"]]
    split = target.record("start", "1")
    assert (split["transition"], split["num_splits"], split["labels"][2]) == ([["work"], "letters"], 12, "c")


def test_queries_find_imported_runs_by_their_values(folder, target):
    for number, alpha in enumerate([0.1, 0.2, 0.3]):
        foreach_run(folder, str(number), parameters={"alpha": alpha, "list": [1], "text": "x" * 5000})
    target.take(folder)
    assert target.run("F/1")["_parameters"].task._record.values == {"name": "F", "alpha": 0.2}
    assert target.run("F/1")["end"].task._record.values["total"] == 506
    assert [run.id for run in Flow("F").runs(parameters={"alpha": ("<", 0.25)})] == ["1", "0"]


def test_attempts_failures_and_what_was_caught(folder, target):
    run = folder.run()
    problem = ExceptionWrapper("builtins.ValueError", "not yet", "Traceback ...\nValueError: not yet\n")
    run.task("start", "1", {"partial": 0}, ok=False, exception=problem, log="first")
    run.task("start", "1", {"whole": 1}, attempt=1, way=(["end"], None), log="second")
    run.task("end", "2", {"problem": problem, "_catch_exception": problem}, success=False)
    assert target.take(folder).problems == []

    first = Task(f"{RUN}/start/1", attempt=0, _namespace_check=False)
    assert (first.status, first.finished, first.data.partial, first.stdout) == ("failed", False, 0, "first\n")
    assert first.exception.type == "builtins.ValueError" and str(first.exception) == problem.stacktrace
    latest = target.run()["start"].task
    assert (latest.current_attempt, latest.successful, latest.data.whole, latest.stdout) == (1, True, 1, "second\n")
    end = target.run()["end"].task
    assert (end.finished, end.successful, end.exception, end.data.problem.exception) == (True, False, None, "not yet")
    assert (target.run().finished, target.run().status) == (True, "done")


def test_a_failed_run_and_a_killed_one(folder, target):
    failed = folder.run(run_id="1")
    failed.task("start", "1", ok=False, exception=ExceptionWrapper("x.Y", "broken", None))
    killed = folder.run(run_id="2")
    killed.task("start", "1", way=(["work"], "letters"), num_splits=2, labels=["a", "b"])
    killed.task("work", "2", stack=[ForeachFrame("work", "letters", 2, 1, "b")], done=False)
    target.take(folder)
    assert target.run("F/1").status == "failed" and "start (task-id 1)" in target.run("F/1")._record.message
    assert target.run("F/2").status == "failed" and "had not finished" in target.run("F/2")._record.message
    task = target.run("F/2")["work"].task
    assert (task.status, task.finished, task.exception, list(task), task.index) == ("killed", False, None, [], 1)
    assert [parent.id for parent in task.parent_tasks] == ["1"]


def test_repetitions_of_a_recursive_step(folder, target):
    graph = {
        "start": {"next": ["loop"]},
        "loop": {"next": ["loop", "end"], "type": "split-switch"},
        "end": {"next": []},
    }
    run = folder.run(graph=graph)
    run.task("start", "1", way=(["loop"], None))
    run.task("loop", "2", way=(["loop"], None), iteration=[0])
    run.task("loop", "3", way=(["end"], None), iteration=[1])
    run.task("end", "4")
    unfinished = folder.run(run_id="2", graph=graph)
    unfinished.task("start", "1", way=(["loop"], None))
    unfinished.task("loop", "2", way=(["loop"], None), iteration=[0])
    unfinished.task("loop", "3", done=False)
    target.take(folder)
    parents = {task.id: [p.id for p in task.parent_tasks] for step in target.run() for task in step}
    assert parents == {"1": ["0"], "2": ["1"], "3": ["2"], "4": ["3"]}
    assert [parent.id for parent in target.run("F/2")["loop"]["3"].parent_tasks] == ["2"]


def test_nodes_of_a_parallel_step(folder, target):
    run = folder.run()
    ubf = {"_parallel_ubf_iter": ParallelUBF(3), "_unbounded_foreach": True}
    run.task("start", "1", ubf, way=(["train"], "_parallel_ubf_iter"))
    for node, task_id in enumerate(["2", "2_node_1", "2_node_2"]):
        stack = [ForeachFrame("train", "_parallel_ubf_iter", None, node, None)]
        task = run.task("train", task_id, ubf, way=(["gather"], None), stack=stack, log=None if node else "nodes")
        task.field("parallel-world-size", 3)
        if not node:
            task.field("internal_task_type", "control_task")
    run.task("gather", "3", way=(["end"], None))
    run.task("end", "4")
    assert target.take(folder).problems == []
    train = target.run()["train"]
    assert train.control_task.id == "2" and train.task.metadata_dict["parallel-world-size"] == "3"
    assert [task.id for task in target.run()["gather"].task.parent_tasks] == ["2", "2_node_1", "2_node_2"]
    assert train["2_node_2"]["_parallel_ubf_iter"].data.num_parallel == 3
    assert target.record("train", "2_node_1")["frames"][0][2:5] == [1, 3, "1"]


def test_resumed_runs_point_to_their_origin(folder, target):
    stack = [ForeachFrame("work", "letters", 1, 0, "a")]
    for run_id, origin in (("1", {}), ("2", {"origin_run_id": "1"})):
        run = folder.run(run_id=run_id)

        def task(step, task_id, old_id, origin=origin, run=run, **more):
            cloned = {**origin, "origin_task_id": old_id} if origin else {}
            run.task(step, task_id, **more, **cloned, log=None if origin else f"of {step}")

        task("start", "1", "1", way=(["work"], "letters"), num_splits=1, labels=["a"])
        task("work", "7" if origin else "2", "2", way=(["join"], None), stack=stack)
        run.task("join", "3", way=(["end"], None), **origin)
        run.task("end", "4", **origin)
    target.take(folder)
    resumed = target.run("F/2")
    assert (resumed.origin_pathspec, target.run("F/1").origin_pathspec) == ("F/1", "F/None")
    clone = resumed["work"].task
    assert (clone.origin_pathspec, clone.stdout, clone.index) == ("F/1/work/2", "of work\n", 0)
    # A clone has no foreach path in its metadata: its own artifact tells.
    assert [parent.id for parent in resumed["join"].task.parent_tasks] == ["7"]
    assert clone.metadata_dict["origin-task-id"] == "2"


def test_included_files_are_their_content(folder, target):
    run = folder.run()
    text, raw = "the notes: h\u00e9llo\n".encode(), bytes(range(256)) * 40
    files = {
        "text": folder.included_file("F", text),
        "raw": folder.included_file("F", raw, is_text=False),
        "latin": folder.included_file("F", "caf\u00e9".encode("latin-1"), encoding="latin-1"),
        "wrong": folder.included_file("F", b"\xff\xfe", encoding="utf-8"),
    }
    run.task("start", "1", files, way=(["end"], None))
    run.task("end", "2", files)
    assert target.take(folder).problems == []
    data = target.run().data
    assert (data.text, data.raw, data.latin) == ("the notes: h\u00e9llo\n", raw, "caf\u00e9")
    assert data.wrong == b"\xff\xfe"
    assert target.run()["end"].task["text"].type == "<class 'str'>"


def test_large_artifacts_go_through_in_pieces(folder, target, monkeypatch):
    monkeypatch.setattr("metaflow.imports.artifacts.STREAMED_BYTES", 1000)
    value = os.urandom(20 * 1024 * 1024)
    run = folder.run()
    run.task("start", "1", {"large": value, "packed": b"x" * 10_000_000}, way=(["end"], None))
    run.task("end", "2", {"large": value})
    assert target.take(folder).problems == []
    data = target.run()["start"].task.data
    assert data.large == value and data.packed == b"x" * 10_000_000


def test_other_encodings(folder, target):
    run = folder.run()
    task = run.task("start", "1", way=(["end"], None))
    import gzip

    values = {"twice": memoryview(gzip.compress(pickle.dumps([1, 2], 2))), "once": memoryview(pickle.dumps((3,), 2))}
    task.artifacts({**values, "_task_ok": True, "_transition": (["end"], None)}, encoding="gzip+pickle-v2")
    end = run.task("end", "2")
    end.artifacts(
        {"odd": memoryview(b"columns"), "fine": memoryview(pickle.dumps(4)), "_task_ok": True}, encoding="arrow-v9"
    )
    assert target.take(folder).problems == []
    data = target.run()["start"].task.data
    assert (data.twice, data.once) == ([1, 2], (3,))
    # What an extension wrote is kept, for when there is something that reads it.
    with pytest.raises(DataException, match="arrow-v9"):
        target.run()["end"].task["odd"].data
    assert target.run()["end"].task["odd"].size == 7


def test_cards_and_code_come_along(folder, target):
    run = folder.run()
    task = run.task("start", "1", way=(["end"], None))
    archive = task.code_package({"flow.py": b"code", ".mf_meta/INFO": b"{}"})
    task.card("default", b"<html>one</html>", "a" * 32)
    task.card("blank", b"<html>two</html>", "b" * 32, name="mine")
    run.task("end", "2")
    assert target.take(folder).problems == []
    start = target.run()["start"].task
    cards = json.loads(start.metadata_dict["cards"])
    assert [(card["type"], card["id"], card["hash"]) for card in cards] == [
        ("blank", "mine", "b" * 32),
        ("default", None, "a" * 32),
    ]
    path = target.root / card_key("F", "1700000000000000", "start", "1", cards[0]["file"])
    assert path.read_bytes() == b"<html>two</html>"
    assert json.loads(start.metadata_dict["a" * 32])["type"] == "default"

    from metaflow.datastore.blob_reading import load_segment
    from metaflow.datastore.blobs import Segment
    from metaflow.datastore.local import LocalStore

    package = target.record("start", "1")["code_package"]
    segment = Segment(package["size"], tuple(package["chunks"]))
    assert bytes(load_segment(LocalStore(target.root), segment)) == archive
    assert json.loads(package["description"])["archive_format"] == "tgz"


def test_the_code_of_imported_runs_is_that_of_their_user(folder, target):
    run = folder.run()
    run.task("start", "1", way=(["end"], None))
    members = {
        ".mf_code/metaflow/cli.py": b"theirs",
        ".mf_install": b"{}",
        ".mf_meta/INFO": json.dumps({"script": "./flow.py", "use_r": False}).encode(),
        "flow.py": b"code = 1",
        "parts/one.py": b"",
    }
    end = run.task("end", "2")
    archive = end.code_package(members)
    folder.run(run_id="2").task("start", "1")
    assert target.take(folder).problems == []

    # The first task was started before the package was made, and does not name it.
    for code in (target.run().code, target.run()["end"].task.code, target.run()["start"].task.code):
        assert code.files == {"flow.py": b"code = 1", "parts/one.py": b""}
        assert (code.script_name, code.flowspec) == ("flow.py", "code = 1")
        assert (code.info["use_r"], code.left_out) == (False, {})
        assert code.sha == hashlib.sha1(archive).hexdigest()
        assert code.path == "F/1700000000000000/end/2"
    assert target.run("F/2").code is None and target.run("F/2")["start"].task.code is None


def test_code_is_found_beside_a_damaged_task(folder, target):
    run = folder.run()
    run.task("start", "1", way=(["end"], None)).code_package({"flow.py": b"code"})
    run.task("end", "2")
    target.take(folder)
    (target.root / manifest_key("F", "1700000000000000", "end", "2", 0)).write_bytes(b"damaged")
    assert target.run().code.files == {"flow.py": b"code"}
    (target.root / manifest_key("F", "1700000000000000", "start", "1", 0)).write_bytes(b"damaged")
    with pytest.raises(CorruptedDataException):
        target.run().code  # noqa: B018


@pytest.mark.parametrize("name", ["../flow.py", "/flow.py"])
def test_imported_code_stays_in_its_directory(folder, target, name):
    folder.run().task("start", "1").code_package({name: b"code"})
    target.take(folder)
    with pytest.raises(CorruptedDataException, match="outside its directory"):
        target.run().code.files  # noqa: B018


def test_code_that_is_no_archive_is_told(folder, target):
    task = folder.run().task("start", "1")
    value = {"ds_type": "local", "sha": folder.blob("F", b"no archive", raw=True), "metadata": '{"version": 9}'}
    task.field("code-package", json.dumps(value))
    target.take(folder)
    with pytest.raises(CorruptedDataException, match=r"code package of F/1700000000000000/start/1 .*\"version\": 9"):
        target.run().code.files  # noqa: B018


def test_a_second_import_adds_only_what_is_new(folder, target):
    foreach_run(folder, "1", tags=["old"])
    going_on = folder.run(run_id="2")
    going_on.task("start", "1", way=(["end"], None))
    going_on.task("end", "2", done=False)
    target.take(folder)
    before = target.run("F/1").created_at
    assert outcomes(target.take(folder)) == {"F/1": "unchanged", "F/2": "unchanged"}

    target.run("F/1").add_tag("mine")
    target.run("F/1").remove_tag("old")
    run = folder.run(run_id="3")
    run.task("start", "1", way=(["end"], None))
    run.task("end", "2")
    going_on.task("end", "2", {"late": 1}, attempt=1)
    from unit.imports.metaflow_folder import WrittenRun

    WrittenRun(folder, "F", "1", "ada").describe(["old", "theirs"])
    report = target.take(folder)
    assert outcomes(report) == {"F/1": "updated", "F/2": "updated", "F/3": "new"}
    assert {run.run_id: run.tasks for run in report.runs} == {"1": 0, "2": 1, "3": 3}
    assert (target.run("F/2").status, target.run("F/2").data.late) == ("done", 1)
    assert Task("F/2/end/2", attempt=0, _namespace_check=False).status == "killed"
    # What was changed here stays; what was changed there since is added. The run is as old as it was.
    assert target.run("F/1").user_tags == {"mine", "theirs"}
    assert target.run("F/1").created_at == before
    assert set(outcomes(target.take(folder)).values()) == {"unchanged"}


def test_settled_tasks_are_not_read_again(folder, target):
    foreach_run(folder)
    long_ago = folder.clock
    for path in folder.root.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    target.take(folder)
    for data in folder.root.glob("F/*/work/*/0.data.json"):
        data.write_bytes(b"no longer read")
        os.utime(data.parent, (long_ago, long_ago))
    assert outcomes(target.take(folder)) == {RUN: "unchanged"}


def test_an_interrupted_import_goes_on(folder, target, monkeypatch):
    foreach_run(folder, size=20)
    long_ago = folder.clock
    for path in folder.root.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    monkeypatch.setattr(run_files, "_LOT", 5)
    monkeypatch.setattr(run_files, "_KEEP_INTERVAL", 0)
    real, lots = run_files._write_lot, []

    def interrupted(*arguments):
        lots.append(arguments)
        if len(lots) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(run_files, "_write_lot", interrupted)
    with pytest.raises(KeyboardInterrupt):
        target.take(folder)
    assert not Metaflow().flows, "a run that is not complete cannot be seen"
    monkeypatch.setattr(run_files, "_write_lot", real)
    report = target.take(folder)
    assert (outcomes(report), report.runs[0].tasks) == ({RUN: "new"}, 24 - 10)
    assert len(list(target.run()["work"])) == 20 and target.run().successful


def test_what_is_damaged_is_named_and_the_rest_comes(folder, target):
    foreach_run(folder)
    run = f"{folder.root}/{RUN}"
    key = json.loads(open(f"{run}/start/1/0.data.json").read())["objects"]["letters"]
    blob = folder.root / "F" / "data" / key[:2] / key
    content = blob.read_bytes()
    blob.unlink()
    with open(f"{run}/work/3/0.data.json", "r+b") as file:
        file.truncate(100)
    data = json.loads(open(f"{run}/work/4/0.data.json").read())
    open(f"{run}/work/4/0.data.json", "w").write(json.dumps({**data, "version": "7.0"}))
    open(f"{run}/work/5/_meta/_self.json", "w").write("")
    shutil.rmtree(f"{run}/work/6")
    square = json.loads(open(f"{run}/work/7/0.data.json").read())["objects"]["square"]
    (folder.root / "F" / "data" / square[:2] / square).write_bytes(b"nonsense")
    folder.file("F/broken/_meta/_self.json", b"{")
    foreach_run(folder, "2", flow="G")

    report = target.take(folder)
    found = {problem.where: problem.what for problem in report.problems}
    assert "missing" in found[f"{RUN}/start/1/letters"]
    assert "no JSON" in found[f"{RUN}/work/3, attempt 0"]
    assert "7.0" in found[f"{RUN}/work/4, attempt 0"]
    assert f"{RUN}/work/5" in found and "F/broken" in found
    assert "decompressed" in found[f"{RUN}/work/7/square"]
    assert outcomes(report) == {RUN: "new", "F/broken": "failed", "G/2": "new"}
    work = target.run()["work"]
    assert {task.id for task in work} == {str(number) for number in range(2, 14)} - {"3", "4", "6"}
    assert work["7"].successful and "square" not in work["7"].data
    assert target.run("G/2").successful and target.run().successful
    assert [parent.id for parent in target.run()["join"].task.parent_tasks][:3] == ["2", "5", "7"]

    # Once it is repaired there, it comes with the next import.
    blob.write_bytes(content)
    report = target.take(folder, flows=("F",))
    assert f"{RUN}/start/1/letters" not in {problem.where for problem in report.problems}
    assert target.run()["start"].task.data.letters[0] == "a"


def test_runs_made_here_are_kept(folder, target):
    foreach_run(folder, "5")
    StoredRun(target.root, run_id="5", started_at=5.0).finished("start", "1")
    report = target.take(folder)
    assert outcomes(report) == {"F/5": "kept"} and not report.problems
    assert target.run("F/5")._record.user == "ann"


def test_the_folder_may_be_our_own_and_is_only_read(folder, target, tmp_path):
    foreach_run(folder)
    shutil.copytree(folder.root, target.root, dirs_exist_ok=True)
    own = type(folder)(target.root)

    def state():
        files = (path for path in target.root.rglob("*") if "mf-store" not in path.parts)
        return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in files}

    before = state()
    assert outcomes(target.take(own)) == {RUN: "new"}
    assert outcomes(target.take(own)) == {RUN: "unchanged"}
    assert {path: value for path, value in state().items() if path != target.root} == {
        path: value for path, value in before.items() if path != target.root
    }
    assert target.run().successful


def test_only_what_is_wanted(folder, target):
    foreach_run(folder, "1")
    folder.clock += 10_000
    foreach_run(folder, "2")
    foreach_run(folder, "3", flow="G")
    with pytest.raises(CommandException, match="no runs of H"):
        target.take(folder, flows=("H",))
    report = target.take(folder, dry_run=True)
    assert set(outcomes(report).values()) == {"new"} and not any(target.root.iterdir())
    assert sum(run.tasks for run in report.runs) == 3 * 16
    assert outcomes(target.take(folder, flows=("G",))) == {"G/3": "new"}
    since = folder.clock - 5000
    assert outcomes(target.take(folder, flows=("F",), since=since)) == {"F/2": "new"}
    assert [run.id for run in Flow("F")] == ["2"]


def test_an_empty_folder_says_so(target, tmp_path, folder):
    folder.root.mkdir(parents=True)
    (folder.root / "config.json").write_text("{}")
    with pytest.raises(CommandException, match="no runs of Netflix's Metaflow"):
        target.take(folder)


def test_the_index_can_be_rebuilt_from_what_was_imported(folder, target):
    foreach_run(folder, tags=["good"])
    target.take(folder)
    before = [(task.pathspec, task.status, task.index) for step in target.run() for task in step]
    counts = reindex(Home(str(target.root)))
    assert (counts.runs, counts.damaged) == (1, ())
    assert [(task.pathspec, task.status, task.index) for step in target.run() for task in step] == before
    assert target.run().user_tags == {"good"}


def test_names_that_our_store_cannot_have(folder, target):
    run = folder.run()
    run.task("start", "1", way=(["end"], None))
    run.task("end", "x" * 230)
    report = target.take(folder)
    assert "more than" in report.problems[0].what
    assert target.run()["start"].task.successful
