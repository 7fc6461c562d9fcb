"""`metaflow import-runs`, with folders that tests wrote, and with one that Netflix's Metaflow wrote."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from e2e.conftest import Project
from e2e.reference import FLOWS, reference_python
from e2e.test_failures import is_alive
from unit.imports.metaflow_folder import Folder, foreach_run


def import_runs(project: Project, *arguments: object):
    return project.call("metaflow", "import-runs", *map(str, arguments), flow="-m")


def test_the_command(project: Project) -> None:
    folder = Folder(project.path / "old" / ".metaflow")
    run = foreach_run(folder, "1", tags=["good"])
    foreach_run(folder, "2", flow="G")

    nothing = import_runs(project, "old", "--dry-run")
    assert nothing.code == 0 and "F: 1 new (16 tasks)" in nothing.stdout, nothing
    assert not (project.path / ".metaflow").exists()
    first = import_runs(project, "old", "--flow", "F")
    assert first.code == 0 and first.stderr == "", first
    assert first.stdout.splitlines()[1:] == ["    F: 1 new (16 tasks)"]

    # Damage is told of, is no obstacle to the rest, and costs the exit code.
    (project.path / "old/.metaflow/G/2/end/15/0.data.json").write_text("{")
    report = import_runs(project, project.path / "old" / ".metaflow", "--json")
    assert report.code == 1, report
    content = json.loads(report.stdout)
    assert content["counts"] == {
        "new": 1, "updated": 0, "unchanged": 1, "kept": 0, "failed": 0, "tasks": 15, "problems": 1,
    }  # fmt: skip
    assert content["runs"][1]["problems"][0]["where"] == "G/2/end/15, attempt 0"
    shown = import_runs(project, "old")
    assert shown.code == 1 and "G/2/end/15, attempt 0" in shown.stdout, shown

    project.client()
    from metaflow import Run

    assert Run("F/1").user_tags == {"good"} and Run("F/1").successful
    assert Run("G/2").status == "failed"

    # Where nobody says which, it is the nearest folder.
    shutil.copytree(folder.root, project.path / ".metaflow", dirs_exist_ok=True)
    assert "unchanged" in import_runs(project, "--since", "2001-01-01").stdout
    assert "no runs" in import_runs(project, "--since", "1 day").stdout
    for arguments in (
        ["nowhere"],
        ["old", "--flow", "H"],
        ["old", "--since", "sometime"],
        [str(project.path / "home")],
    ):
        refused = import_runs(project, *arguments)
        assert refused.code in (1, 2) and "Traceback" not in refused.stderr, refused
        assert refused.stderr.strip(), refused
    assert run.run_id == "1"


def test_an_import_that_is_killed_leaves_no_process_and_goes_on(project: Project) -> None:
    folder = Folder(project.path / "old" / ".metaflow")
    for number in range(6):
        foreach_run(folder, str(number), size=30)
    process = project.start("metaflow", "import-runs", "old", flow="-m")
    deadline = time.monotonic() + 60
    while not (project.path / ".metaflow/mf-store/runs").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.kill()
    process.wait()
    for child in children:
        while is_alive(int(child)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_alive(int(child)), f"process {child} outlives the import"
    assert import_runs(project, "old").code == 0
    project.client()
    from metaflow import Flow

    assert [(run.successful, len(list(run["work"]))) for run in Flow("F")] == [(True, 30)] * 6


# ---------------------------------------------------------------------------------------------------------------------


class Theirs:
    """A directory in which Netflix's Metaflow runs flows."""

    def __init__(self, path, python):
        self.path, self.python = path, python
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("METAFLOW_", "PYTHON"))}
        self.env = kept | {
            "METAFLOW_USER": "ada",
            "HOME": str(path / "home"),
            "METAFLOW_HOME": str(path / "home"),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "METAFLOW_CLIENT_CACHE_PATH": str(path / "cache"),
        }
        path.mkdir()
        for flow in FLOWS.glob("*_flow.py"):
            shutil.copy(flow, path)
        (path / "note.txt").write_text("the notes: h\u00e9llo\n")
        (path / ".metaflow").mkdir()

    def start(self, flow, *arguments, **env):
        command = [self.python, f"{flow}_flow.py", "--no-pylint", *arguments]
        with open(self.path / f"{flow}-{arguments[-1]}.log", "w") as log:
            return subprocess.Popen(
                command, cwd=self.path, env=self.env | env, stdout=log, stderr=log, start_new_session=True
            )

    def latest(self, flow):
        return (self.path / ".metaflow" / flow / "latest_run").read_text()

    def run_flows(self):
        code = {"METAFLOW_FEAT_ALWAYS_UPLOAD_CODE_PACKAGE": "1"}
        inputs = self.start("inputs", "run", "--tag", "two", "--tag", "one")
        nodes = self.start("nodes", "run", **code)
        assert (inputs.wait(), nodes.wait()) == (0, 0), self.logs()
        shapes = self.start("shapes", "run", "--max-workers", "4")
        assert shapes.wait() == 0, self.logs()
        failing = self.start("shapes", "run", "--max-workers", "4", "--fail", "True")
        assert failing.wait() == 1, self.logs()
        assert self.start("shapes", "resume").wait() == 1, self.logs()
        killed = self.start("nodes", "run", "--sleep", "600")
        folder = self.path / ".metaflow" / "NodesFlow"
        deadline = time.monotonic() + 60
        while not list(folder.glob("*/end/*/0.task_begin"))[1:] and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()

    def logs(self):
        return "\n".join(f"--- {log.name}\n{log.read_text()}" for log in self.path.glob("*.log"))


def everything(python, directory, env):
    command = [python, FLOWS / "read_everything.py", directory]
    done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# What their client tells of lineage is wrong in these steps: it takes any repetition for any other one.
REPEATED = {"join_static", "loop", "choose"}


def compare(theirs, ours):
    """Check that both clients tell the same of the same runs."""
    assert theirs.keys() == ours.keys()
    attempts = {where: task for run in theirs.values() for where, task in run["tasks"].items()}
    for pathspec, run in theirs.items():
        mine = ours[pathspec]
        is_resumed = any(task["origin"] for task in run["tasks"].values())
        for name in ("tags", "system_tags", "successful", "finished"):
            assert mine[name] == run[name], (pathspec, name)
        # Clones are made within a millisecond, in no order.
        assert mine["steps"] == run["steps"] or (is_resumed and set(mine["steps"]) == set(run["steps"])), pathspec
        assert mine["created"] == pytest.approx(run["created"], abs=0.002), pathspec
        assert mine["tasks"].keys() == run["tasks"].keys(), pathspec
        for where, task in run["tasks"].items():
            # A clone shows here what its origin printed.
            printed = attempts[max(key for key in attempts if key.startswith(f"{task['origin'] or where[:-2]} "))]
            compare_attempts(where, task, mine["tasks"][where], printed if task["origin"] else task)
            # Of clones, which have no foreach path in their metadata, their client finds neither parents nor children.
            if task["parents"] is not None and not is_resumed:
                compare_lineage(where, task, mine["tasks"][where])


def compare_attempts(where, task, mine, printed):
    for name in ("index", "finished", "successful", "origin", "exception"):
        assert mine[name] == task[name], (where, name)
    for name in ("stdout", "stderr", "lines"):
        assert mine[name] == printed[name], (where, name)
    assert mine["created"] == pytest.approx(task["created"], abs=0.002), where
    if task["finished_at"] is not None:
        assert mine["finished_at"] == pytest.approx(task["finished_at"], abs=1.0), where
    assert {name: mine["metadata"].get(name) for name in task["metadata"]} == task["metadata"], where
    assert {name: mine["artifacts"].get(name) for name in task["artifacts"]} == task["artifacts"], where


def compare_lineage(where, task, mine):
    step = where.split("/")[2]
    if step not in REPEATED | {"start"}:  # the parent of `start` is the task of the parameters, which they do not tell
        assert mine["parents"] == task["parents"], where
    if step not in REPEATED:
        assert mine["children"] == task["children"], where


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_that_their_client_tells_is_told_by_ours(project: Project) -> None:
    theirs = Theirs(project.path / "theirs", reference_python())
    theirs.run_flows()
    source = theirs.path / ".metaflow"
    before = {path: path.stat().st_mtime_ns for path in source.rglob("*")}
    outcome = import_runs(project, "theirs")
    assert outcome.code == 0, outcome
    assert {path: path.stat().st_mtime_ns for path in source.rglob("*")} == before, "the folder is only read"

    compare(everything(theirs.python, theirs.path, theirs.env), everything(sys.executable, project.path, project.env))
    project.client()
    from metaflow import Flow

    inputs = Flow("InputsFlow").latest_run
    data = inputs["middle"].task.data
    assert (data.text, data.raw, data.nothing) == ("the notes: h\u00e9llo\n", "the notes: h\u00e9llo\n".encode(), None)
    assert data.settings["inner"] == {"x": [1, {"y": 2}]} and data.from_config[1] == {"y": 2}
    (card,) = json.loads(inputs["middle"].task.metadata_dict["cards"])
    assert (card["type"], card["id"]) == ("blank", "mine")

    shapes = list(Flow("ShapesFlow"))
    resumed, failed, good = shapes
    assert [run.status for run in shapes] == ["failed", "failed", "done"]
    assert resumed.origin_pathspec == failed.pathspec
    gather = resumed["gather"].task
    assert [task.data.found for task in gather.parent_tasks] == list("abcdefghijk"), "clones have parents, in order"
    loops = sorted(good["loop"], key=lambda task: task.data.counter)
    assert [task.id for task in loops[1].parent_tasks] == [loops[0].id]

    killed, nodes = Flow("NodesFlow")
    assert (killed.status, killed["end"].task.status) == ("failed", "killed")
    assert nodes.code.script_name == "nodes_flow.py" and "class NodesFlow(FlowSpec)" in nodes.code.flowspec
    assert {"nodes_flow.py", "inputs_flow.py"} <= set(nodes.code.files) and "metaflow_version" in nodes.code.info
    assert [run.id for run in Flow("ShapesFlow").runs(parameters={"fail": True})] == [resumed.id, failed.id]
    assert len(nodes["train"].control_task["_control_mapper_tasks"].data) == 2

    # What they left unfinished, we finish.
    for flow in ("shapes", "nodes"):
        shutil.copy(theirs.path / f"{flow}_flow.py", project.path)
    text = (project.path / "shapes_flow.py").read_text()
    (project.path / "shapes_flow.py").write_text(text.replace('raise RuntimeError("as asked")', "self.repaired = True"))
    outcome = project.call("resume", "--origin-run-id", failed.id, flow="shapes_flow.py")
    assert outcome.code == 0, outcome
    finished = Flow("ShapesFlow").latest_run
    assert finished.data.repaired and finished["left"].task.origin_pathspec == failed["left"].task.pathspec
    assert not {"_iteration_stack", "_foreach_var"} & set(finished["end"].task.artifact_names(private=True))
    outcome = project.call("spin", f"{nodes.id}/gather", flow="nodes_flow.py")
    assert outcome.code == 0, outcome
    counts = json.loads(import_runs(project, "theirs", "--json").stdout)["counts"]
    assert (counts["unchanged"], counts["new"], counts["updated"]) == (6, 0, 0), (
        "our own runs beside them do not matter"
    )
