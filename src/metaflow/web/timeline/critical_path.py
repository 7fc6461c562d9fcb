"""The chain of attempts that decided when a run ended, and what the time along it went to.

It is followed from the attempt that ended last: what an attempt waited for is the attempt before it of the same task,
or the one among its inputs that ended last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from metaflow.metadata_store.records import encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaflow.metadata_store.attempt_rows import AttemptRow


class PathPoint(NamedTuple):
    """An attempt on the path; durations are seconds and never negative, whatever clocks of machines say.

    Attributes
    ----------
    step, task_id, attempt
        Which attempt.
    started_at, finished_at : float
        When it ran; `finished_at` is now for one that runs.
    waiting : float
        From the end of what it waited for to its start.
    startup : float
        From there to the first line of the step's code.
    code : float
        In the step's code. All of an attempt whose parts are not known counts as this.
    saving : float
        From there to its end.
    """

    step: str
    task_id: str
    attempt: int
    started_at: float
    finished_at: float
    waiting: float
    startup: float
    code: float
    saving: float


def critical_path(attempts: Iterable[AttemptRow], run_started_at: float, now: float) -> list[PathPoint]:
    """Follow the critical path.

    Parameters
    ----------
    attempts : iterable of AttemptRow
        All attempts of a run, with what each read from.
    run_started_at : float
        What the first attempt waited for.
    now : float
        When attempts that run have ended so far.

    Returns
    -------
    list of PathPoint
        From the first to the last; empty without attempts.
    """
    rows = {f"{row.step}/{row.task_id}/{row.attempt}": row for row in attempts}

    def end(row: AttemptRow) -> float:
        return row.finished_at or now

    last = max(rows.values(), key=lambda row: (end(row), row[:3]), default=None)
    path: list[PathPoint] = []
    while last is not None:
        # An attempt is passed once, also if records that came from elsewhere name each other.
        rows.pop(f"{last.step}/{last.task_id}/{last.attempt}")
        before = _awaited(last, rows, end)
        path.append(_point(last, run_started_at if before is None else end(before), end(last)))
        last = before
    path.reverse()
    return path


def _awaited(row: AttemptRow, rows: dict[str, AttemptRow], end: Callable[[AttemptRow], float]) -> AttemptRow | None:
    if row.attempt:
        earlier = rows.get(f"{row.step}/{row.task_id}/{row.attempt - 1}")
        if earlier is not None:
            return earlier
    found = [rows[key] for key in _inputs(row) if key in rows]
    return max(found, key=lambda each: (end(each), each[:3]), default=None)


def _inputs(row: AttemptRow) -> list[str]:
    if not row.inputs:
        return []
    keys = json.loads(row.inputs)
    # Rows have their names as a database can express them.
    return [encodable(key) for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _point(row: AttemptRow, awaited_until: float, end: float) -> PathPoint:
    code_starts = row.started_at if row.code_started_at is None else row.code_started_at
    code_ends = end if row.code_ended_at is None else row.code_ended_at
    return PathPoint(
        row.step,
        row.task_id,
        row.attempt,
        row.started_at,
        end,
        max(0.0, row.started_at - awaited_until),
        max(0.0, code_starts - row.started_at),
        max(0.0, code_ends - code_starts),
        max(0.0, end - code_ends),
    )
