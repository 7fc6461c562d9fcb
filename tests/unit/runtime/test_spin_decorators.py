"""Which decorators a spun step keeps."""

from __future__ import annotations

import pytest

from metaflow import FlowSpec, environment, retry, step, timeout
from metaflow.decorators.parallel import ParallelDecorator
from metaflow.exception import CommandException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.decorators import StepDecorator, add
from metaflow.registry import BUILT_IN, load
from metaflow.runtime.spin_decorators import keep_spinnable


class Own(StepDecorator):
    name = "own"


def declared():
    class F(FlowSpec):
        @environment(vars={"A": "b"})
        @timeout(seconds=3)
        @retry
        @step
        def start(self):
            self.next(self.end)

    add(F.start, Own())
    return FlowDeclaration(F).steps["start"]


def test_those_stay_that_make_sense_and_those_of_users():
    step = declared()
    assert keep_spinnable(step, skip=False) == ["retry"]
    assert {decorator.name for decorator in step.decorators} == {"environment", "timeout", "own"}
    assert keep_spinnable(step, skip=False) == []


def test_all_can_be_skipped():
    step = declared()
    assert keep_spinnable(step, skip=True) == []
    assert step.decorators == []


def test_settings_decide(monkeypatch):
    monkeypatch.setenv("METAFLOW_SPIN_ALLOWED_DECORATORS", '["retry"]')
    step = declared()
    assert sorted(keep_spinnable(step, skip=False)) == ["environment", "timeout"]
    monkeypatch.setenv("METAFLOW_SPIN_DISALLOWED_DECORATORS", '["timeout"]')
    with pytest.raises(CommandException, match="@timeout.*--skip-decorators"):
        keep_spinnable(declared(), skip=False)
    assert keep_spinnable(declared(), skip=True) == []


def test_nodes_of_a_gang_cannot_run_alone_whichever_decorator_makes_it():
    gangs = [
        name for name in BUILT_IN["step_decorators"] if issubclass(load("step_decorators", name), ParallelDecorator)
    ]
    assert len(gangs) >= 8
    for name in gangs:
        step = declared()
        step.decorators = [load("step_decorators", name)()]
        with pytest.raises(CommandException, match=f"cannot be spun, because it has @{name}"):
            keep_spinnable(step, skip=False)
