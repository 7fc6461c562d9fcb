"""The flow's graph as a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.nodes import Node


def graph_node(graph: Mapping[str, Any], step: str) -> Node | None:
    """The graph with a step marked; None if the graph is not known.

    Parameters
    ----------
    graph : mapping
        As ``current.graph`` has it, or as another version recorded it.
    step : str
        The marked step.
    """
    steps = graph.get("steps")
    if not isinstance(steps, Mapping) or not steps:
        return None
    repeated = _repeated(steps)
    return {
        "type": "dag",
        "step": step,
        "data": {
            str(name): _described(each, name in repeated) for name, each in steps.items() if isinstance(each, Mapping)
        },
    }


def decorators_of(graph: Mapping[str, Any], step: str) -> dict[str, Mapping[str, Any]]:
    """Attributes of the decorators of a step, by their names, as they were recorded."""
    steps = graph.get("steps")
    described = steps.get(step) if isinstance(steps, Mapping) else None
    found = described.get("decorators") if isinstance(described, Mapping) else None
    if not isinstance(found, (list, tuple)):
        return {}
    return {
        str(each.get("name")): attributes if isinstance(attributes := each.get("attributes"), Mapping) else {}
        for each in found
        if isinstance(each, Mapping)
    }


def _described(step: Mapping[str, Any], repeated: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"type": step.get("type"), "next": _targets(step)}
    decorators = [str(each.get("name")) for each in step.get("decorators") or () if isinstance(each, Mapping)]
    if step.get("type") == "split-parallel":
        described["foreach"] = "node"
    elif step.get("foreach_artifact"):
        described["foreach"] = str(step["foreach_artifact"])
    cases = step.get("switch_cases")
    if isinstance(cases, Mapping) and cases:
        described["cases"] = {str(case): str(target) for case, target in cases.items()}
    if repeated:
        described["repeated"] = True
    if decorators:
        described["decorators"] = decorators
    if step.get("doc"):
        described["doc"] = str(step["doc"])[:200]
    return described


def _targets(step: Any) -> list[str]:
    found = step.get("next") if isinstance(step, Mapping) else None
    return [str(each) for each in found] if isinstance(found, (list, tuple)) else []


def _repeated(steps: Mapping[str, Any]) -> set[str]:
    """Steps that run once for each item of a foreach, or on each node: what lies between such a split and its join."""
    found: set[str] = set()
    for step in steps.values():
        if not isinstance(step, Mapping) or step.get("type") not in ("split-foreach", "foreach", "split-parallel"):
            continue
        join = step.get("matching_join")
        pending = _targets(step)
        while pending:
            name = pending.pop()
            if name != join and name not in found and name in steps:
                found.add(name)
                pending += _targets(steps[name])
    return found
