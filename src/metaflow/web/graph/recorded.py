"""What a run's record says of its graph, as the page needs it. Pure, and careful: a record may be of any version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

#: What a step does with the tasks that follow it, by the type that was recorded.
_KINDS = {
    "split-static": "split",
    "split": "split",
    "split-foreach": "foreach",
    "foreach": "foreach",
    "split-parallel": "parallel",
    "split-switch": "switch",
    "join": "join",
}
_LONGEST_DOC = 4000
_LONGEST_ATTRIBUTE = 200


class Step(NamedTuple):
    """A step as it was declared.

    Attributes
    ----------
    name : str
    kind : str
        ``linear``, ``split``, ``foreach``, ``parallel``, ``switch`` or ``join``.
    targets : tuple of str
        Steps that it leads to, each once.
    labels : dict of str to str
        What is written at the edges to these: names of cases, or what is iterated over.
    condition : str
        Artifact that a switch looks at.
    doc, file : str
    line : int or None
        Where it is defined.
    decorators : list of (str, str)
        Name of each, and its attributes as a text.
    """

    name: str
    kind: str
    targets: tuple[str, ...]
    labels: dict[str, str]
    condition: str = ""
    doc: str = ""
    file: str = ""
    line: int | None = None
    decorators: tuple[tuple[str, str], ...] = ()


class RecordedGraph(NamedTuple):
    """A flow's graph.

    Attributes
    ----------
    steps : dict of str to Step
        In the order of their definition.
    doc : str
        What the flow says of itself.
    start, end : str
        Names of the first and the last step; empty if they are not known.
    repeated : dict of str to str
        Steps that run once for each item, and the innermost foreach that they are in.
    """

    steps: dict[str, Step]
    doc: str = ""
    start: str = ""
    end: str = ""
    repeated: Mapping[str, str] = {}


def read_graph(recorded: Mapping[str, Any]) -> RecordedGraph:
    """The graph that a run's record has; without steps if it has none.

    Parameters
    ----------
    recorded : mapping
        As :meth:`metaflow.client.provider.Provider.graph` gives it.
    """
    described = recorded.get("steps")
    described = described if isinstance(described, Mapping) else {}
    steps = {str(name): _step(str(name), each) for name, each in described.items() if isinstance(each, Mapping)}
    joins = {name: str(each.get("matching_join") or "") for name, each in described.items() if name in steps}
    return RecordedGraph(
        steps,
        str(recorded.get("doc") or "")[:_LONGEST_DOC],
        str(recorded.get("start_step") or ("start" if "start" in steps else "")),
        str(recorded.get("end_step") or ("end" if "end" in steps else "")),
        _repeated(steps, joins),
    )


def _step(name: str, described: Mapping[str, Any]) -> Step:
    kind = _KINDS.get(str(described.get("type")), "linear")
    found = described.get("next")
    targets = tuple(dict.fromkeys(str(each) for each in found)) if isinstance(found, (list, tuple)) else ()
    line = described.get("line")
    return Step(
        name,
        kind,
        targets,
        _labels(kind, targets, described),
        str(described.get("condition") or ""),
        str(described.get("doc") or "")[:_LONGEST_DOC],
        str(described.get("source_file") or "").replace("\\", "/").rpartition("/")[2],
        line if isinstance(line, int) else None,
        tuple(_decorators(described.get("decorators"))),
    )


def _labels(kind: str, targets: tuple[str, ...], described: Mapping[str, Any]) -> dict[str, str]:
    cases = described.get("switch_cases")
    if kind == "switch" and isinstance(cases, Mapping):
        labels: dict[str, str] = {}
        for case, target in cases.items():
            known = labels.get(str(target))
            labels[str(target)] = str(case) if known is None else f"{known}, {case}"
        return labels
    if kind == "foreach":
        return dict.fromkeys(targets, f"each of {described.get('foreach_artifact') or 'the items'}")
    if kind == "parallel":
        count = described.get("num_parallel")
        return dict.fromkeys(targets, f"{count} nodes" if isinstance(count, int) and count > 1 else "each node")
    return {}


def _decorators(found: Any) -> list[tuple[str, str]]:
    known = []
    for each in found if isinstance(found, (list, tuple)) else ():
        if isinstance(each, Mapping):
            attributes = each.get("attributes")
            named = attributes if isinstance(attributes, Mapping) else {}
            texts = [f"{name}={_text(value)}" for name, value in named.items() if value is not None]
            known.append((str(each.get("name") or ""), ", ".join(texts)))
    return known


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_ATTRIBUTE else f"{text[: _LONGEST_ATTRIBUTE - 1]}\N{HORIZONTAL ELLIPSIS}"


def _repeated(steps: Mapping[str, Step], joins: Mapping[str, str]) -> dict[str, str]:
    """Steps between a foreach and its join, each with the innermost such foreach."""
    inside: dict[str, set[str]] = {}
    for name, step in steps.items():
        if step.kind not in ("foreach", "parallel"):
            continue
        within: set[str] = set()
        pending = list(step.targets)
        while pending:
            other = pending.pop()
            if other != joins.get(name) and other not in within and other in steps:
                within.add(other)
                pending += steps[other].targets
        inside[name] = within
    innermost: dict[str, str] = {}
    # A foreach within another has fewer steps in it.
    for name in sorted(inside, key=lambda each: len(inside[each]), reverse=True):
        innermost.update(dict.fromkeys(inside[name], name))
    return innermost
