"""Which tasks of a run have changed, by the log of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from metaflow.metadata_store.store import EventLog

_PAGE = 1000


class Changes(NamedTuple):
    """What has happened to a run.

    Attributes
    ----------
    tasks : set of (str, str)
        Step and id of each task that something was recorded of.
    position : int
        Id of the last event that was looked at.
    """

    tasks: set[tuple[str, str]]
    position: int


def changes_since(log: EventLog, flow: str, run_id: str, position: int, most: int) -> Changes | None:
    """Tasks of a run that something was recorded of behind an event.

    Parameters
    ----------
    log : EventLog
    flow, run_id : str
        The run.
    position : int
        Id of the last event that is known.
    most : int
        How many tasks are told at most.

    Returns
    -------
    Changes or None
        None if the log cannot tell, or if there are more: whoever asks reads everything.

    Raises
    ------
    MetadataException
        The log cannot be read.
    """
    # The end of the log comes first: of other runs, nothing behind it is looked at.
    last = log.last_event_id()
    if last < position or log.oldest_event_id() > position + 1 or not log.is_log_kept():
        return None
    tasks: set[tuple[str, str]] = set()
    while True:
        page = log.events_after(position, _PAGE, flow, run_id)
        for event_id, event in page:
            position = event_id
            if event["kind"] == "run_forgotten":
                return None
            task = event.get("task")
            if task is not None:
                tasks.add((task["step"], task["task_id"]))
        if len(tasks) > most:
            return None
        if len(page) < _PAGE:
            return Changes(tasks, max(position, last))
