"""What an exported page is made from: the run, what reads it, and what is wanted of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from metaflow.metadata_store.attempt_rows import AttemptReader
from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.sql_queries import SqlQueries
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import TaskQuery
from metaflow.metadata_store.task_listing import TaskListing, TaskTables
from metaflow.web.run.recorded import recorded_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord
    from metaflow.metadata_store.task_listing import StepCount
    from metaflow.web.run.recorded import RecordedRun

_PAGE = 1000
#: Steps of which single tasks are shown, and the first tasks of each.
MOST_STEPS = 40
FIRST_TASKS = 3
#: Failed tasks of which everything is shown.
MOST_FAILED = 40


class Tables(TaskTables, AttemptReader, Protocol):
    """What a database answers about all tasks of a run."""


class Wanted(NamedTuple):
    """What the page is to hold.

    Attributes
    ----------
    logs, cards : bool
        Whether what tasks printed, and their cards, come along.
    project : Path or None
        Directory whose repository may be asked for the commit that the run stood on.
    progress : callable
        Told, in words, what is being done.
    """

    logs: bool = True
    cards: bool = True
    project: Path | None = None
    progress: Callable[[str], None] = lambda _: None


class Subject(NamedTuple):
    """The run, and what reads it.

    Attributes
    ----------
    provider : Provider
    run : RunRecord
    tables : Tables
    recorded : RecordedRun
        Its files, as far as they can be read.
    counts : list of StepCount
        What the tasks of each step come to, in the order in which steps began.
    failed : list of TaskRecord
        The first tasks that failed.
    first : list of TaskRecord
        The first tasks of each step.
    now : float
        The time, in seconds since the epoch.
    wanted : Wanted
    """

    provider: Provider
    run: RunRecord
    tables: Tables
    recorded: RecordedRun
    counts: list[StepCount]
    failed: list[TaskRecord]
    first: list[TaskRecord]
    now: float
    wanted: Wanted

    @property
    def shown_tasks(self) -> list[TaskRecord]:
        """Tasks that are shown with their logs and cards: those that failed, then the first of each step."""
        return list({(task.step, task.task_id): task for task in (*self.failed, *self.first)}.values())


def subject_of(provider: Provider, run: RunRecord, wanted: Wanted) -> Subject:
    """Open a run.

    Parameters
    ----------
    provider : Provider
        Reads records and files.
    run : RunRecord
    wanted : Wanted
    """
    wanted.progress("Reading records of tasks")
    tables = _tables_of(provider, run, wanted)
    now = time.time()
    counts = tables.step_counts(run.flow, run.run_id)

    def listed(limit: int, steps: tuple[str, ...] = (), statuses: tuple[str, ...] = ()) -> list[TaskRecord]:
        order = "finished_at" if statuses else "started_at"
        listing = TaskListing(run.flow, run.run_id, now, steps, statuses, order=order, limit=limit)
        return [each.task for each in tables.listed_tasks(listing)]

    failed = listed(MOST_FAILED, statuses=("failed", "killed"))
    first = [task for count in counts[:MOST_STEPS] for task in listed(FIRST_TASKS, (count.step,))]
    return Subject(provider, run, tables, recorded_run(provider, run), counts, failed, first, now, wanted)


def _tables_of(provider: Provider, run: RunRecord, wanted: Wanted) -> Tables:
    """What answers questions about all tasks: the index itself; of a service's run, a copy of its records."""
    index = provider.index
    if isinstance(index, SqlQueries):
        return index
    copy = SqliteMetadata()
    copy.apply([RunStarted(run)])
    query = TaskQuery(run.flow, run.run_id, all_attempts=True, limit=_PAGE)
    count = 0
    while True:
        page = provider.tasks(query)
        copy.apply([TaskStarted(each) if each.status == "running" else TaskEnded(each) for each in page])
        count += len(page)
        if len(page) < _PAGE:
            return copy
        wanted.progress(f"Reading records of tasks: {count:,}")
        query = query._replace(after=page[-1].cursor)
