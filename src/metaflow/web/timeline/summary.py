"""What the attempts of each step come to: how many are how, and how long they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.task_listing import quantile
from metaflow.web.timeline.table import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.web.timeline.table import Columns, Table

_ENDED_BY_ITSELF = {STATES.index(name) for name in ("done", "failed", "caught")}


def summaries(table: Table, graph: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe each step of a table.

    Returns
    -------
    list of dict
        For each step what :class:`~metaflow.web.timeline.models.TimelineStep` has.
    """
    known: Mapping[str, Any] = graph.get("steps") or {}
    rows_of: list[list[int]] = [[] for _ in table.steps]
    for row, step in enumerate(table.columns.step):
        rows_of[step].append(row)
    return [
        {
            "name": name,
            "type": (known.get(name) or {}).get("type") or "",
            "expected": expected,
            **_summary(table.columns, rows),
        }
        for name, expected, rows in zip(table.steps, table.expected, rows_of, strict=True)
    ]


def _summary(columns: Columns, rows: Sequence[int]) -> dict[str, Any]:
    # Attempts of a task come in order, so the last one stays.
    latest = {columns.task[row]: row for row in rows}
    durations: list[int] = []
    states = [0] * len(STATES)
    for row in latest.values():
        states[columns.state[row]] += 1
        finished = columns.finished[row]
        if finished is not None and columns.state[row] in _ENDED_BY_ITSELF:
            durations.append(max(0, finished - columns.started[row]))
    durations.sort()
    ends = [finished for row in rows if (finished := columns.finished[row]) is not None]
    return {
        "tasks": len(latest),
        "attempts": len(rows),
        "states": {name: count for name, count in zip(STATES, states, strict=True) if count},
        "median": quantile(durations, 0.5),
        "p95": quantile(durations, 0.95),
        "started": min((columns.started[row] for row in rows), default=None),
        "finished": max(ends, default=None),
    }
