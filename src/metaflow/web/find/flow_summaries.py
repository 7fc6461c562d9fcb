"""Flows at a glance: what became of their last runs."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaflow.metadata_store.overviews import FlowActivity, PastRun, RunOverviews


def flow_summaries(overviews: RunOverviews, text: str, limit: int, offset: int, last: int) -> dict[str, Any]:
    """Summaries of flows as plain data, those with the newest runs first.

    Parameters
    ----------
    overviews : RunOverviews
        Where runs are.
    text : str
        What must occur in a flow's name; upper and lower case are the same.
    limit, offset : int
        How many, and how many before them are left out.
    last : int
        How many of the last runs are given of each.
    """
    part = text.casefold()
    names = [flow for flow in overviews.flows_by_activity() if part in flow.casefold()]
    activity = overviews.activity(names[offset : offset + limit], last)
    return {"flows": [_summary(flow) for flow in activity], "total": len(names)}


def _summary(flow: FlowActivity) -> dict[str, Any]:
    lengths = [run.finished_at - run.started_at for run in flow.successes if run.finished_at is not None]
    return {
        "flow": flow.flow,
        "runs": flow.runs,
        "running": flow.running,
        "last": [run._asdict() for run in flow.last],
        "last_success": _newest(flow.successes),
        "median_seconds": max(0.0, median(lengths)) if lengths else None,
    }


def _newest(runs: tuple[PastRun, ...]) -> dict[str, Any] | None:
    return runs[0]._asdict() if runs else None
