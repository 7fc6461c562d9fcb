"""Records a run in the metadata service, which need not be there all the time."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException, ServiceUnavailable
from ..metadata_store.outbox import Outbox, deliver_left_behind
from .recorder import Recorder, as_metaflow_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..client.home import Home
    from ..metadata_store.events import Event
    from ..metadata_store.records import RunRecord
    from ..metadata_store.store import MetadataStore

_SECONDS_FOR_CHECK = 5.0
# Long enough for a service that is busy; what happens in a task meanwhile is recorded afterwards.
_SECONDS_FOR_RECORDS = 20.0
_SECONDS_BETWEEN_TRIES = 1.0


def check_service(home: Home) -> MetaflowException | None:
    """See, before a run starts, whether the service would take its records.

    Parameters
    ----------
    home : Home
        Where the run will be kept.

    Returns
    -------
    MetaflowException or None
        Why the service cannot be reached now. The run need not wait for it.

    Raises
    ------
    ServiceException
        It does not accept the credentials, or is none: no waiting will change that.
    """
    from ..metadata_store.service import ServiceMetadata

    service = ServiceMetadata(home.service, tries=1, timeout=_SECONDS_FOR_CHECK)
    try:
        service.check()
    except ServiceUnavailable as error:
        return error
    finally:
        service.close()
    return None


class ServiceRecorder(Recorder):
    """A recorder that keeps all records in a file until the service has confirmed them.

    As long as the service cannot be reached, it is tried with every heartbeat, and when there is something to send, if
    not at once again. Heartbeats are not kept: those of the past tell nobody anything.

    Parameters
    ----------
    home : Home
        Where the run is kept.
    record : RunRecord
        The run.
    make_heartbeat : callable
        Gives the event that says that the run is alive.
    heartbeat_seconds : float
        Time between two of them.
    first : sequence of events
        How the run begins: on disk before this returns, so that the death of the process cannot hide the run.
    tell : callable, optional
        Tells a person something.
    """

    def __init__(
        self,
        home: Home,
        record: RunRecord,
        make_heartbeat: Callable[[], Any],
        heartbeat_seconds: float,
        first: Sequence[Event] = (),
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._service = home.service
        self._folder = home.outbox
        self._outbox = Outbox.of_run(self._folder, home.service, record.flow, record.run_id)
        self._tell = tell or _write_to_stderr
        self._is_away = False
        self._try_again_at = 0.0
        self._refused = 0
        self._has_sent_old = False
        self._error = None
        unwritten = self._not_on_disk(list(first))

        def open_service() -> MetadataStore:
            from ..metadata_store.service import ServiceMetadata

            # One try: what cannot be sent waits in the outbox, and a later batch tries again.
            return ServiceMetadata(home.service, tries=1, timeout=_SECONDS_FOR_RECORDS)

        super().__init__(open_service, make_heartbeat, heartbeat_seconds, unwritten)

    def _apply(self, store: MetadataStore, batch: list[Any], heartbeat: Any, closing: bool) -> None:
        unwritten = self._not_on_disk(batch)
        began = time.monotonic()
        if self._is_away and heartbeat is None and not closing and began < self._try_again_at:
            self._given_back(unwritten)
            return
        try:
            waited = self._outbox.waiting
            self._refused += self._outbox.deliver(store.apply).refused
            store.apply(unwritten if heartbeat is None else [*unwritten, heartbeat])
            self._error = None
            self._say_that_it_is_back(waited)
            self._send_what_others_left(store)
        except Exception as error:  # whatever it is, the run goes on
            self._given_back(unwritten)
            now = time.monotonic()
            self._try_again_at = now + _SECONDS_BETWEEN_TRIES + (now - began)
            self._say_that_it_is_away(as_metaflow_error(error))
            return
        if closing:
            self._outbox.close()

    def _not_on_disk(self, batch: list[Any]) -> list[Any]:
        """Put events into the outbox; gives those that it has no room for. They can wait in memory, if less safely."""
        if not batch:
            return []
        try:
            self._outbox.append(batch)
        except MetaflowException as error:
            self._error = error
            return batch
        return []

    def _send_what_others_left(self, store: MetadataStore) -> None:
        if self._has_sent_old:
            return
        self._has_sent_old = True
        old = deliver_left_behind(self._folder, self._service, store.apply)
        if old.sent:
            self._tell(f"The metadata service got {old.sent} records of earlier runs, which had waited for it.")

    def _say_that_it_is_back(self, waited: int) -> None:
        if self._is_away:
            self._is_away = False
            self._tell(f"The metadata service is back: {waited} records of this run that had waited were sent.")

    def _say_that_it_is_away(self, error: MetaflowException) -> None:
        self._error = error
        if not self._is_away:
            self._is_away = True
            self._tell(
                f"The metadata service does not take records now: {error}\n"
                f"The run goes on. What it records is kept in {self._outbox.path} until the service takes it."
            )

    def _leave(self, is_stuck: bool) -> str | None:
        error = self._error
        with self._lock:
            pending, self._pending = self._pending, []
        if pending:
            try:
                self._outbox.append(pending)
            except MetaflowException as failure:
                return (
                    f"{len(pending)} records of this run could be neither sent to the metadata service nor kept: "
                    f"{failure} The results of its tasks are safe."
                )
        if self._outbox.waiting:
            reason = f": {error}" if error is not None else ", which does not answer."
            return (
                f"{self._outbox.waiting} records of this run wait for the metadata service{reason}\n"
                f"They are in {self._outbox.path} and are sent by the next run or `metaflow` command that uses "
                "the service from here, or by `metaflow outbox send`. The results of the run are safe."
            )
        if self._refused:
            return (
                f"The metadata service refused {self._refused} records of this run. `metaflow outbox` shows them and "
                "the reasons. The results of the run are safe."
            )
        return None


def _write_to_stderr(text: str) -> None:
    # In one piece, as the run's own thread writes as well.
    os.write(sys.stderr.fileno(), f"{text}\n".encode("utf-8", "backslashreplace"))
