"""The index of runs as a server uses it: many threads read it at once, and it tells what happens."""

from __future__ import annotations

import os

from metaflow.metadata_store.listening import listen
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.sqlite_file import INDEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_SERVED_INDEX = INDEX._replace(reads_aside=True)


class ServedIndex(SqliteMetadata):
    """An index of runs that other processes write to, and may delete and make anew.

    What they record is in the log of events as long as :meth:`keep_listening` is called in time.

    Parameters
    ----------
    path : Path
        The file. It need not exist: nothing but a run creates it, or who asks for that.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, purpose=_SERVED_INDEX)
        self._path = path

    def create(self) -> None:
        """Make the file, without any runs, if it is missing.

        Raises
        ------
        MetadataException
            It cannot be made.
        """
        if self.identity() is None:
            self._file.transact(lambda connection: None)

    def identity(self) -> tuple[int, int] | None:
        """Which file it is now; None if there is none."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def keep_listening(self, seconds: float) -> bool:
        """Have everybody write events to the log for the next `seconds`.

        Returns
        -------
        bool
            False if events may be missing that happened before, or there is no index.

        Raises
        ------
        MetadataException
            It cannot be written.
        """
        if self.identity() is None:
            return False
        return self._file.transact(lambda connection: listen(connection, seconds))

    def trim_log(self, before_time: float) -> int:
        """Drop events recorded before a time; nothing if there is no index yet."""
        return 0 if self.identity() is None else super().trim_log(before_time)
