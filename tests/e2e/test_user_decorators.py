"""Decorators of one's own, mutators and ``--with`` in real runs."""

from __future__ import annotations

import pytest

from .conftest import Project

ALL_KINDS = """
import os
import time
from metaflow import FlowSpec, UserStepDecorator, catch, current, environment, retry, step, timeout
from metaflow import user_step_decorator

@user_step_decorator
def fills(step_name, flow, inputs, attributes):
    flow.seen = os.environ.get("GIVEN")
    yield {}
    flow.items = attributes["items"]

@user_step_decorator
def flaky(step_name, flow, inputs):
    flow.first = f"{step_name} {current.retry_count}"
    if current.retry_count == 0:
        raise RuntimeError("not yet")
    yield
    flow.last = flow.result + 1

class Replaces(UserStepDecorator):
    def init(self, by):
        self.by = by
    def pre_step(self, step_name, flow, inputs=None):
        return self.add if self.by == "sum" else None
    def add(self, flow, inputs):
        flow.total = sum(each.last for each in inputs)
        return True

@user_step_decorator
def chooses(step_name, flow, inputs):
    flow.kind = "two"
    return
    yield

class Breaks(UserStepDecorator):
    def post_step(self, step_name, flow, exception=None):
        flow.broke = repr(exception)
        raise ValueError("from the decorator")

@user_step_decorator
def forgives(step_name, flow, inputs):
    try:
        yield
    except Exception as error:
        flow.late = type(error).__name__

class KindsFlow(FlowSpec):
    @environment(vars={"GIVEN": "yes"})
    @fills(items=[10, 20])
    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")
    @retry(times=1, minutes_between_retries=0)
    @flaky
    @step
    def work(self):
        self.result = self.input
        self.next(self.join)
    @Replaces(by="sum")
    @step
    def join(self, inputs):
        self.total = -1
        self.next(self.choose)
    @chooses
    @step
    def choose(self):
        self.kind = "one"
        self.next({"one": self.one, "two": self.two}, condition="kind")
    @step
    def one(self):
        self.next(self.slow)
    @catch(var="error", print_exception=False)
    @Breaks
    @step
    def two(self):
        self.next(self.slow)
    @forgives
    @timeout(seconds=0.2)
    @step
    def slow(self):
        time.sleep(30)
        self.next(self.end)
    @forgives
    @Breaks
    @step
    def end(self):
        pass
"""


def test_they_act_around_the_steps_of_a_run(project: Project) -> None:
    outcome = project.run(ALL_KINDS)
    project.client()
    from metaflow import Run

    run = Run(f"KindsFlow/{outcome.run_id}")
    assert run.successful
    assert (run["start"].task["seen"].data, run["start"].task["items"].data) == ("yes", [10, 20])
    assert sorted(task["last"].data for task in run["work"]) == [11, 21]
    assert {task["first"].data for task in run["work"]} == {"work 1"}
    assert run["join"].task["total"].data == 32
    assert run["two"].task["broke"].data == "None"
    assert run["two"].task["error"].data.exception == "from the decorator"
    assert run["slow"].task["late"].data == "TimeoutException"
    assert run["end"].task["late"].data == "ValueError"
    assert "work 0" not in outcome.stderr
    names = [each["name"] for each in run["start"].task["_graph_info"].data["steps"]["start"]["decorators"]]
    assert names == ["__main__.fills", "environment"]


def test_a_failure_is_told_as_the_users_own(project: Project) -> None:
    outcome = project.run(
        """
        from metaflow import FlowSpec, step, user_step_decorator

        @user_step_decorator
        def converts(step_name, flow, inputs):
            try:
                yield
            except KeyError as error:
                raise ValueError("no such row") from error

        class FailsFlow(FlowSpec):
            @converts
            @step
            def start(self):
                {}["row"]
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        code=1,
    )
    assert "KeyError: 'row'" in outcome.stdout
    assert "ValueError: no such row" in outcome.stdout
    assert "step_wrapping.py" not in outcome.stdout, "frames of ours are shown"
    assert "in start" in outcome.stdout
    assert "in converts" in outcome.stdout


BASE = """
from metaflow import FlowSpec, Parameter, step
from decorators import Everywhere, traced

@Everywhere("x", limit=2)
class BaseFlow(FlowSpec):
    alpha = Parameter("alpha", default=1)
    old = Parameter("old", default=0)
    size = 3

    @traced
    @step
    def start(self):
        self.next(self.work)

    @step
    def end(self):
        print("total", self.total)
"""

DECORATORS = """
from metaflow import FlowMutator, Parameter, StepMutator, current, user_step_decorator

@user_step_decorator
def traced(step_name, flow, inputs, attributes):
    print("before", step_name, attributes)
    yield
    print("after", step_name)

@user_step_decorator
def counted(step_name, flow, inputs, attributes):
    yield
    flow.count = attributes.get("by")

class Everywhere(FlowMutator):
    def init(self, name, limit):
        self.name, self.limit = name, limit
    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter("beta", Parameter("beta", default=5))
        mutable_flow.remove_parameter("old")
    def mutate(self, mutable_flow):
        for name, step in mutable_flow.steps:
            step.add_decorator("retry", deco_kwargs={"times": self.limit, "minutes_between_retries": 0})

class Robust(StepMutator):
    def mutate(self, mutable_step):
        mutable_step.add_decorator("catch:var=caught,print_exception=false")
"""

FLOW = """
from middle import MiddleFlow
from metaflow import FlowSpec, resources, step

class LeafFlow(MiddleFlow):
    @resources(cpu=3)
    @step
    def work(self):
        self.total = self.alpha + self.beta + self.size
        self.next(self.end)

if __name__ == "__main__":
    LeafFlow()
"""


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_base_flows_mutators_and_with_reach_every_task(project: Project, start_method: str) -> None:
    (project.path / "decorators.py").write_text(DECORATORS)
    (project.path / "base.py").write_text(BASE)
    (project.path / "middle.py").write_text("from base import BaseFlow\n\nclass MiddleFlow(BaseFlow):\n    size = 30\n")
    (project.path / "flow.py").write_text(FLOW)
    (project.path / "more.py").write_text("from decorators import *\n")
    env = {
        "METAFLOW_START_METHOD": start_method,
        "METAFLOW_DEFAULT_DECOSPECS": "environment:vars={} decorators.traced",
        "METAFLOW_RUN_DECOSPECS": "counted:by=env",
    }
    outcome = project.call("--with", "more.Robust", "--with", "resources:cpu=1", "run", "--beta", "6", env=env)
    assert outcome.code == 0, outcome
    for line in ("before start {}", "after start", "before end {}", "total 37"):
        assert line in outcome.stdout, line
    project.client()
    from metaflow import Run

    run = Run(f"LeafFlow/{outcome.run_id}")
    assert run["work"].task["count"].data == "env"
    assert "caught" in run["work"].task
    recorded = run["end"].task["_graph_info"].data
    assert sorted(each["name"] for each in recorded["parameters"]) == ["alpha", "beta"]
    steps = {
        name: [(each["name"], each["attributes"], each["inserted_by"]) for each in described["decorators"]]
        for name, described in recorded["steps"].items()
    }
    everywhere, robust = ["decorators.Everywhere"], ["decorators.Robust"]
    common = [
        ("decorators.counted", {"_args": [], "by": "env"}, None),
        ("decorators.Robust", {"_args": []}, None),
    ]
    assert [name for name, _, _ in steps["work"]][:3] == ["resources", *(name for name, _, _ in common)]
    assert steps["work"][0][1]["cpu"] == 3
    end = steps["end"]
    assert [entry for entry in end if entry[0] == "resources"][0][1]["cpu"] == 1
    assert ("environment", {"vars": {}}, None) in end
    assert ("retry", {"times": 2, "minutes_between_retries": 0}, everywhere) in end
    assert ("catch", {"var": "caught", "print_exception": False}, robust) in end
    assert [name for name, _, _ in steps["start"]].count("decorators.traced") == 1


def test_parameters_of_mutators_are_options_and_mistakes_are_explained(project: Project) -> None:
    (project.path / "decorators.py").write_text(DECORATORS)
    (project.path / "base.py").write_text(BASE)
    (project.path / "middle.py").write_text("from base import BaseFlow as MiddleFlow\n")
    (project.path / "flow.py").write_text(FLOW)
    removed = project.call("run", "--old", "1")
    assert (removed.code, "No such option" in removed.stderr) == (2, True), removed
    shown = project.call("--with", "flow.nothing", "show")
    assert shown.code == 1
    assert "'nothing' does not exist in the module 'flow'" in shown.stderr
    assert "traced" in shown.stderr
    env = {"METAFLOW_DECOSPECS": 'traced environment:vars={"A": "b c"} timeout:hours=1'}
    shown = project.call("show", env=env)
    assert shown.code == 0, shown
    assert shown.stdout.count("@traced") == 3
    assert shown.stdout.count("@timeout") == 3
