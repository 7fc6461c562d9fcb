"""The metadata store behind a metadata service, over HTTP."""

from __future__ import annotations

from metaflow.exception import ServiceException
from metaflow.metadata_store.records import FlowRecord, StepRecord, TaskRecord
from metaflow.metadata_store.service_connection import ServiceConnection
from metaflow.metadata_store.wire import (
    event_to_plain,
    record_to_plain,
    run_from_plain,
    run_query_to_plain,
    task_query_to_plain,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import RunQuery, TaskQuery

# Events of one request; the service takes more, but others would wait for it.
_EVENTS_PER_REQUEST = 1000
_RECORDS_PER_PAGE = 1000


class ServiceMetadata:
    """A metadata store in a metadata service; for any number of threads.

    Nothing is contacted before it is used. Requests are tried again while the service cannot be reached or is too busy,
    so that a call may take some seconds; :class:`~metaflow.exception.ServiceUnavailable` says that it was in vain.

    Parameters
    ----------
    url : str
        Address of the service.
    tries : int, optional
        How often a request is made before giving up, the first time included; by default the setting
        SERVICE_RETRY_COUNT.
    timeout : float
        Seconds without a sign of life after which a request has failed.
    """

    def __init__(self, url: str, tries: int | None = None, timeout: float = 60.0) -> None:
        self._connection = ServiceConnection(url, tries, timeout)

    def check(self) -> None:
        """See that the service would record what we send, by asking it to record nothing.

        Raises
        ------
        ServiceUnavailable
            It cannot be reached now.
        ServiceException
            It refuses; its `http_code` is 401 or 403 if we may not write there.
        """
        self._record([])

    def apply(self, events: Iterable[Event]) -> None:
        """Record `events`, in order.

        Parameters
        ----------
        events : iterable of events
            See :mod:`metaflow.metadata_store.events`. Recording an event again changes nothing. More than a thousand go
            in several requests: all of one are recorded, or none.

        Raises
        ------
        ServiceUnavailable
            The service cannot be reached now. Some of many events may be recorded; send all of them again.
        ServiceException
            The service refuses; its `http_code` is 422 if an event is not valid, and sending it again is in vain.
        """
        plain = [event_to_plain(event) for event in events]
        for start in range(0, len(plain), _EVENTS_PER_REQUEST):
            self._record(plain[start : start + _EVENTS_PER_REQUEST])

    def _record(self, events: list[dict[str, Any]]) -> None:
        try:
            self._connection.post("/api/v1/events", {"events": events})
        except ServiceException as error:
            if error.http_code != 413 or len(events) < 2:
                raise
            half = len(events) // 2
            self._record(events[:half])
            self._record(events[half:])

    def claim_run(self, run: RunRecord) -> bool:
        """Record that a run exists, unless its id is taken.

        Returns
        -------
        bool
            False if it is taken by another process; then nothing is recorded.

        Raises
        ------
        ServiceException
            The service cannot be reached, or refuses.
        """
        answer = self._connection.post(
            "/api/v1/runs", {"run": record_to_plain(run._replace(outcome=None))}, expected=409
        )
        return bool(answer["claimed"])

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs, or only the one named, the newest first."""
        answer = self._connection.get("/api/v1/flows", {"flow": flow})
        return [FlowRecord(plain["flow"], plain["created_at"]) for plain in answer["flows"]]

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, in its order, without their graphs."""
        plain = run_query_to_plain(query)
        return [run_from_plain(found) for found in self._pages("/api/v1/runs/query", "runs", plain, query.limit)]

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""
        answer = self._connection.get("/api/v1/run", {"flow": flow, "run_id": run_id}, expected=404)
        return None if "error" in answer else run_from_plain(answer)

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks, or only the one named, newest first."""
        answer = self._connection.get("/api/v1/steps", {"flow": flow, "run_id": run_id, "step": step})
        return [
            StepRecord(plain["flow"], plain["run_id"], plain["step"], plain["created_at"]) for plain in answer["steps"]
        ]

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""
        plain = task_query_to_plain(query)
        return [
            TaskRecord.from_dict(found) for found in self._pages("/api/v1/tasks/query", "tasks", plain, query.limit)
        ]

    def _pages(self, path: str, name: str, query: dict[str, Any], limit: int | None) -> Iterator[dict[str, Any]]:
        left = limit
        while left is None or left > 0:
            size = _RECORDS_PER_PAGE if left is None else min(left, _RECORDS_PER_PAGE)
            answer = self._connection.post(path, {**query, "limit": size})
            found = answer[name]
            yield from found
            if answer["after"] is None:
                return
            query = {**query, "after": answer["after"]}
            left = None if left is None else left - len(found)

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        self._connection.close()
