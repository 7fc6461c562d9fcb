"""Tasks that go on where a dead run sent them: resuming waits for them instead of starting them again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow import Flow, Run
from metaflow.compute.backend import JobQuery
from metaflow.exception import CannotCancel
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Project
from .test_kill import interrupted_until_it_leaves, wait_until

LONG = """
import os, time
from metaflow import FlowSpec, current, step
from metaflow.testing.elsewhere import elsewhere

MARKS = "WHERE"

def wait_for(name):
    while not os.path.exists(f"{MARKS}/{name}"):
        time.sleep(0.05)

class LongFlow(FlowSpec):
    @step
    def start(self):
        self.names = ["good", "early", "bad", "lost"]
        self.next(self.work, foreach="names")

    @elsewhere
    @step
    def work(self):
        name = self.input
        with open(f"{MARKS}/started-{name}", "a") as file:
            file.write(current.run_id + "\\n")
        again = current.origin_run_id is not None
        print("began", name, flush=True)
        if not again:
            wait_for(name)
        if name == "bad" and not again:
            raise ValueError("bad luck")
        print("ended", name, flush=True)
        self.made_by = (name, current.run_id)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.made_by = [each.made_by for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def marks(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = project.path / "marks"
    folder.mkdir()
    engine = project.path / "engine"
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(engine))
    project.env[DIRECTORY_VARIABLE] = str(engine)
    project.write(LONG.replace("WHERE", str(folder)))
    yield folder
    ProcessBackend(str(engine)).clear()


def started(marks: Path, name: str) -> list[str]:
    try:
        return (marks / f"started-{name}").read_text().split()
    except FileNotFoundError:
        return []


def killed_run(project: Project, marks: Path) -> Run:
    """A run whose process was killed while its four tasks went on elsewhere."""
    process = project.start("run")
    wait_until(lambda: all(started(marks, name) for name in ("good", "early", "bad", "lost")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    project.client()
    return Flow("LongFlow").latest_run


def test_tasks_that_go_on_are_awaited_and_those_that_come_to_nothing_start_again(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    dead = killed_run(project, marks)
    (marks / "early").touch()  # it finishes while nobody looks
    manifests = dead._provider.root / "mf-store" / "runs" / "LongFlow" / dead.id / "work"
    wait_until(lambda: len(list(manifests.glob("*.manifest"))) == 1)

    process = project.start("resume")
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "began good" in line:
            engine.evict(f"work/{2 + ['good', 'early', 'bad', 'lost'].index('lost')}/0")
            (marks / "good").touch()
            (marks / "bad").touch()
    assert process.wait(60) == 0, seen + (process.stderr.read() if process.stderr else "")

    assert "work: 1 cloned, 3 to run (not finished)" in seen
    assert "3 tasks that may still run are not started again" in seen
    new_tasks = [line for line in seen.splitlines() if "/work/" in line and "of run" in line]
    assert sum("Task has been started already." in line for line in new_tasks) == 3
    assert not any("Task is starting." in line for line in new_tasks)
    assert "ended good" in seen, "the log of a task that is awaited is shown"
    assert seen.count("instead of starting it again") == 1
    assert "came to nothing, so that it starts anew: it failed." in seen
    assert "came to nothing, so that it starts anew: it was evicted: the node was low on memory." in seen
    new = Flow("LongFlow").latest_run
    assert new.successful and new.origin_pathspec == dead.pathspec
    assert dict(new.data.made_by) == {"good": dead.id, "early": dead.id, "bad": new.id, "lost": new.id}
    assert [started(marks, name) for name in ("good", "early")] == [[dead.id]] * 2
    assert [started(marks, name) for name in ("bad", "lost")] == [[dead.id, new.id]] * 2
    good = next(task for task in new["work"] if task.data.made_by[0] == "good")
    assert good.origin_pathspec.startswith(f"LongFlow/{dead.id}/work/")
    assert good.stdout == "began good\nended good\n"
    # A result counts as soon as it is there; the process that left it may need a moment more to end.
    wait_until(lambda: not engine.find(JobQuery("LongFlow")))


def test_a_job_that_its_run_did_not_live_to_note_is_taken_over_too(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    dead = killed_run(project, marks)
    for noted in (project.path / ".metaflow").rglob("*.submitted.json"):
        noted.unlink()

    process = project.start("resume")
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "instead of starting it again" in line:
            for name in ("good", "early", "bad", "lost"):
                (marks / name).touch()
    assert process.wait(60) == 0, seen
    assert "Waiting for what run" in seen
    assert [started(marks, name) for name in ("good", "early", "lost")] == [[dead.id]] * 3
    assert len(engine._folders()) == 2, "the job that was taken over, and that of the task that failed"


def test_a_resumed_run_that_dies_while_it_waits_can_be_resumed_in_its_turn(project: Project, marks: Path) -> None:
    dead = killed_run(project, marks)
    second = project.start("resume")
    assert second.stdout is not None
    for line in second.stdout:
        if "began good" in line:
            break
    second.send_signal(signal.SIGKILL)
    second.communicate()
    (marks / "early").touch()
    manifests = dead._provider.root / "mf-store" / "runs" / "LongFlow" / dead.id / "work"
    wait_until(lambda: len(list(manifests.glob("*.manifest"))) == 1)
    for name in ("good", "bad", "lost"):
        (marks / name).touch()

    third = project.call("resume")

    assert third.code == 0, third
    made_by = dict(Flow("LongFlow").latest_run.data.made_by)
    assert {name: made_by[name] for name in ("good", "early", "lost")} == dict.fromkeys(
        ("good", "early", "lost"), dead.id
    )
    assert [len(started(marks, name)) for name in ("good", "early", "lost", "bad")] == [1, 1, 1, 2]


def test_cancelling_a_resumed_run_that_died_ends_what_it_waited_for(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    dead = killed_run(project, marks)
    second = project.start("resume")
    assert second.stdout is not None
    for line in second.stdout:
        if "began lost" in line:
            break
    second.send_signal(signal.SIGKILL)
    second.communicate()

    cancelled = Flow("LongFlow").latest_run.cancel()

    assert cancelled.status == "stopped"
    assert sorted((task.task, task.status) for task in cancelled.tasks if task.place) == [
        (f"work/{task_id}", "killed") for task_id in range(2, 6)
    ]
    assert not engine.find(JobQuery("LongFlow"))
    with pytest.raises(CannotCancel, match="None of its tasks goes on"):
        dead.cancel()


def test_tasks_that_are_awaited_end_with_the_run_that_awaits_them(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    killed_run(project, marks)
    process = project.start("resume")
    assert process.stdout is not None
    for line in process.stdout:
        if "began lost" in line:
            process.send_signal(signal.SIGINT)
            break
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stdout + stderr
    assert "Task was stopped." in stdout
    wait_until(lambda: not engine.find(JobQuery("LongFlow")))


def test_the_third_interrupt_leaves_what_is_awaited(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    killed_run(project, marks)
    process = project.start("resume")
    assert process.stdout is not None
    for line in process.stdout:
        if "began lost" in line:
            break
    (engine.directory / "unavailable").write_text("No route to host.")
    stdout, stderr = interrupted_until_it_leaves(process)
    (engine.directory / "unavailable").unlink()
    assert process.returncode == 1, stdout + stderr
    assert "Nothing confirms that the task has ended" in stdout


def test_what_ended_before_its_turn_came_is_not_waited_for(project: Project, marks: Path) -> None:
    engine = ProcessBackend(project.env[DIRECTORY_VARIABLE])
    dead = killed_run(project, marks)
    for task_id in range(2, 6):
        engine.evict(f"work/{task_id}/0")
    resumed = project.call("resume", "--max-workers", "1")
    assert resumed.code == 0, resumed
    assert resumed.stdout.count("it was evicted: the node was low on memory") == 4
    assert dead.id not in {run for _, run in Flow("LongFlow").latest_run.data.made_by}


def test_steps_that_are_asked_for_are_not_awaited_nor_is_a_cancelled_run(project: Project, marks: Path) -> None:
    dead = killed_run(project, marks)
    named = project.call("resume", "work")
    assert named.code == 0, named
    assert "Waiting for what run" not in named.stdout
    useless = "4 tasks of it that may still run are of no use for the new run."
    assert f"{useless} To end what is there: metaflow runs cancel {dead.pathspec}" in named.stdout
    assert {run for _, run in Flow("LongFlow").latest_run.data.made_by} == {Flow("LongFlow").latest_run.id}

    dead.cancel()
    again = project.call("resume", "--origin-run-id", dead.id)
    assert again.code == 0, again
    assert "Waiting for what run" not in again.stdout
    assert os.listdir(marks).count("good") == 0
