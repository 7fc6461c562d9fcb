"""Runs of other machines in a datastore behind a network, brought into this machine's index while the app is open."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from metaflow.client.distant_runs import DistantRuns
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.served_index import ServedIndex
    from metaflow.server.live import LiveEvents

_log = logging.getLogger("metaflow.server")

#: Seconds between two looks for what is new, and between two for all that there is...
_LOOK_SECONDS = 3.0
_ALL_SECONDS = 120.0
# ...and how much longer than that for each second, and each request, that a look takes.
_REST = 10
_SECONDS_PER_REQUEST = 0.2
#: Seconds without any listener after which nobody looks any more.
_PATIENCE_SECONDS = 600.0
#: Seconds after which a datastore that could not be read is tried again.
_RETRY_SECONDS = 30.0


class Arrivals:
    """Looks for runs of other machines as long as somebody listens.

    Parameters
    ----------
    provider : Provider
        Knows the datastore.
    index : ServedIndex
        Which is told of the runs.
    live : LiveEvents
        Who listens.
    """

    def __init__(self, provider: Provider, index: ServedIndex, live: LiveEvents) -> None:
        self._provider = provider
        self._index = index
        self._live = live
        self._runs: DistantRuns | None = None
        self._all_at = 0.0
        self._problem: str | None = None
        self._wanted_at = time.monotonic()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            pause = 1.0
            if self._live.count:
                self._wanted_at = time.monotonic()
            if time.monotonic() - self._wanted_at < _PATIENCE_SECONDS:
                pause = await run_in_threadpool(self.look)
            await asyncio.sleep(pause)

    def stop(self) -> None:
        """Have a look that goes on end soon: it may have thousands of runs to read."""
        if self._runs is not None:
            self._runs.is_stopped = True

    def look(self) -> float:
        """Look once, also through all if it is time; for how many seconds to rest then."""
        began = time.monotonic()
        try:
            if self._runs is None:
                self._index.create()
                home = self._provider.home
                self._runs = DistantRuns(self._provider.store, self._index, home.recorded_datastore)
            is_all = began >= self._all_at
            if is_all:
                self._runs.look_at_all()
            else:
                self._runs.look_at_newest()
        except MetaflowException as error:
            if error.message != self._problem:
                _log.warning("Runs of other machines cannot be looked for: %s", error.message)
            self._problem = error.message
            return _RETRY_SECONDS
        except Exception:  # whatever nobody foresaw must not leave the pages as they are for good
            _log.exception("Looking for runs of other machines failed unexpectedly, and is tried again.")
            return _RETRY_SECONDS
        self._problem = None
        took = time.monotonic() - began
        rest = max(_LOOK_SECONDS, _REST * took, _SECONDS_PER_REQUEST * self._runs.requests)
        if is_all:
            self._all_at = time.monotonic() + max(_ALL_SECONDS, _REST * rest)
            return 0.0 if took > _LOOK_SECONDS else _LOOK_SECONDS
        return rest

    def facts(self) -> dict[str, Any]:
        """How far new runs are read, and what is in the way, as the interface gives it."""
        reading = self._runs.reading if self._runs is not None else None
        return {
            "read": None if reading is None else reading.read,
            "total": None if reading is None else reading.total,
            "problem": self._problem,
        }
