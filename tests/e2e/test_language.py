"""Everything a graph can be, run for real and read back through the client."""

from __future__ import annotations

import pytest

from metaflow import Flow, Run, Step, Task

from .conftest import Project


def last_run(project: Project, name: str = "F") -> Run:
    project.client()
    run = Flow(name).latest_run
    assert run is not None
    return run


def test_linear_flow_prints_in_metaflows_form_and_can_be_read_back(project: Project) -> None:
    outcome = project.run(
        """
        class F(FlowSpec):
            alpha = Parameter("alpha", default=0.5)
            limit = 10

            @step
            def start(self):
                self.x = [1, 2]
                print("hello from", current.pathspec)
                self.next(self.end)

            @step
            def end(self):
                self.x.append(self.alpha)
                self.y = self.limit
        """,
        "--alpha",
        "2",
    )
    lines = outcome.stdout.splitlines()
    assert "Workflow starting (run-id " in lines[0]
    assert lines[1].endswith("Task is starting.")
    assert "/start/1 (pid " in lines[1]
    assert f"hello from F/{outcome.run_id}/start/1" in lines[2]
    assert lines[-1].endswith("Done!")
    run = last_run(project)
    assert run.id == outcome.run_id
    assert run.successful and run.finished
    assert run.data.x == [1, 2, 2.0]
    assert run.data.y == 10 and run.data.alpha == 2.0 and run.data.limit == 10 and run.data.name == "F"
    assert Run(f"F/{run.id}")["start"].task.data.x == [1, 2]
    assert [step.id for step in run] == ["end", "start"]
    assert run["start"].task.stdout == f"hello from F/{run.id}/start/1\n"


def test_split_and_join_with_merge_artifacts(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.common = "c"
                self.mine = 0
                self.next(self.a, self.b)

            @step
            def a(self):
                self.mine = 1
                self.only_a = "a"
                self.next(self.join)

            @step
            def b(self):
                self.mine = 2
                self.next(self.join)

            @step
            def join(self, inputs):
                self.mine = [i.mine for i in inputs]
                assert inputs.a.only_a == "a" and inputs.b.mine == 2
                assert [i._current_step for i in inputs] == ["a", "b"]
                assert not hasattr(self, "common")
                self.merge_artifacts(inputs)
                assert self.common == "c"
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    data = last_run(project).data
    assert (data.common, data.mine, data.only_a) == ("c", [1, 2], "a")


MERGE = """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.x = 1
        self.next(self.join)

    @step
    def b(self):
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        {merge}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ("self.merge_artifacts(inputs)", "Unhandled artifacts in merge"),
        ("self.merge_artifacts(inputs, include=['x'])", "Unhandled artifacts in merge"),
        ("self.merge_artifacts(inputs, include=['nope'])", "Missing artifacts in merge"),
        ("self.merge_artifacts(inputs, include=['x'], exclude=['y'])", "but not both"),
    ],
)
def test_merge_artifacts_that_cannot_be(project: Project, merge: str, message: str) -> None:
    outcome = project.run(MERGE.format(merge=merge), code=1)
    assert message in outcome.stdout
    assert "Step failure:" in outcome.stderr


def test_merge_artifacts_excluding_or_assigning_first(project: Project) -> None:
    project.run(MERGE.format(merge="self.merge_artifacts(inputs, exclude=['x'])"))
    assert "x" not in last_run(project).data
    project.run(MERGE.format(merge="self.x = 3; self.merge_artifacts(inputs)"))
    assert last_run(project).data.x == 3


def test_nested_foreach_inputs_in_order_and_stacks(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.outer = ["x", "y", "z"]
                self.next(self.middle, foreach="outer")

            @step
            def middle(self):
                self.letter = self.input
                self.inner = range(4)
                self.next(self.work, foreach="inner")

            @step
            def work(self):
                self.at = (self.index, self.input, self.foreach_stack())
                self.value = self.letter * self.input
                self.outer = "overwritten"
                self.next(self.join_inner)

            @step
            def join_inner(self, inputs):
                self.values = [i.value for i in inputs]
                self.ats = [i.at for i in inputs]
                assert [i.index for i in inputs] == [0, 1, 2, 3]
                assert inputs[1].input == 1
                self.letter = self.input
                assert self.index is not None
                self.next(self.join_outer)

            @step
            def join_outer(self, inputs):
                self.values = [i.values for i in inputs]
                self.ats = [i.ats for i in inputs]
                self.letters = [i.letter for i in inputs]
                assert self.index is None and self.input is None and self.foreach_stack() == []
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    run = last_run(project)
    assert run.data.letters == ["x", "y", "z"]
    assert run.data.values == [[letter * n for n in range(4)] for letter in "xyz"]
    assert run.data.ats[2][3] == (3, 3, [(2, 3, "z"), (3, 4, 3)])
    assert len(list(run["work"])) == 12
    assert {task.index for task in run["work"]} == {0, 1, 2, 3}


SWITCHES = {
    "condition": """
                self.next({"small": self.small, "big": self.big}, condition="kind")
    """,
    "if": """
                if self.kind == "small":
                    self.next(self.small)
                else:
                    self.next(self.big)
    """,
}


@pytest.mark.parametrize("form", SWITCHES)
@pytest.mark.parametrize("kind", ["small", "big"])
def test_switch_takes_one_branch(project: Project, form: str, kind: str) -> None:
    merge = ", inputs" if form == "if" else ""
    check = "assert [i.way for i in inputs] == [self.way]" if form == "if" else "pass"
    project.run(
        f"""
        class F(FlowSpec):
            kind = Parameter("kind")

            @step
            def start(self):
{SWITCHES[form]}
            @step
            def small(self):
                self.way = "s"
                self.next(self.end_of_it)

            @step
            def big(self):
                self.way = "b"
                self.next(self.end_of_it)

            @step
            def end_of_it(self{merge}):
                {check}
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        "--kind",
        kind,
    )
    run = last_run(project)
    assert run.data.way == kind[0]
    assert {step.id for step in run} == {"start", kind, "end_of_it", "end"}


def test_switch_value_without_a_case_names_value_and_cases(project: Project) -> None:
    outcome = project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.kind = "huge"
                self.next({"small": self.small, "big": self.big}, condition="kind")

            @step
            def small(self):
                self.next(self.end)

            @step
            def big(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        code=1,
    )
    assert "'kind' has the value 'huge'" in outcome.stdout
    assert "'small', 'big'" in outcome.stdout


def test_recursion_repeats_a_step_in_new_tasks(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.count = 0
                self.next(self.loop)

            @step
            def loop(self):
                self.count += 1
                self.more = "yes" if self.count < 5 else "no"
                self.next({"yes": self.loop, "no": self.end}, condition="more")

            @step
            def end(self):
                pass
        """
    )
    run = last_run(project)
    assert run.data.count == 5
    assert [task.data.count for task in run["loop"]] == [5, 4, 3, 2, 1]


def test_one_step_flow_and_marked_steps(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step(start=True, end=True)
            def only(self):
                self.x = 1
        """
    )
    run = last_run(project)
    assert run.successful and run.data.x == 1 and run.end_task.path_components[2] == "only"


def test_a_single_source_step_starts_the_flow_and_async_steps_run(project: Project) -> None:
    project.run(
        """
        import asyncio

        class F(FlowSpec):
            @step
            async def fetch(self):
                await asyncio.sleep(0)
                self.x = await self.helper()
                self.next(self.end)

            async def helper(self):
                return self.run_id

            @step
            def end(self):
                assert self.task_id == "2" and self.step_name == "end"
        """
    )
    run = last_run(project)
    assert run.data.x == run.id


def test_inheritance_brings_steps_and_parameters(project: Project) -> None:
    (project.path / "base.py").write_text(
        "from metaflow import FlowSpec, Parameter, step\n"
        "class Base(FlowSpec):\n"
        "    scale = Parameter('scale', default=3)\n"
        "    @step\n"
        "    def start(self):\n"
        "        self.x = self.scale\n"
        "        self.next(self.end)\n"
    )
    project.run(
        """
        from metaflow import FlowSpec, step
        from base import Base

        class F(Base):
            @step
            def end(self):
                self.x *= 2

        if __name__ == "__main__":
            F()
        """
    )
    assert last_run(project).data.x == 6


def test_init_of_a_subclass_gives_state_that_artifacts_override(project: Project) -> None:
    project.run(
        """
        import threading

        class F(FlowSpec):
            def __init__(self):
                super().__init__()
                self.lock = threading.Lock()
                self.counter = 0

            @step
            def start(self):
                with self.lock:
                    self.counter = 5
                self.next(self.end)

            @step
            def end(self):
                with self.lock:
                    self.seen = self.counter
        """
    )
    data = last_run(project).data
    assert "lock" not in data
    assert data.seen == 5  # a step has assigned it, which makes it an artifact


def test_artifacts_changed_in_place_deleted_or_private(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.items = [1]
                self.kept = {"a": 1}
                self._private = "p"
                self.gone = "inherited"
                self.next(self.middle)

            @step
            def middle(self):
                self.items.append(2)
                self.gone = "own"
                del self.gone
                self.next(self.end)

            @step
            def end(self):
                self.name = "changed"
        """
    )
    run = last_run(project)
    assert run.data.items == [1, 2]
    assert run["start"].task.data.items == [1]
    assert run.data.gone == "inherited"
    task = run["end"].task
    assert "_private" not in [artifact.id for artifact in task] and task["_private"].data == "p"
    assert run["middle"].task["kept"].sha == run["start"].task["kept"].sha
    assert run.data.name == "F"


def test_constants_and_parameters_cannot_be_assigned(project: Project) -> None:
    source = """
        class F(FlowSpec):
            alpha = Parameter("alpha", default=1)
            constant = 5

            @step
            def start(self):
                self.{name} = 2
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    for name in ("alpha", "constant"):
        outcome = project.run(source.format(name=name), code=1)
        assert "Flow level attributes and Parameters are not modifiable" in outcome.stdout


def test_current_knows_where_it_is(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            b_param = Parameter("b-param", default="x")
            a_param = Parameter("a_param", default=1)

            @step
            def start(self):
                self.facts = {
                    key: getattr(current, key)
                    for key in (
                        "is_running_flow flow_name run_id step_name task_id retry_count origin_run_id pathspec "
                        "namespace username tags parameter_names"
                    ).split()
                }
                self.graph_name = sorted(current.graph["steps"])
                self.task_pathspec = current.task.pathspec
                self.text = str(self)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        "--tag",
        "blue",
        "--tag",
        "blue",
    )
    run = last_run(project)
    assert run.data.facts == {
        "is_running_flow": True,
        "flow_name": "F",
        "run_id": run.id,
        "step_name": "start",
        "task_id": "1",
        "retry_count": 0,
        "origin_run_id": None,
        "pathspec": f"F/{run.id}/start/1",
        "namespace": "user:tester",
        "username": "tester",
        "tags": {"blue"},
        "parameter_names": ["a_param", "b_param"],
    }
    assert run.data.graph_name == ["end", "start"]
    assert run.data.task_pathspec == f"F/{run.id}/start/1"
    assert run.data.text == "<flow F step start>"
    assert "blue" in run.tags and "user:tester" in run.tags


def test_lineage_is_recorded(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.items = list(range(11))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    run = last_run(project)
    join = run["join"].task
    assert len(list(join.parent_tasks)) == 11
    assert all(isinstance(task, Task) for task in join.parent_tasks)
    one = next(task for task in run["work"] if task.index == 1)
    assert [task.pathspec for task in one.child_tasks] == [join.pathspec]
    assert isinstance(run["work"], Step)
