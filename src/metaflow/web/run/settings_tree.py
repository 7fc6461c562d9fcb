"""Nested data as one flat list of names and texts, so that two of them can be laid side by side. Pure."""

from __future__ import annotations

import json
from typing import Any

_MOST_LEAVES = 2_000
_LONGEST = 300


def leaves(tree: Any, name: str = "") -> dict[str, str]:
    """Every leaf of nested data by its name, such as ``model.layers[0]``.

    Parameters
    ----------
    tree : object
        Of JSON's types.
    name : str
        What the whole is called.

    Returns
    -------
    dict of str to str
        Texts as JSON has them; of very large data, the first leaves.
    """
    found: dict[str, str] = {}
    waiting = [(name, tree)]
    while waiting and len(found) < _MOST_LEAVES:
        at, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [(f"{at}.{key}" if at else str(key), each) for key, each in reversed(list(value.items()))]
        elif isinstance(value, list) and value:
            waiting += [(f"{at}[{index}]", each) for index, each in reversed(list(enumerate(value)))]
        else:
            found[at] = json.dumps(value, ensure_ascii=False)[:_LONGEST]
    return found


def decorators_of(graph: Any) -> dict[str, str]:
    """Attributes of every decorator of a flow's graph, such as ``fit @resources(memory)``.

    Parameters
    ----------
    graph : mapping
        As a run's record has it.
    """
    found: dict[str, str] = {}
    steps = graph.get("steps") if isinstance(graph, dict) else None
    places = [(step, each.get("decorators")) for step, each in steps.items()] if isinstance(steps, dict) else []
    for place, decorators in [*places, ("flow", graph.get("decorators") if isinstance(graph, dict) else None)]:
        for decorator in decorators if isinstance(decorators, list) else []:
            label = f"{place} @{decorator.get('name')}"
            attributes = decorator.get("attributes")
            found[label] = "yes"
            for name, text in leaves(attributes if isinstance(attributes, dict) else {}).items():
                if name:
                    found[f"{label} {name}"] = text
    return found
