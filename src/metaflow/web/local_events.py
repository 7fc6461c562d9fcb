"""Live events of a project's own index: others write them down for us as long as somebody listens here."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from metaflow.exception import MetadataException

if TYPE_CHECKING:
    from metaflow.metadata_store.served_index import ServedIndex
    from metaflow.server.live import LiveEvents

_log = logging.getLogger("metaflow.server")

#: Seconds for which events are asked for, and after which they are asked for again.
_LEASE_SECONDS = 15.0
_RENEW_SECONDS = 4.0
#: Seconds between two looks whether the index is there, and is still the same file.
_LOOK_SECONDS = 0.25
#: Seconds without any listener after which no events are asked for; who comes back before catches up.
_PATIENCE_SECONDS = 600.0
#: Seconds after which a failure is told again.
_TELL_SECONDS = 600.0


class LocalEvents:
    """Has events written down while somebody listens, and tells listeners when some are missing.

    Parameters
    ----------
    index : ServedIndex
        Which other processes write to.
    live : LiveEvents
        Who listens.
    """

    def __init__(self, index: ServedIndex, live: LiveEvents) -> None:
        self._index = index
        self._live = live
        self._file: tuple[int, int] | None = None
        self._renewed = float("-inf")
        # The first page comes soon.
        self._wanted = time.monotonic()
        self._told = float("-inf")
        self._turn = asyncio.Lock()
        live.before_listening = self.listen

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            if self._live.count:
                self._wanted = time.monotonic()
            if time.monotonic() - self._wanted < _PATIENCE_SECONDS:
                await self._renew()
            await asyncio.sleep(_LOOK_SECONDS)

    async def listen(self) -> None:
        """See that events are written down from here on."""
        self._wanted = time.monotonic()
        await self._renew()

    async def _renew(self) -> None:
        async with self._turn:
            file = self._index.identity()
            if file == self._file and (file is None or time.monotonic() - self._renewed < _RENEW_SECONDS):
                return
            if file is None:
                self._file = None
                return
            began = time.monotonic()
            try:
                was_listened = await run_in_threadpool(self._index.keep_listening, _LEASE_SECONDS)
                is_same = file == self._file
                self._file, self._renewed = file, began
                if not (was_listened and is_same):
                    self._live.start_over(await run_in_threadpool(self._index.last_event_id))
            except MetadataException as error:
                # Whoever reads is told so by what he reads. An index that may not be written can still be shown.
                self._file, self._renewed = file, began
                if began - self._told > _TELL_SECONDS:
                    self._told = began
                    _log.warning("Pages do not hear what happens, as this cannot be asked for: %s", error)
