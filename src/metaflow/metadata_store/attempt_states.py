"""The state of every attempt of a run in the fewest columns: what is kept in memory of runs with very many tasks."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.task_listing import may_have, status_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from metaflow.metadata_store.run_sql import Dialect


class AttemptState(NamedTuple):
    """How an attempt of a task is.

    Attributes
    ----------
    step, task_id : str
    attempt : int
    status : str
        One of `task_listing.STATUSES`.
    started_at : float
    finished_at : float or None
        When it ended; None while it runs, or if that is not known.
    origin : str or None
        The task that it is a clone of.
    """

    step: str
    task_id: str
    attempt: int
    status: str
    started_at: float
    finished_at: float | None
    origin: str | None

    @property
    def key(self) -> str:
        """``step/task/attempt``."""
        return f"{self.step}/{self.task_id}/{self.attempt}"


def states_sql(
    flow: str, run_id: str, dialect: Dialect, most: int, tasks: Sequence[tuple[str, str]] = ()
) -> tuple[str, list[Any]]:
    """The statement whose rows are attempts of a run's own steps, the newest first, and its parameters.

    Parameters
    ----------
    flow, run_id : str
        The run.
    dialect : Dialect
    most : int
        At most so many.
    tasks : sequence of (str, str)
        Only attempts of these tasks, by step and id; of all if empty.
    """
    origin = f"CASE WHEN {may_have(dialect, 'origin')} THEN {dialect.field('origin')} END"
    columns = f"step, task_id, attempt, {status_sql(dialect)}, started_at, NULLIF(finished_at, 0), {origin}"
    source = "tasks"
    condition = "flow = ? AND run_id = ? AND substr(step, 1, 1) <> '_'"
    parameters: list[Any] = []
    if tasks:
        # In this order: the database is to look each of them up.
        source = f"(VALUES {', '.join(['(?, ?)'] * len(tasks))}) AS wanted CROSS JOIN tasks"
        condition += " AND step = wanted.column1 AND task_id = wanted.column2"
        parameters += [encodable(name) for task in tasks for name in task]
    sql = (
        f"SELECT {columns} FROM {source} WHERE {condition} "  # noqa: S608 - no text from outside
        f"ORDER BY started_at DESC LIMIT {int(most)}"
    )
    return sql, [*parameters, encodable(flow), encodable(run_id)]
