"""Whether any node of a cluster could ever take a pod."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    **{letter: 1000.0**power for power, letter in enumerate("MGTPE", 2)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)


def quantity(text: str) -> float | None:
    """An amount as Kubernetes writes it, such as ``500m`` or ``4Gi``; None if it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    return float(number) * (10.0 ** int(exponent) if exponent else _SUFFIXES[suffix or ""])


def too_large_for(requests: Mapping[str, str], nodes: Sequence[Mapping[str, Any]]) -> str:
    """Why no node could take a pod even if nothing else ran on it; empty if one could.

    Parameters
    ----------
    requests : mapping of str to str
        What the pod asks for.
    nodes : sequence of mapping
        The nodes of the cluster.
    """
    for name, asked in requests.items():
        wanted = quantity(asked)
        offered = [node.get("status", {}).get("allocatable", {}).get(name, "0") for node in nodes]
        largest = max(offered, key=lambda text: quantity(text) or 0.0, default="0")
        if wanted is not None and wanted > (quantity(largest) or 0.0):
            return f"it asks for {asked} of {name}, but the largest node has {largest}"
    if all(_lacks_something(requests, node) for node in nodes):
        return "no node has all at once that it asks for"
    return ""


def _lacks_something(requests: Mapping[str, str], node: Mapping[str, Any]) -> bool:
    has = node.get("status", {}).get("allocatable", {})
    return any((quantity(asked) or 0.0) > (quantity(has.get(name, "0")) or 0.0) for name, asked in requests.items())


def is_helpless(message: str) -> bool:
    """Whether the scheduler itself says that a pod fits on no node, whatever else runs there.

    Parameters
    ----------
    message : str
        As in ``0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are
        available: 3 Preemption is not helpful for scheduling.``
    """
    total = re.search(r"0/(\d+) nodes are available", message)
    helpless = re.search(r"(\d+) Preemption is not helpful", message)
    return bool(total and helpless and total[1] == helpless[1])
