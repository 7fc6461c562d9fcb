"""How tasks start, and several runs at once in one directory."""

from __future__ import annotations

import sys

import pytest

from metaflow import Flow

from .conftest import Project
from .test_language import last_run

FOREACH = """
{top}

class Point:
    def __init__(self, x):
        self.x = x

class F(FlowSpec):
    @step
    def start(self):
        self.items = [Point(i) for i in range({n})]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.value = self.input.x ** 2
        print("value", self.value)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.values = [i.value for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_both_start_methods_do_the_same(project: Project, method: str) -> None:
    outcome = project.run(FOREACH.format(top="", n=5), env={"METAFLOW_START_METHOD": method})
    run = last_run(project)
    assert run.data.values == [0, 1, 4, 9, 16]
    assert {task.stdout for task in run["work"]} == {f"value {i * i}\n" for i in range(5)}
    assert outcome.stdout.count("Task finished successfully.") == 8


def test_threads_at_module_level_choose_spawn_and_say_so(project: Project) -> None:
    top = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True, name='poller').start()"
    )
    outcome = project.run(FOREACH.format(top=top, n=2))
    assert "because the flow's module-level code started threads (poller)" in outcome.stdout
    assert last_run(project).data.values == [0, 1]


def test_a_spawned_task_dies_with_its_run(project: Project) -> None:
    from .test_failures import is_alive
    from .test_kill import SLOW, processes_of, wait_until

    project.write(SLOW.replace("time.sleep(0.02)", "time.sleep(100)").format(join_seconds=0))
    process = project.start("run", "--max-workers", "2", env={"METAFLOW_START_METHOD": "spawn"})
    wait_until(lambda: len(processes_of(project)) >= 4)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))


def test_a_bad_start_method_is_refused(project: Project) -> None:
    outcome = project.run(FOREACH.format(top="", n=2), env={"METAFLOW_START_METHOD": "thread"}, code=1)
    assert "auto, fork or spawn" in outcome.stderr


def test_a_flow_in_a_package_run_with_dash_m(project: Project) -> None:
    package = project.path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("VALUE = 7\n")
    (package / "flow.py").write_text(
        "from metaflow import FlowSpec, step\nfrom .helper import VALUE\n"
        "class F(FlowSpec):\n"
        "    @step\n    def start(self):\n        self.x = VALUE\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n"
        "if __name__ == '__main__':\n    F()\n"
    )
    import subprocess

    for method in ("fork", "spawn"):
        result = subprocess.run(
            [sys.executable, "-m", "pkg.flow", "run"],
            cwd=project.path,
            env={**project.env, "METAFLOW_START_METHOD": method},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        assert last_run(project).data.x == 7


def test_several_runs_at_once_in_one_directory(project: Project) -> None:
    project.write(FOREACH.format(top="", n=30))
    processes = [project.start("run", "--max-workers", "2") for _ in range(6)]
    for process in processes:
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        assert "locked" not in stdout + stderr and "behind" not in stderr
    project.client()
    runs = list(Flow("F"))
    assert len(runs) == 6
    for run in runs:
        assert run.successful and len(list(run["work"])) == 30


def test_tasks_do_not_share_file_descriptors_or_memory(project: Project) -> None:
    project.run(
        """
        import os
        counter = []

        class F(FlowSpec):
            @step
            def start(self):
                self.items = range(5)
                self.next(self.work, foreach="items")

            @step
            def work(self):
                counter.append(1)
                self.count = len(counter)
                self.fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
                self.group = os.getpgid(0) == os.getpid()
                self.next(self.join)

            @step
            def join(self, inputs):
                self.counts = [i.count for i in inputs]
                self.fds = [i.fds for i in inputs]
                self.groups = [i.group for i in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    data = last_run(project).data
    assert data.counts == [1] * 5 and all(data.groups)
    # 0, 1, 2, and the one that listing the directory opens.
    assert all(len(fds) == 4 for fds in data.fds), data.fds


def test_steps_called_directly_in_a_unit_test(project: Project) -> None:
    project.write(
        """
        class F(FlowSpec):
            alpha = Parameter("alpha", default=3)
            @step
            def start(self):
                self.x = self.alpha * 2
                self.next(self.end)
            @step
            def end(self):
                self.y = self.x + 1
        """,
        name="my_flow.py",
    )
    (project.path / "test_it.py").write_text(
        "from my_flow import F\n"
        "def test_steps():\n"
        "    flow = F()\n"
        "    flow.start()\n"
        "    assert flow.x == 6 and flow._transition.targets == ('end',)\n"
        "    flow.alpha = 5\n"
        "    flow.start()\n"
        "    flow.end()\n"
        "    assert flow.y == 11 and flow.index is None\n"
    )
    import subprocess

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=project.path,
        env=project.env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
