"""Whether a flow is valid: the rules, in the order in which they are applied."""

from __future__ import annotations

from . import lint_rules as steps, lint_rules_paths as paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from .graph import FlowGraph

    Rule: TypeAlias = Callable[[FlowGraph], None]

#: A rule raises LintWarn. It may rely on those before it: the rules about paths need a graph whose edges make
#: sense.
RULES: tuple[Rule, ...] = (
    steps.names_are_not_reserved,
    steps.start_and_end_exist,
    steps.marks_agree_with_names,
    steps.nothing_before_start_or_after_end,
    steps.end_has_no_next,
    steps.names_are_plain,
    steps.arguments_are_few,
    steps.self_is_an_argument,
    steps.next_is_last,
    steps.next_is_well_formed,
    steps.targets_exist,
    steps.targets_differ,
    paths.no_loops,
    paths.all_reachable,
    # Only now is it known which of the steps with `inputs` are joins.
    steps.end_is_no_join,
    steps.joins_do_not_split,
    paths.splits_are_joined,
    steps.switches_have_cases,
    paths.splits_run_steps,
    paths.gangs_are_parallel_steps,
    paths.gangs_do_not_choose,
    paths.gangs_are_joined,
    paths.parallel_steps_are_gangs,
    paths.switches_do_not_join,
)


def check(graph: FlowGraph, rules: Iterable[Rule] = RULES) -> None:
    """Check that a flow is valid.

    Parameters
    ----------
    graph : FlowGraph
    rules : iterable of callable
        What to check. A scheduler with limits of its own adds its rules to :data:`RULES`.

    Raises
    ------
    LintWarn
        For the first rule that is broken: what is wrong, in which step and line, and how to put it right.
    """
    for rule in rules:
        rule(graph)
