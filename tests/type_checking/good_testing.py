"""Tests of flows."""

from __future__ import annotations

from typing_extensions import assert_type

from metaflow import FlowSpec, Parameter, step
from metaflow.testing import FlowResult, StepResult, run_flow, run_step


class SquareFlow(FlowSpec):
    number = Parameter("number", default=3)

    @step
    def start(self) -> None:
        self.square = self.number**2
        self.next(self.end)

    @step
    def end(self) -> None: ...


def test_start() -> None:
    result = run_step(SquareFlow, "start", parameters={"number": 4}, artifacts={"other": 1})
    assert_type(result, StepResult)
    assert result.square == 16


def test_all() -> None:
    result = run_flow(SquareFlow, parameters={"number": 5})
    assert_type(result, FlowResult)
    assert result.square == 25 and result.ok


def test_by_hand() -> None:
    flow = SquareFlow(use_cli=False)
    flow.number = 6
    flow.start()
    assert flow.square == 36
