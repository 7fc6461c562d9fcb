"""Cases that reviewers found: each was wrong once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Project
from .test_failures import is_alive
from .test_kill import wait_until
from .test_language import last_run

TWO_STEPS = """
{top}
class F(FlowSpec):
    {body}

    @step
    def start(self):
        {start}
        self.next(self.end)

    @step
    def end(self):
        {end}
"""


def two_steps(start: str = "pass", end: str = "pass", body: str = "", top: str = "") -> str:
    return TWO_STEPS.format(start=start, end=end, body=body, top=top)


def foreach(items: str, work: str = "self.got = self.input") -> str:
    return f"""
        import numpy as np
        import pandas as pd

        class Sized:
            def __len__(self):
                return 3
            def __getitem__(self, index):
                return index * 10

        class F(FlowSpec):
            @step
            def start(self):
                self.items = {items}
                self.next(self.work, foreach="items")

            @step
            def work(self):
                {work}
                self.next(self.join)

            @step
            def join(self, inputs):
                self.got = [i.got for i in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("Sized()", [0, 10, 20]),
        ("pd.Series([10, 20, 30])[[2, 0]]", [30, 10]),
        ("np.array([5, 6])", [5, 6]),
        ("'ab'", ["a", "b"]),
        ("{'k': 1, 'l': 2}", ["k", "l"]),
        ("{3}", [3]),
    ],
)
def test_foreach_over_every_kind_of_iterable(project: Project, items: str, expected: list[object]) -> None:
    project.run(foreach(items))
    assert list(last_run(project).data.got) == expected


def test_every_line_of_every_task_bears_its_pathspec(project: Project) -> None:
    outcome = project.run(
        foreach("range(150)", "self.got = 1; print('out'); import sys; print('err', file=sys.stderr)")
    )
    for line in outcome.stdout.splitlines():
        if line.endswith(("out", "err")):
            assert "/work/" in line and "(pid " in line, line
    assert outcome.stdout.count(" out\n") == outcome.stdout.count(" err\n") == 150


def test_an_option_without_its_value_is_a_usage_error(project: Project) -> None:
    project.write(two_steps(body='n = Parameter("n", type=int, required=True)'))
    assert project.call("run", "--n").code == 2


def test_a_wrapped_join_receives_its_inputs(project: Project) -> None:
    project.run(
        """
        import functools

        def traced(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)
            return wrapper

        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)

            @step
            def a(self):
                self.next(self.join)

            @step
            def b(self):
                self.next(self.join)

            @step
            @traced
            def join(self, inputs):
                self.count = len(list(inputs))
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    assert last_run(project).data.count == 2


def test_parameters_of_mixins(project: Project) -> None:
    project.run(
        """
        class Mixin:
            scale = Parameter("scale", default=8)

        class F(FlowSpec, Mixin):
            @step
            def start(self):
                self.x = self.scale
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            F()
        """,
        "--scale",
        "9",
    )
    assert last_run(project).data.x == 9


@pytest.mark.parametrize("name", ["end", "helper", "next", "merge_artifacts", "script_name", "computed"])
def test_an_artifact_whose_name_is_taken(project: Project, name: str) -> None:
    body = "def helper(self):\n        pass\n\n    @property\n    def computed(self):\n        return 1"
    outcome = project.run(two_steps(start=f"self.{name} = 42", body=body), code=1)
    assert f"self.{name} cannot be an artifact" in outcome.stdout


@pytest.mark.parametrize("line", ['next = Parameter("next")', 'x = Parameter("help")', 'y = Parameter("a b")'])
def test_a_parameter_whose_name_is_taken(project: Project, line: str) -> None:
    project.write(two_steps(body=line))
    outcome = project.call("run")
    assert outcome.code == 1 and "parameter" in outcome.stderr and "Traceback" not in outcome.stderr


def test_defaults_computed_by_functions_of_one_and_of_two_arguments(project: Project) -> None:
    project.run(
        two_steps(
            top="def one(context): return context.flow_name\ndef two(context, deploying): return 5",
            body='a = Parameter("a", default=one)\n    b = Parameter("b", default=two, type=float)',
            start="self.x = (self.a, self.b)",
        )
    )
    assert last_run(project).data.x == ("F", 5.0)


def test_catch_says_why_the_process_died(project: Project) -> None:
    project.run(
        """
        from metaflow import catch
        import os, signal

        class F(FlowSpec):
            @catch(var="problem")
            @step
            def start(self):
                os.kill(os.getpid(), signal.SIGKILL)
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    assert "memory ran out" in last_run(project).data.problem.exception


def test_catch_into_a_parameter_is_refused(project: Project) -> None:
    project.write(
        two_steps(top="from metaflow import catch", body='alpha = Parameter("alpha", default=1)').replace(
            "    @step\n    def start", '    @catch(var="alpha")\n    @step\n    def start'
        )
    )
    outcome = project.call("run")
    assert outcome.code == 1 and "would assign self.alpha" in outcome.stderr


def test_generators_of_numpy_at_module_level(project: Project) -> None:
    project.run(
        foreach("range(3)", "self.got = (rng.random(), seeded.random(), old.rand())").replace(
            "class Sized:",
            "rng = np.random.default_rng()\n        seeded = np.random.default_rng(5)\n"
            "        old = np.random.RandomState()\n\n        class Sized:",
        )
    )
    free, seeded, old = (set(column) for column in zip(*last_run(project).data.got))
    assert (len(free), len(seeded), len(old)) == (3, 1, 3)


def test_files_that_a_step_leaves_open_are_written(project: Project) -> None:
    project.run(
        two_steps(
            top="log = open('log.txt', 'a')\nlog.write('import\\n')",
            start="log.write('start\\n'); self.other = None; open('left.txt', 'w').write('x'); "
            "global kept; kept = open('kept.txt', 'w'); kept.write('kept')",
        )
    )
    assert sorted(Path("log.txt").read_text().split()) == ["import", "start"]
    assert Path("kept.txt").read_text() == "kept"


def test_a_process_that_keeps_writing_does_not_hold_up_the_run(project: Project) -> None:
    project.run(
        two_steps(
            start="import subprocess; p = subprocess.Popen(['yes'], start_new_session=True); "
            "open('pid', 'w').write(str(p.pid)); import time; time.sleep(0.2)"
        )
    )
    with contextlib.suppress(ProcessLookupError):  # it ends by itself when it finds that nobody reads
        os.kill(int(Path("pid").read_text()), signal.SIGKILL)


def test_hundreds_of_workers(project: Project) -> None:
    outcome = project.run(foreach("range(700)", "import time; time.sleep(0.3); self.got = 1"), "--max-workers", "650")
    assert outcome.stdout.count("Task finished successfully.") == 703


def test_more_workers_than_file_descriptors(project: Project) -> None:
    # The first ones stay for as long as it takes to start more than there is room for.
    project.write(foreach("range(100)", "import time; time.sleep(2 if self.input < 40 else 0); self.got = 1"))
    command = f"ulimit -n 128; exec {sys.executable} flow.py run --max-workers 150"
    result = subprocess.run(["bash", "-c", command], env=project.env, capture_output=True, text=True, timeout=110)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert "no file descriptors for more" in result.stdout


def test_a_task_that_left_its_process_group_is_stopped_too(project: Project) -> None:
    project.write(
        two_steps(
            start="import os, time; os.setpgid(0, os.getpgid(os.getppid())); "
            "open('pid', 'w').write(str(os.getpid())); time.sleep(100)"
        )
    )
    process = project.start("run")
    wait_until(lambda: Path("pid").exists() and Path("pid").read_text() != "")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    wait_until(lambda: not is_alive(int(Path("pid").read_text())))


def test_a_fork_server_that_does_not_react(project: Project) -> None:
    project.write(two_steps(start="import os, time; open('pid', 'w').write(str(os.getppid())); time.sleep(300)"))
    process = project.start("run")
    wait_until(lambda: Path("pid").exists() and Path("pid").read_text() != "")
    server = int(Path("pid").read_text())
    os.kill(server, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert not is_alive(server)


def test_a_run_under_nohup_survives_the_end_of_its_terminal(project: Project) -> None:
    project.write(two_steps(start="import time; open('pid', 'w').write('x'); time.sleep(1)"))
    process = subprocess.Popen(
        ["sh", "-c", f"trap '' HUP; exec {sys.executable} flow.py run"], env=project.env, stdout=subprocess.DEVNULL
    )
    wait_until(lambda: Path("pid").exists())
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0


def test_a_child_that_a_step_forks_and_forgets_commits_nothing(project: Project) -> None:
    project.run(
        two_steps(start="import os; self.who = 'child' if os.fork() == 0 else 'parent'; import time; time.sleep(0.3)")
    )
    assert last_run(project).data.who == "parent"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(project: Project, closed: str) -> None:
    project.write(two_steps(start="print('hello'); self.x = 1"))
    result = subprocess.run(["sh", "-c", f"{sys.executable} flow.py run {closed}"], env=project.env, timeout=100)
    assert result.returncode == 0
    assert last_run(project)["start"].task.stdout == "hello\n"


def test_an_attribute_on_an_inherited_text_is_kept(project: Project) -> None:
    project.run(
        two_steps(
            top="class S(str): pass",
            start="self.s = S('x'); self.next(self.mid)\n\n    @step\n    def mid(self):\n        self.s.note = 1",
            end="self.seen = self.s.note",
        )
    )
    assert last_run(project).data.seen == 1


def test_merge_artifacts_where_exclusive_branches_meet(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                if current.retry_count == 0:
                    self.next(self.a)
                else:
                    self.next(self.b)

            @step
            def a(self):
                self.x = 1
                self.next(self.meet)

            @step
            def b(self):
                self.x = 2
                self.next(self.meet)

            @step
            def meet(self, inputs):
                self.merge_artifacts(inputs)
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    assert last_run(project).data.x == 1


def test_spawned_join_with_many_inputs_and_a_talkative_module(project: Project) -> None:
    project.run(
        foreach("range(60)").replace("class Sized:", "print('x' * 200_000)\n\n        class Sized:"),
        env={"METAFLOW_START_METHOD": "spawn"},
    )
    assert last_run(project).data.got == list(range(60))


def test_a_run_with_an_impossible_tag_is_refused(project: Project) -> None:
    project.write(two_steps())
    for tag in ("", "x" * 501):
        outcome = project.call("run", "--tag", tag)
        assert outcome.code == 1 and not Path(".metaflow").exists(), outcome
