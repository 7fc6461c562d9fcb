"""``run_step``: single steps in the process of a test."""

from __future__ import annotations

import os

import pytest
from testing_flows import Loop, Troubled, Wide

from metaflow import FlowSpec, Parameter, current, step
from metaflow.exception import MetaflowException
from metaflow.testing import run_step


def test_results_of_one_step_are_given_to_the_next():
    start = run_step(Wide, "start", parameters={"rows": 3})
    assert start.outer == [0, 1, 2] and start.transition == (("row",), "outer", 3, None)
    row = run_step(Wide, "row", artifacts=start, index=2)
    assert row.inner == [20, 21] and row.rows == 3
    cell = run_step(Wide, "cell", artifacts=row, parameters={"alpha": 10}, index=1)
    assert cell.value == 210 and cell.place == [(1, 2)] and cell.stdout == "cell 1 21\n"
    joined = run_step(Wide, "join_cells", inputs=[cell, {"value": 5}])
    assert joined.values == [210, 5] and "value" not in joined
    assert dict(run_step(Wide, "start")) == {"alpha": 0.5, "rows": 2, "limit": 7, "outer": [0, 1]}


def test_the_element_of_a_foreach_can_be_given_alone():
    cell = run_step(Wide, "cell", input=4)
    assert cell.value == 2 and cell.place == [(0, 1)] and cell.stdout == "cell 0 4\n"
    assert run_step(Wide, "cell", input=4, index=5).place == [(5, 6)]


def test_inputs_of_a_static_join_come_in_the_order_of_the_split_or_by_name():
    both = run_step(Wide, "both", inputs=[{"side": "l", "x": 1}, {"side": "r", "x": 1}])
    assert both.sides == ("l", "r") and both.x == 1
    both = run_step(Wide, "both", inputs={"left": {"side": "l"}, "right": {"side": "r"}})
    assert both.sides == ("l", "r")


def test_a_choice_and_a_repetition():
    assert run_step(Loop, "start").project == "tests"
    result = run_step(Loop, "again", artifacts={"count": 2})
    assert result.count == 3 and result.transition == (("end",), None, None, "state")


def test_decorators_are_left_out_unless_asked_for():
    with pytest.raises(OSError, match="attempt 0"):
        run_step(Troubled, "flaky")
    result = run_step(Troubled, "flaky", decorators=True)
    assert result.attempt == 2 and result.variable == "yes" and "TROUBLED" not in os.environ
    failed = run_step(Troubled, "caught", raises=False)
    assert isinstance(failed.exception, KeyError) and not failed.ok and failed.transition is None
    assert failed.partial == 1, "what was set until then is there, as in a run"
    caught = run_step(Troubled, "caught", decorators=True)
    assert caught.ok and caught.transition.targets == ("end",) and "nothing there" in str(caught.problem)


def test_a_flow_that_is_not_finished_and_is_defined_in_a_test():
    class Draft(FlowSpec):
        needed = Parameter("needed", required=True)
        other = Parameter("other", default=lambda context: context.flow_name)

        @step
        def train(self):
            self.model = [self.needed * row for row in self.rows]
            self.seen = (self.other, current.run_id, current.pathspec)
            self.rows.append(0)
            self.next(self.evaluate)

        @step
        def evaluate(self):
            self.next(self.nowhere)

    rows = [1, 2]
    result = run_step(Draft, "train", artifacts={"rows": rows}, parameters={"needed": "2"})
    assert result.model == ["2", "22"] and result.rows == [1, 2, 0]
    assert rows == [1, 2], "the step works on a copy, as a task does"
    assert result.seen == ("Draft", "1", "Draft/1/train/1")


def test_bad_input_is_told():
    cases = [
        (("nope",), {}, "has no step 'nope'. Its steps are: start, row"),
        (("both",), {"artifacts": {}}, "is a join, which starts without artifacts"),
        (("both",), {}, "is a join: give inputs="),
        (("both",), {"inputs": {"up": {}}}, "no input from a step 'up', but from: left, right"),
        (("start",), {"inputs": [{}]}, "is no join, so it has no inputs"),
        (("left",), {"input": 3}, "is not inside a foreach"),
        (("start",), {"parameters": {"nope": 1}}, "has no parameter 'nope'"),
        (("left",), {"artifacts": {"f": (i for i in [])}}, "self.f"),
    ]
    for arguments, given, message in cases:
        with pytest.raises(MetaflowException) as caught:
            run_step(Wide, *arguments, **given)
        assert message in caught.value.message, caught.value


def test_a_missing_artifact_is_named():
    with pytest.raises(AttributeError, match="no attribute 'values'"):
        run_step(Wide, "end")
    result = run_step(Wide, "left")
    with pytest.raises(AttributeError, match="There is no artifact 'sides'; those there are: .*side"):
        result.sides
    assert "StepResult left/1" in repr(result)
