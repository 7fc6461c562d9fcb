"""What a person is told before a run is resumed."""

from __future__ import annotations

from metaflow.flow.transition import Transition
from metaflow.runtime.clone_plan import Decision, OriginTask, decide
from metaflow.runtime.plan import Plan, PlanGraph, PlanStep
from metaflow.runtime.resume_parameters import Change
from metaflow.runtime.resume_report import misfits, outlook, parameter_lines, unreached

ORDER = ["start", "choose", "left", "right", "meet", "end"]
GRAPH = PlanGraph(
    [
        PlanStep("start", ("choose",), "linear"),
        PlanStep("choose", ("left", "right"), "switch"),
        PlanStep("left", ("meet",), "linear"),
        PlanStep("right", ("meet",), "linear"),
        PlanStep("meet", ("end",), "linear"),
        PlanStep("end", (), "end"),
    ]
)


def decision(*tasks: tuple[str, str, bool], named: tuple[str, ...] = ()) -> Decision:
    origin = {(step, (), 0): OriginTask("7", step, "1", 0, ok, Transition(tuple(to.split()))) for step, to, ok in tasks}
    return decide(Plan(GRAPH), GRAPH, origin, named)


def test_a_branch_that_was_not_chosen_is_not_mentioned() -> None:
    decided = decision(("start", "choose", True), ("choose", "left", True), ("left", "", False))
    assert outlook(GRAPH, ORDER, decided, {}) == [
        "    *start*: 1 cloned",
        "    *choose*: 1 cloned",
        "    *left*: 1 to run (failed)",
        "    *meet*: to run after *left*",
        "    *end*: to run after *left*",
    ]


def test_what_a_switch_will_choose_is_not_promised() -> None:
    lines = outlook(GRAPH, ORDER, decision(("start", "choose", True)), {"choose": "it is cut short"})
    assert lines[1:] == [
        "    *choose*: 1 to run (never finished; a result cannot be read: it is cut short)",
        "    *left*: to run after *choose*, if that leads here",
        "    *right*: to run after *choose*, if that leads here",
        "    *meet*: to run after *choose*",
        "    *end*: to run after *choose*",
    ]


def test_what_no_longer_fits_is_named() -> None:
    decided = decision(("start", "old", True))
    assert misfits(GRAPH, decided, {"start", "old", "_parameters"}) == [
        "Step *start* runs again: in run 7 it went to *old*, but its code now leads to *choose*.",
        "The flow has no *old* any more; what the origin run has of it is left behind.",
    ]


def test_a_step_that_was_asked_for_but_is_not_reached_is_named() -> None:
    tasks = [("start", "choose", True), ("choose", "left", True), ("left", "meet", True), ("meet", "end", True)]
    decided = decision(*tasks, named=("right",))
    assert unreached(GRAPH, decided, ("right",)) == [
        "*right* will not run, although asked for, as nothing that is taken over leads there: *choose* went to *left*."
    ]
    named = ("choose", "right", "end")
    assert not unreached(GRAPH, decision(*tasks, named=named), named), "the choice is made anew"


def test_parameters() -> None:
    lines = parameter_lines({"alpha": Change("0.1", "0.5")}, {"alpha": ["start", "left"]}, {"beta": "3"}, "7")
    assert lines == [
        "alpha is 0.5 for the steps that run; in run 7 it was 0.1.",
        "Warning: *start* and *left* read alpha and are taken over with results of the old value. To run them again as "
        "well: resume start left",
        "beta is new since run 7; its value is 3.",
    ]
