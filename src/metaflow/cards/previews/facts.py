"""Facts about a value, as stored with an artifact or told by a preview, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.nodes import Node
from metaflow.datastore.sizes import size_text

#: Facts that other parts of a preview show. (A number of columns is not their names.)
_ELSEWHERE = ("columns", "dtypes", "head", "repr", "item", "sampled")

_LABELS = {"bytes": "in memory", "sampled": "numbers"}


def facts_node(facts: Mapping[str, Any]) -> Node:
    """Facts as a list of labels and values."""
    rows = [
        {"label": _LABELS.get(name, name), "value": fact_text(name, fact)}
        for name, fact in facts.items()
        if fact is not None and (name not in _ELSEWHERE or type(fact) is int)
    ]
    if facts.get("sampled"):
        rows.append({"label": "numbers", "value": "of a sample"})
    return {"type": "facts", "data": rows}


def fact_text(name: str, fact: Any) -> str:
    """One fact in words."""
    if name == "shape":
        return shape_text(fact)
    if name == "bytes":
        return size_text(fact)
    if isinstance(fact, bool) or not isinstance(fact, (int, float)):
        return str(fact)
    return f"{fact:,}" if isinstance(fact, int) else f"{fact:.6g}"


def shape_text(shape: Any) -> str:
    """The extent of an array."""
    return " \N{MULTIPLICATION SIGN} ".join([f"{length:,}" for length in shape]) or "a single element"
