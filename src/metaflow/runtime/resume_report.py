"""What a person is told before a run is resumed: what is taken over, what runs, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..flow.transition import PARALLEL_ITERATOR
from .clone_plan import reached_from
from .specs import PARAMETERS_STEP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .clone_plan import Decision, OriginTask, Reason
    from .plan import PlanGraph, PlanStep
    from .resume_parameters import Change

_REASONS: dict[Reason, str] = {
    "named": "asked for",
    "after named": "after a step that was asked for",
    "failed": "failed",
    "unfinished": "not finished",
    "never ran": "never finished",
    "changed": "its code changed",
}
#: Steps that a line names, at most.
_SHOWN_STEPS = 3


def outlook(graph: PlanGraph, order: Sequence[str], decision: Decision, damaged: Mapping[str, str]) -> list[str]:
    """One line for each step of which something is taken over or runs.

    Parameters
    ----------
    graph : PlanGraph
    order : sequence of str
        All steps, each after those that lead to it.
    decision : Decision
    damaged : mapping of str to str
        Steps with results that cannot be read, and why.

    Returns
    -------
    list of str
        Lines, in which ``*`` marks emphasis.
    """
    cloned = decision.cloned
    causes, certain = _what_follows(graph, order, decision.to_run)
    lines = []
    for step in order:
        parts = [f"{cloned[step]} cloned"] if step in cloned else []
        if step in decision.to_run:
            parts.append(_to_run(decision.to_run[step], damaged.get(step)))
        if causes.get(step):
            after = f"after {_named(causes[step])}"
            verb = ("then " if step in decision.to_run else "") + ("more" if parts else "to run")
            parts.append(f"{verb} {after}" if step in certain else f"{verb} {after}, if that leads here")
        if parts:
            lines.append(f"    *{step}*: {', '.join(parts)}")
    return lines


def misfits(graph: PlanGraph, decision: Decision, origin_steps: Collection[str]) -> list[str]:
    """What of the origin run no longer fits the flow's code.

    Parameters
    ----------
    graph : PlanGraph
        The graph as it is now.
    decision : Decision
    origin_steps : collection of str
        Steps that have tasks in the origin run.
    """
    lines = [
        f"Step *{name}* runs again: in run {task.run_id} it {_went(task)}, but its code now "
        f"{_leads(graph.steps[name])}."
        for name, task in decision.misfits.items()
    ]
    gone = sorted(step for step in origin_steps if step not in graph.steps and step != PARAMETERS_STEP)
    if gone:
        lines.append(f"The flow has no {_named(gone)} any more; what the origin run has of it is left behind.")
    return lines


def unreached(graph: PlanGraph, decision: Decision, named: Sequence[str]) -> list[str]:
    """What was asked for but will not run, because all that could lead there is taken over and went elsewhere.

    Parameters
    ----------
    graph : PlanGraph
    decision : Decision
    named : sequence of str
        Steps that were asked for.
    """
    reached = reached_from(graph, decision.to_run)
    lost = [step for step in named if step not in reached]
    if not lost:
        return []
    taken: dict[str, dict[str, None]] = {}
    for clone in decision.clones:
        if graph.steps[clone.planned.step].kind == "switch":
            taken.setdefault(clone.planned.step, {}).update(dict.fromkeys(clone.origins[0].transition.targets))
    switches = [
        f"*{name}* went to {_named([target for target in targets if target != name])}"
        for name, targets in taken.items()
        if not reached_from(graph, set(graph.steps[name].targets) - targets.keys()).isdisjoint(lost)
    ]
    why = f": {', '.join(switches)}" if switches else ""
    return [f"{_named(lost)} will not run, although asked for, as nothing that is taken over leads there{why}."]


def parameter_lines(
    changed: Mapping[str, Change], readers: Mapping[str, Sequence[str]], added: Mapping[str, str], origin_id: str
) -> list[str]:
    """What holds for the parameters of the resumed run.

    Parameters
    ----------
    changed : mapping of str to Change
    readers : mapping of str to sequence of str
        For each of them, the steps that read it although they are taken over.
    added : mapping of str to str
        Parameters that the origin run did not have, with short texts of their values.
    origin_id : str
        The origin run.
    """
    lines = []
    for name, change in changed.items():
        lines.append(f"{name} is {change.after} for the steps that run; in run {origin_id} it was {change.before}.")
        if readers.get(name):
            steps = readers[name]
            lines.append(
                f"Warning: {_named(steps, None)} {'reads' if len(steps) == 1 else 'read'} {name} and "
                f"{'is' if len(steps) == 1 else 'are'} taken over with results of the old value. To run "
                f"{'it' if len(steps) == 1 else 'them'} again as well: resume {' '.join(steps)}"
            )
    lines += [f"{name} is new since run {origin_id}; its value is {value}." for name, value in added.items()]
    return lines


def _to_run(reasons: Mapping[Reason, int], damage: str | None) -> str:
    total = sum(reasons.values())
    if len(reasons) == 1:
        why = _REASONS[next(iter(reasons))]
    else:
        why = ", ".join(f"{count} {_REASONS[reason]}" for reason, count in reasons.items())
    if damage is not None:
        why += f"; a result cannot be read: {damage}"
    return f"{total} to run ({why})"


def _what_follows(
    graph: PlanGraph, order: Sequence[str], to_run: Collection[str]
) -> tuple[dict[str, list[str]], set[str]]:
    """For each step, those steps that run now that it comes after; and the steps that these lead to for sure."""
    causes: dict[str, list[str]] = {}
    sure: dict[str, frozenset[str]] = {}
    for name in reversed(order):
        step = graph.steps[name]
        ways = [sure.get(target, frozenset()) for target in step.targets if target != name]
        after = frozenset.intersection(*ways) if step.kind == "switch" and ways else frozenset().union(*ways)
        sure[name] = after | {name}
    certain: set[str] = set()
    for name in order:
        if name in to_run:
            certain |= sure[name] - {name}
            for follower in reached_from(graph, [target for target in graph.steps[name].targets if target != name]):
                causes.setdefault(follower, []).append(name)
    return causes, certain


def _went(task: OriginTask) -> str:
    transition = task.transition
    where = _named(transition.targets) if transition.targets else "nowhere, as the last step"
    if transition.foreach == PARALLEL_ITERATOR:
        return f"went to {where} with num_parallel"
    if transition.num_splits is not None:
        return f"went to {where} with a foreach"
    return f"went to {where}"


def _leads(step: PlanStep) -> str:
    if step.kind == "end":
        return "is the last step"
    if step.kind == "parallel":
        return f"leads to {_named(step.targets)} with num_parallel"
    if step.kind == "foreach":
        return f"leads to {_named(step.targets)} with a foreach"
    if step.kind == "switch":
        return f"leads to one of {_named(step.targets)}"
    return f"leads to {_named(step.targets)}"


def _named(steps: Sequence[str], most: int | None = _SHOWN_STEPS) -> str:
    shown = list(_starred(steps[:most]))
    if len(steps) > len(shown):
        shown.append(f"{len(steps) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _starred(steps: Sequence[str]) -> Iterator[str]:
    return (f"*{step}*" for step in steps)
