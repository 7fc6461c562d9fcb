"""Setting right, now and then, runs that seem to go on but whose processes died: nobody else may come to look."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.liveness import effective_status
from metaflow.metadata_store.store import RunQuery

if TYPE_CHECKING:
    from metaflow.client.provider import Provider

_log = logging.getLogger("metaflow.server")

#: Seconds between two looks; many times as long as a look takes, if that is more.
_LOOK_SECONDS = 2.0
_REST = 20
#: Seconds after which a run that could not be set right is tried again.
_RETRY_SECONDS = 60.0


class Healer:
    """Sets right what the index says of runs whose processes died, and has it hear of those that it never heard of.

    Parameters
    ----------
    provider : Provider
        Reads the runs, and sets right each that it is asked for.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._failed: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            began = time.monotonic()
            try:
                await run_in_threadpool(self.heal)
            except (DataException, MetadataException) as error:
                _log.debug("Runs cannot be looked after now: %s", error)
            except Exception:  # one run that nobody foresaw must not leave all later ones as they are
                _log.exception("Looking after runs failed unexpectedly, and is tried again.")
            await asyncio.sleep(max(_LOOK_SECONDS, _REST * (time.monotonic() - began)))

    def heal(self) -> int:
        """Look once; how many runs were set right.

        Raises
        ------
        DataException, MetadataException
            The index cannot be read.
        """
        self._provider.renew_index()
        count = self._provider.notice_runs()
        for run in self._provider.index.runs(RunQuery(status="running")):
            key = run.flow, run.run_id
            now = time.monotonic()
            if effective_status(run, time.time()) == "running" or now < self._failed.get(key, now):
                continue
            try:
                found = self._provider.run(*key)
            except (DataException, MetadataException) as error:
                _log.debug("The run %s/%s cannot be set right now: %s", *key, error)
                found = None
            if found is None or self._still_runs(*key):
                self._failed[key] = now + _RETRY_SECONDS
            else:
                self._failed.pop(key, None)
                count += 1
        return count

    def _still_runs(self, flow: str, run_id: str) -> bool:
        """Whether the index still says so: the run's datastore may be out of reach."""
        run = self._provider.index.run(flow, run_id)
        return run is not None and run.status == "running"
