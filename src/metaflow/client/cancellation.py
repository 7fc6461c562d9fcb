"""The note in a run's datastore that the run shall end, wherever its process and tasks are; and what came of that."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from metaflow.datastore.layout import cancel_key
from metaflow.datastore.store import ObjectMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunStatus


class Cancellation(NamedTuple):
    """Somebody's wish that a run end.

    Attributes
    ----------
    user : str
    at : float
        When, in seconds since the epoch.
    """

    user: str
    at: float

    @property
    def message(self) -> str:
        """What is recorded of the run."""
        return f"cancelled by {self.user}"


class CancelledTask(NamedTuple):
    """What became of a task that ran when its run was cancelled.

    Attributes
    ----------
    task : str
        As ``step/task``.
    attempt : int
    status : str
        ``done`` or ``failed`` if it ended before it could be stopped, ``killed``, ``never started`` if it was still
        waiting for its engine, or ``running`` if it goes on.
    place : str
        The engine that it was on; empty if it was on the machine of its run.
    """

    task: str
    attempt: int
    status: str
    place: str = ""


class CancelledRun(NamedTuple):
    """What became of a run that was cancelled.

    Attributes
    ----------
    pathspec : str
    status : str
        ``stopped``; another one if the run ended by itself in that moment; ``running`` if it has not stopped yet.
    message : str or None
        What is recorded of its end.
    tasks : tuple of CancelledTask
        Those that ran, or waited on an engine.
    """

    pathspec: str
    status: RunStatus
    message: str | None
    tasks: tuple[CancelledTask, ...]


def note_cancellation(store: ObjectStore, flow: str, run_id: str, user: str) -> Cancellation:
    """Note that a run shall end; returns the older note if there is one already.

    Raises
    ------
    DataException
        If the run's datastore cannot be written.
    """
    wish = Cancellation(user, time.time())
    if store.put_new(cancel_key(flow, run_id), [json.dumps(wish._asdict()).encode()]):
        return wish
    return read_cancellation(store, flow, run_id) or wish


def read_cancellation(store: ObjectStore, flow: str, run_id: str) -> Cancellation | None:
    """The note; None if there is none.

    Raises
    ------
    DataException
        If the run's datastore cannot be read.
    """
    try:
        content = store.get(cancel_key(flow, run_id))
    except ObjectMissing:
        return None
    try:
        return Cancellation(**json.loads(content))
    except (ValueError, TypeError):
        return Cancellation("somebody", 0.0)  # whoever wrote it wants the run to end


def withdraw_cancellation(store: ObjectStore, flow: str, run_id: str) -> None:
    """Remove the note, as the run was over before it."""
    store.delete(cancel_key(flow, run_id))
