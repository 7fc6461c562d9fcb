"""Finding the task that a request is about, and telling plainly why it cannot be shown."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from metaflow.datastore.layout import is_name
from metaflow.exception import (
    DataException,
    MetadataException,
    MetaflowDataMissing,
    MetaflowException,
    MetaflowNotFound,
    RunDeleted,
)
from metaflow.metadata_store.store import TaskQuery
from metaflow.server.errors import Refusal
from metaflow.web.run.reading import refuse_deleted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord, TaskRecord
    from metaflow.web.task.address import TaskAddress


class FoundTask(NamedTuple):
    """A task as its records have it.

    Attributes
    ----------
    run : RunRecord
    attempts : tuple of TaskRecord
        All of them, the first one first.
    record : TaskRecord
        The attempt that was asked for.
    """

    run: RunRecord
    attempts: tuple[TaskRecord, ...]
    record: TaskRecord


@contextmanager
def told_plainly() -> Iterator[None]:
    """Have failures of datastores answered as refusals that say what is wrong."""
    try:
        yield
    except (Refusal, MetadataException):
        raise  # the service tells of its database in its own way
    except (MetaflowNotFound, RunDeleted, MetaflowDataMissing) as error:
        raise Refusal(404, "not_found", error.message) from error
    except DataException as error:
        raise Refusal(502, "datastore", error.message) from error
    except MetaflowException as error:
        raise Refusal(502, "unreadable", f"{error.headline}: {error.message}") from error


def find_task(provider: Provider, address: TaskAddress) -> FoundTask:
    """The records of a task.

    Raises
    ------
    Refusal
        There is no such task, or no such attempt of it.
    """
    if not all(is_name(name) for name in address[:4]):
        raise Refusal(404, "not_found", f"There is no task {address.pathspec}: no task can be called so.")
    run = provider.run(address.flow, address.run_id)
    if run is None:
        refuse_deleted(provider, address.flow, address.run_id)
        raise Refusal(404, "not_found", f"There is no run {address.flow}/{address.run_id}. It may have been deleted.")
    found = provider.tasks(TaskQuery(*address[:4], all_attempts=True))
    if not found:
        raise Refusal(404, "not_found", f"The run has no task {address.step}/{address.task_id} (yet).")
    attempts = tuple(sorted(found, key=lambda each: each.attempt))
    if address.attempt is None:
        return FoundTask(run, attempts, attempts[-1])
    for each in attempts:
        if each.attempt == address.attempt:
            return FoundTask(run, attempts, each)
    raise Refusal(404, "not_found", f"The task has no attempt {address.attempt}: it has {len(attempts)}, from 0 on.")


def reader_of(provider: Provider, record: TaskRecord) -> TaskReader | None:
    """What an attempt has left; None if it has left nothing, as it runs or was killed."""
    return provider.reader(record)


def existing_reader(provider: Provider, record: TaskRecord) -> TaskReader:
    """What an attempt has left.

    Raises
    ------
    Refusal
        It has left nothing (yet).
    """
    reader = reader_of(provider, record)
    if reader is None:
        why = "It still runs." if record.status == "running" else "It was killed before it could save any."
        raise Refusal(404, "not_found", f"Attempt {record.attempt} of the task has no artifacts. {why}")
    return reader
