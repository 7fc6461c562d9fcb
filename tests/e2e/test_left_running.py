"""Processes that tasks move to sessions of their own: they end with a task that fails, not with one that succeeds."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from metaflow.runtime.process_family import children_of

from .conftest import Project
from .test_failures import is_alive
from .test_kill import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells of such processes.")

# Of the three, the first is a program, the second a copy of the task's process, as daemons of old are made, and the
# third a program that takes note of being asked to end.
_FLOW = """
import os, subprocess, time
from metaflow import retry

TOLD = "trap 'echo told >> told; exit' TERM; echo $$ >> {0}; while true; do sleep 0.05; done"

def leave(name):
    count = lambda: len(open(name).read().split()) if os.path.exists(name) else 0
    before = count()
    subprocess.Popen("sleep 300 & echo $! >> " + name + "; wait", shell=True, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(name, "a") as file:
                file.write(str(os.getpid()) + "\\n")
            time.sleep(300)
        os._exit(0)
    os.wait()
    subprocess.Popen(["sh", "-c", TOLD.format(name)], start_new_session=True, stderr=subprocess.DEVNULL)
    while count() < before + 3:
        time.sleep(0.01)

class F(FlowSpec):
    @step
    def start(self):
        leave("kept")
        self.next(self.end)

    @step
    def end(self):
        leave("left")
        END
"""


def processes_in(project: Project, name: str) -> list[int]:
    path = project.path / name
    text = path.read_text() if path.exists() else ""
    return [int(pid) for pid in text.split()] if text.endswith("\n") else []


@pytest.fixture
def kept(project: Project):
    """The processes of the step that succeeds, which a test has to end itself."""
    yield lambda: processes_in(project, "kept")
    for pid in processes_in(project, "kept"):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def assert_only_the_kept_go_on(project: Project, kept, number: int = 3) -> None:
    left = processes_in(project, "left")
    assert len(left) == number
    wait_until(lambda: not any(is_alive(pid) for pid in left))
    assert len(kept()) == number and all(is_alive(pid) for pid in kept()), "what a task that succeeded has left stays"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_a_task_that_fails_has_left_is_ended(project: Project, kept, method: str) -> None:
    project.write(_FLOW.replace("END", "raise ValueError('no')"))
    outcome = project.call("run", env={"METAFLOW_START_METHOD": method})
    assert outcome.code == 1 and "no" in outcome.stderr
    assert not any(is_alive(pid) for pid in processes_in(project, "left")), "they are gone before the run is"
    assert (project.path / "told").read_text() == "told\n", "they are asked to end before they are killed"
    assert_only_the_kept_go_on(project, kept)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_tasks_have_left_ends_with_a_run_that_is_killed(project: Project, kept, method: str) -> None:
    project.write(_FLOW.replace("END", "time.sleep(300)"))
    process = project.start("run", env={"METAFLOW_START_METHOD": method})
    wait_until(lambda: len(processes_in(project, "left")) == 3)
    process.kill()
    process.communicate()
    assert_only_the_kept_go_on(project, kept)
    assert (project.path / "told").read_text() == "told\n", "they are asked to end before they are killed"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_tasks_have_left_ends_with_a_run_that_is_interrupted(project: Project, kept, method: str) -> None:
    project.write(_FLOW.replace("END", "time.sleep(300)"))
    process = project.start("run", env={"METAFLOW_START_METHOD": method})
    wait_until(lambda: len(processes_in(project, "left")) == 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not any(is_alive(pid) for pid in processes_in(project, "left")), "they are gone before the run is"
    assert_only_the_kept_go_on(project, kept)


def test_what_tasks_have_left_ends_with_the_process_that_starts_them(project: Project, kept) -> None:
    # Nothing tells whose a mere copy of a process is once its parents are gone.
    flow = (
        _FLOW.replace("os.fork() == 0", "False", 1).replace("    os.wait()\n", "").replace("before + 3", "before + 2")
    )
    project.write(flow.replace("END", "time.sleep(300)"))
    process = project.start("run")
    wait_until(lambda: len(processes_in(project, "left")) == 2)
    (server,) = children_of(process.pid)
    os.kill(server, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert "The process that starts tasks died" in stderr
    assert (project.path / "told").read_text() == "told\n", "they are asked to end before they are killed"
    assert not any(is_alive(pid) for pid in processes_in(project, "left")), "they are gone before the run is"
    assert_only_the_kept_go_on(project, kept, number=2)


def test_what_a_task_that_is_killed_has_left_is_ended_before_it_is_tried_again(project: Project, kept) -> None:
    flow = _FLOW.replace("END", "current.retry_count or os.kill(os.getpid(), 9)")
    flow = flow.replace(
        "    @step\n    def end", "    @retry(times=1, minutes_between_retries=0)\n    @step\n    def end"
    )
    project.write(flow.replace('leave("left")', 'leave("kept" if current.retry_count else "left")'))
    outcome = project.call("run")
    assert outcome.code == 0, outcome.stderr
    left = processes_in(project, "left")
    assert len(left) == 3
    wait_until(lambda: not any(is_alive(pid) for pid in left))
    assert len(kept()) == 6 and all(is_alive(pid) for pid in kept()), "the second attempt succeeded"


_TWO = """
import os, subprocess, time

class F(FlowSpec):
    @step
    def start(self):
        self.names = ["kept", "left"]
        self.next(self.work, foreach="names")

    @step
    def work(self):
        left = subprocess.Popen(["sleep", "300"], start_new_session=True)
        with open(self.input, "w") as file:
            file.write("%d\\n" % left.pid)
        with open("task-" + self.input, "w") as file:
            file.write("%d\\n" % os.getpid())
        while not os.path.exists("go"):
            time.sleep(0.01)
        if self.input == "left":
            os.kill(os.getpid(), 9)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_of_tasks_that_end_in_one_moment_it_is_known_who_has_left_what(project: Project, kept) -> None:
    project.write(_TWO)
    process = project.start("run")
    wait_until(lambda: processes_in(project, "task-kept") and processes_in(project, "task-left"))
    tasks = processes_in(project, "task-kept") + processes_in(project, "task-left")
    (server,) = children_of(process.pid)
    os.kill(server, signal.SIGSTOP)
    (project.path / "go").touch()
    wait_until(lambda: not any(is_alive(pid) for pid in tasks))
    os.kill(server, signal.SIGCONT)
    process.communicate(timeout=60)
    assert_only_the_kept_go_on(project, kept, number=1)
