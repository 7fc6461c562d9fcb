"""Runs that are killed or interrupted: nothing is left running, nothing finished is lost, and the record tells."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from metaflow import Flow, Run

from .conftest import Project
from .test_failures import is_alive

SLOW = """
import os, subprocess, time

class F(FlowSpec):
    @step
    def start(self):
        self.items = list(range(40))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        child = subprocess.Popen(["sleep", "300"])
        with open("pids", "a") as file:
            file.write("%d\\n%d\\n" % (os.getpid(), child.pid))
        time.sleep(0.02)
        self.result = [self.input] * 1000
        child.kill()
        self.next(self.join)

    @step
    def join(self, inputs):
        time.sleep({join_seconds})
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# The time that tasks have to react is read by what the run imports after its flow.
_LONG_GRACE = "import metaflow.runtime.stopping\nmetaflow.runtime.stopping.STOP_GRACE = 1000.0\n"


def processes_of(project: Project) -> set[int]:
    path = project.path / "pids"
    return {int(pid) for pid in path.read_text().split()} if path.exists() else set()


def wait_until(condition, seconds: float = 90.0) -> None:
    """Wait for what is there in a moment, or much later where many others want the processors too."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def printed_until(process: subprocess.Popen[str], words: str) -> str:
    """What a run prints up to the line that has these words."""
    assert process.stdout is not None
    printed = ""
    while words not in printed:
        line = process.stdout.readline()
        assert line, f"the run ended without saying {words!r}: {printed}"
        printed += line
    return printed


def interrupted_until_it_leaves(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Interrupt a run that leaves at the third time, and return what it printed.

    Signals that come together are one: the next is sent when the run has told of the last.
    """
    printed = ""
    for words in ("Workflow is stopping", "Tasks are being killed"):
        process.send_signal(signal.SIGINT)
        printed += printed_until(process, words)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    return printed + stdout, stderr


@pytest.mark.parametrize("moment", range(12))
def test_kill_9_at_a_random_moment(project: Project, moment: int) -> None:
    delay = random.uniform(0.05, 1.5)
    print(f"killed after {delay:.3f} seconds")
    project.write(SLOW.format(join_seconds=0.2))
    process = project.start("run", "--max-workers", "4")
    time.sleep(delay)
    process.kill()
    process.communicate()
    # The fork server and everything below it go with the run.
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
    wait_until(lambda: not children_named(project.path))
    if not list((project.path / ".metaflow" / "mf-store" / "runs").glob("F/*/run.json")):
        return  # it had not begun
    project.client()
    for run in Flow("F"):
        if process.returncode == 0:
            continue
        assert run.status in ("failed", "done")
        committed = list((project.path / ".metaflow" / "mf-store" / "runs" / "F" / run.id / "work").glob("*.manifest"))
        tasks = {task.id: task for task in run["work"]} if committed else {}
        for manifest in committed:
            task = tasks[manifest.name.split(".")[0]]
            assert task.finished, manifest
            assert task.data.result == [task.data.items[task.index]] * 1000
        for task in tasks.values():
            if not task.finished:
                assert not hasattr(task.data, "result")


def children_named(path: Path) -> list[str]:
    """Processes whose working directory is `path`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(pid) != os.getpid() and os.readlink(f"/proc/{pid}/cwd") == str(path) and is_alive(int(pid)):
                found.append(pid)
        except OSError:
            continue
    return found


def test_a_killed_run_shows_as_failed_and_keeps_its_index_right(project: Project) -> None:
    project.write(SLOW.format(join_seconds=600))
    process = project.start("run", "--max-workers", "4")
    wait_until(lambda: len(list(project.path.glob(".metaflow/mf-store/runs/F/*/work/*.manifest"))) == 40)
    project.client()
    run = Flow("F").latest_run
    assert run is not None and run.status == "running" and not run.finished
    # It is known while the task runs, and the page of the run tells start-up from code by it.
    wait_until(lambda: any(step.task._record.code_started_at for step in Run(run.pathspec) if step.id == "join"))
    wait_until(lambda: list(project.path.glob(".metaflow/mf-store/runs/F/*/join/*.resources")))
    process.kill()
    process.communicate()
    run = Run(run.pathspec)
    killed = run["join"].task._record
    assert killed.status == "killed" and killed.finished_at - killed.started_at >= 0.5, "it ran for a second"
    assert killed.started_at <= killed.code_started_at < killed.finished_at
    assert run.status == "failed"
    assert not run.successful and not run.finished
    assert len([task for task in run["work"] if task.finished]) == 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_stops_everything_and_marks_the_run_as_stopped(project: Project, number: int) -> None:
    project.write(_LONG_GRACE + SLOW.replace("time.sleep(0.02)", "time.sleep(300)").format(join_seconds=0))
    process = project.start("run", "--max-workers", "4")
    wait_until(lambda: len(processes_of(project)) >= 8)
    process.send_signal(number)  # whatever reacts ends long before its time is over
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.rstrip().endswith("Aborted!")
    assert "Terminating 4 active tasks" in stdout
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
    project.client()
    run = Flow("F").latest_run
    assert run is not None and run.status == "stopped"


def test_a_run_that_is_asked_to_stop_over_and_over_is_recorded_as_stopped(project: Project) -> None:
    project.write(SLOW.replace("time.sleep(0.02)", "time.sleep(300)").format(join_seconds=0))
    process = project.start("run", "--max-workers", "2")
    wait_until(lambda: len(processes_of(project)) >= 4)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    process.communicate(timeout=60)
    project.client()
    run = Flow("F").latest_run
    assert run is not None and run.status == "stopped", run


def test_a_second_interrupt_kills_tasks_that_do_not_react(project: Project) -> None:
    stubborn = SLOW.replace("time.sleep(0.02)", "time.sleep(300)").replace(
        "child = ", "import signal; signal.signal(15, signal.SIG_IGN); child = "
    )
    project.write(_LONG_GRACE + stubborn.format(join_seconds=0))
    process = project.start("run", "--max-workers", "2")
    wait_until(lambda: len(processes_of(project)) >= 4)
    process.send_signal(signal.SIGINT)
    printed_until(process, "Terminating 2 active tasks")
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
    process.communicate(timeout=60)


def test_ctrl_c_in_a_terminal_reaches_tasks_only_through_the_run(project: Project) -> None:
    """A terminal sends the signal to the whole foreground process group."""
    project.write(SLOW.replace("time.sleep(0.02)", "time.sleep(100)").format(join_seconds=0))
    process = subprocess.Popen(
        [os.sys.executable, "flow.py", "run", "--max-workers", "2"],
        cwd=project.path,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(processes_of(project)) >= 4)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert "KeyboardInterrupt" not in stdout + stderr
    assert "Aborted!" in stderr


def test_the_fork_server_dies(project: Project) -> None:
    project.write(SLOW.replace("time.sleep(0.02)", "time.sleep(100)").format(join_seconds=0))
    process = project.start("run", "--max-workers", "2")
    wait_until(lambda: len(processes_of(project)) >= 4)
    task = int((project.path / "pids").read_text().split()[0])
    server = int(Path(f"/proc/{task}/stat").read_text().rsplit(") ", 1)[1].split()[1])
    assert server != process.pid
    os.kill(server, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The process that starts tasks died" in stderr
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))


def test_a_failure_stops_what_runs_and_starts_nothing_new(project: Project) -> None:
    project.write(
        SLOW.replace("time.sleep(0.02)", "assert self.input != 0, 'first'; time.sleep(100)").format(join_seconds=0)
    )
    outcome = project.call("run", "--max-workers", "3")
    assert outcome.code == 1
    assert len(re.findall(r"Task is starting\.", outcome.stdout)) <= 5
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
