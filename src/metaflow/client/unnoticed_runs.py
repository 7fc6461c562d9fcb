"""Runs in a directory of which the index never heard: their process was killed in its first moments."""

from __future__ import annotations

import heapq
import os
from typing import TYPE_CHECKING

from metaflow.client.recovery import stored_run
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import is_name, runs_prefix
from metaflow.datastore.local import local_file
from metaflow.datastore.store import OUT_OF_REACH
from metaflow.exception import DataException, MetadataException

if TYPE_CHECKING:
    from metaflow.client.provider import Provider

#: Of the folders of a flow in which something has changed, so many of the newest are looked at.
_NEWEST = 5


class UnnoticedRuns:
    """Has the index hear of such runs. What has not changed since the last look costs one call to the system a flow.

    Parameters
    ----------
    provider : Provider
        Knows the directory and the index.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._changed_at: dict[str, int] = {}

    def look(self) -> int:
        """Look once; how many runs were found.

        Raises
        ------
        DataException, MetadataException
            The directory cannot be read, or the index cannot be written.
        """
        top = local_file(self._provider.store, runs_prefix()[:-1])
        return 0 if top is None else sum(self._found(flow, os.path.join(top, flow)) for flow in _names(os.fspath(top)))

    def look_for(self, flow: str) -> int:
        """Look at the newest runs of one flow; how many were found.

        Raises
        ------
        DataException, MetadataException
            The directory cannot be read, or the index cannot be written.
        """
        top = local_file(self._provider.store, runs_prefix()[:-1])
        return 0 if top is None or not is_name(flow) else self._found(flow, os.path.join(top, flow))

    def _found(self, flow: str, path: str) -> int:
        """How many runs of a flow were found, if anything has changed in its folder."""
        try:
            changed_at = os.stat(path).st_mtime_ns
        except OSError:
            return 0  # it has just been removed
        if self._changed_at.get(flow) == changed_at:
            return 0
        newest = heapq.nlargest(_NEWEST, _names(path))
        unknown = [run_id for run_id in newest if self._provider.index.run(flow, run_id) is None]
        count = sum(self._is_taken_in(flow, run_id) for run_id in unknown)
        self._changed_at[flow] = changed_at
        return count

    def _is_taken_in(self, flow: str, run_id: str) -> bool:
        """Have the index hear of a run, if there is one; of a damaged record, `metaflow verify` tells."""
        try:
            written = stored_run(self._provider.store, flow, run_id)
        except OUT_OF_REACH:
            raise
        except (DataException, MetadataException):
            return False
        return written is not None and self._provider.run(flow, run_id) is not None


def _names(path: str) -> list[str]:
    """Names of the flows, or of the runs of a flow, in a directory."""
    try:
        return [name for name in os.listdir(path) if is_name(name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise file_error("list", path, error) from error
