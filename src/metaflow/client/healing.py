"""Setting right runs whose process died, while their datastores may be out of reach."""

from __future__ import annotations

import math
from time import monotonic

from metaflow.client.recovery import assumed_dead
from metaflow.datastore.store import OUT_OF_REACH
from metaflow.exception import DataException, MetadataException, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.metadata_store.records import RunRecord

# For how long a datastore that could not be reached is not asked again.
_REMEMBERED_SECONDS = 60.0


class Healing:
    """Sets runs right. Of many whose datastore cannot be reached, only the first one waits for that."""

    def __init__(self) -> None:
        self._noticed: dict[str, float] = {}

    def is_out_of_reach(self, location: str) -> bool:
        """Whether a datastore could not be reached a moment ago."""
        return monotonic() - self._noticed.get(location, -math.inf) < _REMEMBERED_SECONDS

    def look(self, run: RunRecord, look: Callable[[], RunRecord]) -> RunRecord:
        """What `look` finds out of a run that may go on elsewhere; if its files are out of reach, the run as it is.

        Parameters
        ----------
        run : RunRecord
            The run as the index knows it.
        look : callable
            Reads its files.

        Raises
        ------
        DataException, MetadataException
            If its files can be had, but not read.
        """
        if self.is_out_of_reach(run.datastore):
            return run
        try:
            return look()
        except OUT_OF_REACH:
            self._noticed[run.datastore] = monotonic()
            return run

    def heal(self, run: RunRecord, heal: Callable[[], RunRecord], copy: Callable[[], RunRecord]) -> RunRecord:
        """Set right what is known of a run whose process died, as far as its datastore lets us.

        Parameters
        ----------
        run : RunRecord
            The run as the index knows it.
        heal : callable
            Sets it right for everybody.
        copy : callable
            Does that for this process only, where nothing may be written.

        Returns
        -------
        RunRecord
            The run as it is now; if its files cannot be had, what can be told without them.

        Raises
        ------
        DataException, MetadataException
            If its files can be had, but not read.
        """
        if self.is_out_of_reach(run.datastore):
            return assumed_dead(run)
        try:
            try:
                return heal()
            except StoreUnavailable:
                raise
            except (DataException, MetadataException):
                # Most likely we may only read. What cannot be read either raises again in this.
                return copy()
        except OUT_OF_REACH:
            self._noticed[run.datastore] = monotonic()
            return assumed_dead(run)
