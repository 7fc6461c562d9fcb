"""Tasks of runs as they are in truth: of a run whose process died, none runs any more.

Where nothing may be written, the database keeps saying that they do, and the provider has a copy of the run's records
that it has set right.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from metaflow.client.recovery import assumed_dead
from metaflow.exception import MetaflowException
from metaflow.metadata_store.liveness import effective_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.attempt_rows import AttemptCounts, AttemptQuery, AttemptRow
    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.task_listing import ListedTask, StepCount, TaskListing
    from metaflow.server.database import Database


def settled_run(provider: Provider, run: RunRecord) -> RunRecord:
    """A run as it is in truth: one that is recorded as running but whose process died has failed.

    Parameters
    ----------
    provider : Provider
        Sets it right.
    run : RunRecord
        As the database has it.
    """
    if effective_status(run, time.time()) == run.status:
        return run
    try:
        found = provider.run(run.flow, run.run_id)
    except MetaflowException:
        found = None  # what is wrong with its files is told to whoever asks for them
    settled = assumed_dead(run) if found is None else found
    return run._replace(status=settled.status, finished_at=settled.finished_at, message=settled.message)


class SettledTasks:
    """Answers questions about all tasks of a run. Every method may raise MetadataException.

    Parameters
    ----------
    provider : Provider
        Has set right the runs that it was asked for, see `settled_run`.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def _records_of(self, flow: str, run_id: str) -> Database:
        return cast("Database", self._provider.records_of(flow, run_id))

    def step_counts(self, flow: str, run_id: str) -> list[StepCount]:
        """What the tasks of each step come to, in the order in which steps began; without the run's parameters."""
        return self._records_of(flow, run_id).step_counts(flow, run_id)

    def listed_tasks(self, listing: TaskListing) -> list[ListedTask]:
        """The tasks that match, in their order."""
        return self._records_of(listing.flow, listing.run_id).listed_tasks(listing)

    def count_tasks(self, listing: TaskListing) -> int:
        """How many tasks match, whatever the listing's `limit` and `after`."""
        return self._records_of(listing.flow, listing.run_id).count_tasks(listing)

    def attempts(self, query: AttemptQuery) -> list[AttemptRow]:
        """Attempts that match `query`, in its order."""
        return self._records_of(query.flow, query.run_id).attempts(query)

    def count_attempts(self, flow: str, run_id: str) -> AttemptCounts:
        """How many attempts of a run there are."""
        return self._records_of(flow, run_id).count_attempts(flow, run_id)

    def attempt_states(
        self, flow: str, run_id: str, most: int, tasks: Sequence[tuple[str, str]] = ()
    ) -> list[AttemptState]:
        """Attempts of a run's own steps, or of these tasks (step and id) only, the newest first; at most so many."""
        return self._records_of(flow, run_id).attempt_states(flow, run_id, most, tasks)
