"""Runs that are cancelled from anywhere, and what engines have of them, ended by hand."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow import Flow
from metaflow.client.cancellation import note_cancellation
from metaflow.compute.backend import JobQuery
from metaflow.datastore.local import LocalStore
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Project, metaflow
from .test_kill import wait_until

SLOW = """
import os, time
from metaflow import FlowSpec, step
from metaflow.testing.elsewhere import elsewhere

MARKS = "WHERE"

class SlowFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.here, self.away)

    @step
    def here(self):
        open(MARKS + "/here", "w").close()
        time.sleep(600)
        self.next(self.join)

    @elsewhere
    @step
    def away(self):
        open(MARKS + "/away", "w").close()
        time.sleep(600)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def engine(project: Project) -> Iterator[ProcessBackend]:
    folder = project.path / "engine"
    project.env[DIRECTORY_VARIABLE] = str(folder)
    backend = ProcessBackend(str(folder))
    backend.check()
    yield backend
    backend.clear()


@pytest.fixture
def slow(project: Project, engine: ProcessBackend) -> subprocess.Popen[str]:
    """A run with a task here and one elsewhere, both of which go on for ever."""
    project.write(SLOW.replace("WHERE", str(project.path)))
    process = project.start("run")
    wait_until(lambda: (project.path / "here").exists() and (project.path / "away").exists())
    return process


def test_a_run_on_this_machine_is_cancelled(
    project: Project, engine: ProcessBackend, slow: subprocess.Popen[str]
) -> None:
    asked = metaflow(project, "runs", "cancel", "SlowFlow")
    assert asked.code == 1 and "Give --yes" in asked.stderr and slow.poll() is None

    outcome = metaflow(project, "runs", "cancel", "SlowFlow", "--yes", "--json")

    assert outcome.code == 0, outcome
    (said,) = json.loads(outcome.stdout)
    assert (said["status"], said["message"]) == ("stopped", "cancelled by tester")
    assert {(task["task"].partition("/")[0], task["status"], task["place"]) for task in said["tasks"]} == {
        ("here", "killed", ""),
        ("away", "killed", "elsewhere"),
    }
    slow.communicate(timeout=60)
    assert slow.returncode == 1
    assert not engine.find(JobQuery("SlowFlow"))
    project.client()
    assert Flow("SlowFlow").latest_run.status == "stopped"

    again = metaflow(project, "runs", "cancel", "latest", "--yes")
    assert again.code == 0
    assert "has ended already: it was stopped (cancelled by tester). None of its tasks goes on." in again.stderr


def test_a_run_sees_that_it_was_cancelled_from_another_machine(
    project: Project, engine: ProcessBackend, slow: subprocess.Popen[str]
) -> None:
    project.client()
    run = Flow("SlowFlow").latest_run

    note_cancellation(LocalStore(project.path / ".metaflow"), "SlowFlow", run.id, "somebody far away")

    stdout, _ = slow.communicate(timeout=60)
    assert slow.returncode == 1
    assert "Workflow is being cancelled." in stdout
    assert run.status == "stopped"
    assert run._run_record().message == "cancelled by somebody far away"


def test_what_a_dead_run_left_is_ended(project: Project, engine: ProcessBackend, slow: subprocess.Popen[str]) -> None:
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    (engine.directory / "unavailable").write_text("The engine is on holiday.")
    away = metaflow(project, "runs", "cancel", "SlowFlow", "--yes", "--wait", "0.5")
    assert away.code == 1
    assert "Elsewhere does not answer" in away.stderr and "The engine is on holiday." in away.stderr
    (engine.directory / "unavailable").unlink()
    assert len(engine.find(JobQuery("SlowFlow"))) == 1, "the task goes on"

    outcome = metaflow(project, "runs", "cancel", "SlowFlow", "--yes")

    assert outcome.code == 0, outcome
    assert [line.split() for line in outcome.stdout.splitlines()[1:]] == [["away/3", "0", "killed", "elsewhere"]]
    assert "was stopped: cancelled by tester." in outcome.stderr
    assert not engine.find(JobQuery("SlowFlow"))
    project.client()
    run = Flow("SlowFlow").latest_run
    assert run.status == "stopped"
    # The file of the run says the same, for whoever rebuilds the index.
    record = json.loads((project.path / ".metaflow/mf-store/runs/SlowFlow" / run.id / "run.json").read_text())
    assert (record["status"], record["message"]) == ("stopped", "cancelled by tester")


def test_a_job_that_its_run_did_not_live_to_note_is_ended_too(project: Project, engine: ProcessBackend) -> None:
    (engine.directory / "lose").touch()
    project.write(SLOW.replace("WHERE", str(project.path)))
    process = project.start("run")
    wait_until(lambda: len(engine.find(JobQuery("SlowFlow"))) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list(Path(project.path / ".metaflow").rglob("*.submitted.json"))

    outcome = metaflow(project, "runs", "cancel", "SlowFlow", "--yes")

    assert outcome.code == 0, outcome
    assert outcome.stdout.splitlines()[1].split() == ["away/3", "0", "killed", "elsewhere"]
    assert not engine.find(JobQuery("SlowFlow"))


def test_tasks_that_were_never_started_are_told_apart(project: Project, engine: ProcessBackend) -> None:
    (engine.directory / "hold").write_text("no node is free")
    project.write(SLOW.replace("WHERE", str(project.path)))
    process = project.start("run")
    wait_until(lambda: len(engine.find(JobQuery("SlowFlow"))) == 1)
    outcome = metaflow(project, "runs", "cancel", "SlowFlow", "--yes", "--json")
    process.communicate(timeout=60)
    became = {task["task"].partition("/")[0]: task["status"] for task in json.loads(outcome.stdout)[0]["tasks"]}
    assert became == {"here": "killed", "away": "never started"}
    (engine.directory / "hold").unlink()
    assert not engine.find(JobQuery("SlowFlow"))


def test_a_run_that_cannot_be_cancelled_now_does_not_keep_others_alive(
    project: Project, engine: ProcessBackend, slow: subprocess.Popen[str]
) -> None:
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    project.client()
    dead = Flow("SlowFlow").latest_run
    for name in ("here", "away"):
        (project.path / name).unlink()
    going_on = project.start("run")
    wait_until(lambda: (project.path / "here").exists() and (project.path / "away").exists())
    (engine.directory / "unavailable").write_text("The engine is on holiday.")
    both = metaflow(project, "runs", "cancel", dead.pathspec, "SlowFlow", "--yes", "--wait", "0.5", "--json")
    assert both.code == 1 and "The engine is on holiday." in both.stderr, both
    assert [run["message"] for run in json.loads(both.stdout)][1] == "cancelled by tester"
    (engine.directory / "unavailable").unlink()
    going_on.communicate(timeout=60)
    assert going_on.returncode == 1


def test_runs_that_cannot_be_cancelled(project: Project, engine: ProcessBackend) -> None:
    project.run("class QuickFlow(FlowSpec):\n    @step\n    def start(self):\n        pass\n")
    done = metaflow(project, "runs", "cancel", "QuickFlow", "--yes")
    assert done.code == 0
    assert "is done: there is nothing to cancel" in done.stderr
    unknown = metaflow(project, "runs", "cancel", "QuickFlow/x9", "--yes")
    assert unknown.code == 1
    assert "There is no run QuickFlow/x9." in unknown.stderr
    assert not list(Path(project.path / ".metaflow").rglob("cancel.json"))


def test_an_engine_is_asked_about_a_run_of_which_nothing_is_known_here(
    project: Project, engine: ProcessBackend
) -> None:
    project.write(SLOW.replace("WHERE", str(project.path)))
    listed = project.call("elsewhere", "list", "--run-id", "17")
    assert (listed.code, listed.stderr.splitlines()[-1]) == (0, "Nothing waits or runs there."), listed
    latest = project.call("elsewhere", "list")
    assert latest.code == 1 and "No .metaflow directory was found" in latest.stderr


def test_jobs_of_an_engine_are_listed_and_killed(
    project: Project, engine: ProcessBackend, slow: subprocess.Popen[str]
) -> None:
    project.client()
    run_id = Flow("SlowFlow").latest_run.id
    (job,) = engine.find(JobQuery("SlowFlow"))
    listed = project.call("elsewhere", "list")
    assert listed.code == 0
    assert listed.stdout.splitlines()[1].split() == [run_id, "away", "3", "0", "tester", job.engine_id, "running"]
    assert "1 job: 1 running." in listed.stderr
    for filters, count in (
        (["--my-runs"], 1),
        (["--user", "tester"], 1),
        (["--run-id", run_id], 1),
        (["--run-id", run_id, "--user", "grace"], 0),
        (["--user", "grace"], 0),
        (["--run-id", "1"], 0),
    ):
        found = project.call("elsewhere", "list", "--json", *filters)
        assert (found.code, len(json.loads(found.stdout))) == (0, count), filters
    clash = project.call("elsewhere", "list", "--my-runs", "--user", "grace")
    assert clash.code == 2 and "--my-runs goes neither with" in clash.stderr
    nobody = project.call("elsewhere", "kill", env={"METAFLOW_USER": "grace"})
    assert nobody.code == 1 and "There is no run of SlowFlow by you (grace)." in nobody.stderr
    assert "No such command" in project.call("elswhere", "list").stderr

    killed = project.call("elsewhere", "kill")

    assert killed.code == 0, killed
    assert killed.stdout.splitlines()[1].split()[-2:] == [job.engine_id, "killed"]
    stdout, _ = slow.communicate(timeout=60)
    assert slow.returncode == 1 and "Task failed" in stdout
    assert project.call("elsewhere", "kill").stderr.endswith("Nothing waits or runs there.\n")
