"""Runs in a directory of which the index never heard: their process was killed in its first moments."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from metaflow.client.recovery import adopt_run
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import is_name, runs_prefix
from metaflow.datastore.local import local_file
from metaflow.datastore.store import OUT_OF_REACH
from metaflow.exception import DatabaseUnavailable, DataException, MetadataException
from metaflow.metadata_store.sqlite import SqliteMetadata

if TYPE_CHECKING:
    from typing import Any

    from metaflow.client.provider import Provider

#: Documents of the index, one for each flow: when its folder had changed last when somebody looked.
_COLLECTION = "folders looked at"
# A folder that has changed so shortly before may change again without another time of its change, and a run in it may
# not have written its record yet.
_UNSETTLED_NANOSECONDS = 2_000_000_000
# Who lists runs does not wait long for whoever writes to the index: what was not noticed now, the next look finds.
_PATIENCE_SECONDS = 0.1


class UnnoticedRuns:
    """Has the index hear of such runs. What has not changed since the last look costs one call to the system a flow.

    Parameters
    ----------
    provider : Provider
        Knows the directory and the index, which may be written.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._looked_at: dict[str, Any] = {}
        # The index that was looked at last, and the same for who will not wait.
        self._indexes: tuple[SqliteMetadata, SqliteMetadata] | None = None

    def look(self, flow: str | None = None) -> int:
        """Look at the runs of a flow, or of all flows; how many were found.

        Raises
        ------
        DataException, MetadataException
            The directory or the index cannot be read, or somebody else writes to the index for long.
        """
        top = local_file(self._provider.store, runs_prefix()[:-1])
        index = self._provider.index
        if top is None or not isinstance(index, SqliteMetadata) or (flow is not None and not is_name(flow)):
            return 0
        now = time.time_ns()
        changed = self._changed(index, os.fspath(top), flow)
        count = sum(self._found(index, each, os.path.join(top, each)) for each in changed)
        self._note(index, {each: at for each, at in changed.items() if at < now - _UNSETTLED_NANOSECONDS})
        return count

    def _impatient(self, index: SqliteMetadata) -> SqliteMetadata:
        if self._indexes is None or self._indexes[0] is not index:
            self._indexes = index, index.impatient(_PATIENCE_SECONDS)
        return self._indexes[1]

    def _changed(self, index: SqliteMetadata, top: str, flow: str | None) -> dict[str, int]:
        """Flows in whose folders something has changed since anybody looked, and when."""
        flows = list(filter(is_name, _names(top))) if flow is None else [flow]
        times = ((each, _changed_at(os.path.join(top, each))) for each in flows)
        changed = {each: at for each, at in times if at is not None and self._looked_at.get(each) != at}
        if changed:
            self._looked_at.update(_noted(index, flow))
        return {each: at for each, at in changed.items() if self._looked_at.get(each) != at}

    def _found(self, index: SqliteMetadata, flow: str, path: str) -> int:
        """How many runs of a flow were found."""
        known = index.run_ids(flow)
        unknown = [name for name in _names(path) if name not in known and is_name(name)]
        return sum(self._is_taken_in(index, flow, run_id) for run_id in unknown)

    def _is_taken_in(self, index: SqliteMetadata, flow: str, run_id: str) -> bool:
        """Have the index hear of a run, if there is one; of one that cannot be read, `metaflow verify` tells."""
        try:
            self._impatient(index).check_turn()
            return adopt_run(self._provider.store, index, flow, run_id) is not None
        except (*OUT_OF_REACH, DatabaseUnavailable):
            raise
        except (DataException, MetadataException):
            return False

    def _note(self, index: SqliteMetadata, looked_at: dict[str, int]) -> None:
        self._looked_at.update(looked_at)
        if looked_at:
            documents = {flow: {"changed_at": at} for flow, at in looked_at.items()}
            try:
                self._impatient(index).put_documents(_COLLECTION, documents, replace=True)
            except MetadataException:
                pass  # this process may only read, or somebody else writes; others look themselves


def _noted(index: SqliteMetadata, flow: str | None) -> dict[str, Any]:
    """What other processes have looked at."""
    try:
        return {key: found.get("changed_at") for key, found in index.documents(_COLLECTION, flow or "")}
    except MetadataException:
        return {}  # it may be of a version without documents, where nothing can be written


def _changed_at(path: str) -> int | None:
    """When something was added to a folder or removed, in nanoseconds; None if it has just been removed."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _names(path: str) -> list[str]:
    """Names of what is in a directory."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise file_error("list", path, error) from error
