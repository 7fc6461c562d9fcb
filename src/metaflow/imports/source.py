"""A local folder of Metaflow's: what is in it and where. It is only read.

::

    <Flow>/_meta/_self.json
    <Flow>/data/<key[:2]>/<key>                   blob, beside it <key>_meta
    <Flow>/<run>/_meta/_self.json
    <Flow>/<run>/<step>/<task>/_meta/…            metadata of a task
    <Flow>/<run>/<step>/<task>/<attempt>.…        its attempts
    data/<Flow>/<key>                             content of a file that a run included
    mf.cards/<Flow>/runs/<run>/steps/<step>/tasks/<task>/…
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import NamedTuple

from metaflow.exception import CorruptedDataException
from metaflow.imports.documents import checked_key, parse_blob_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

#: Pseudo step whose one task holds the parameters and constants of a run.
PARAMETERS_STEP = "_parameters"

_META = "_meta"
_SELF = "_self.json"
#: Directories of a flow that are no runs.
_NO_RUNS = frozenset({_META, "data"})
#: Blobs that take more bytes than this are never held in memory as a whole.
STREAMED_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024


class TaskPlace(NamedTuple):
    """Where a task is.

    Attributes
    ----------
    step, task_id : str
    stamp : str
        Differs if files were added to the task since, or replaced.
    modified_at : float
        When that happened last, in seconds since the epoch.
    """

    step: str
    task_id: str
    stamp: str
    modified_at: float


class CardFile(NamedTuple):
    """A file of a card.

    Attributes
    ----------
    path : str
        Where it is.
    step, task_id : str
        The task.
    name : str
        File name.
    stamp : str
        Differs if the file was changed since.
    """

    path: str
    step: str
    task_id: str
    name: str
    stamp: str


class SourceFolder:
    """A folder that Metaflow wrote.

    Whatever cannot be read raises CorruptedDataException, which says what and why.

    Parameters
    ----------
    root : str
        The folder, usually called ``.metaflow``.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def flows(self) -> list[str]:
        """Flows that the folder has something of, sorted."""
        return [name for name in _folders(self.root) if name.isidentifier() and self._is_flow(name)]

    def _is_flow(self, name: str) -> bool:
        path = f"{self.root}/{name}"
        if os.path.isdir(f"{path}/{_META}"):
            return True
        return any(os.path.isdir(f"{path}/{run}/{_META}") for run in _folders(path))

    def runs(self, flow: str) -> list[str]:
        """Ids of a flow's runs, sorted."""
        return [name for name in _folders(f"{self.root}/{flow}") if name not in _NO_RUNS]

    def run_document(self, flow: str, run_id: str) -> bytes:
        """What the run says of itself."""
        return read_file(f"{self.root}/{flow}/{run_id}/{_META}/{_SELF}")

    def tasks(self, flow: str, run_id: str) -> Iterator[TaskPlace]:
        """Tasks of a run."""
        run = f"{self.root}/{flow}/{run_id}"
        for step in _folders(run):
            if step == _META:
                continue
            for task_id in _folders(f"{run}/{step}"):
                if task_id != _META:
                    path = f"{run}/{step}/{task_id}"
                    own, of_metadata = _modified(path), _modified(f"{path}/{_META}")
                    yield TaskPlace(step, task_id, f"{own}-{of_metadata}", max(own, of_metadata) / 1e9)

    def count_tasks(self, flow: str, run_id: str) -> int:
        """About how many tasks a run has, told without looking at any; 0 if it cannot be read."""
        run = f"{self.root}/{flow}/{run_id}"
        try:
            return sum(len(os.listdir(f"{run}/{step}")) for step in _folders(run))
        except (OSError, CorruptedDataException):
            return 0

    def task_path(self, flow: str, run_id: str, step: str, task_id: str) -> str:
        """Directory of a task."""
        return f"{self.root}/{flow}/{run_id}/{step}/{task_id}"

    def task_document(self, task_path: str) -> bytes:
        """What a task says of itself."""
        return read_file(f"{task_path}/{_META}/{_SELF}")

    def field_files(self, task_path: str) -> list[str]:
        """Paths of the metadata fields of a task, in the order of their names."""
        folder = f"{task_path}/{_META}"
        return [f"{folder}/{name}" for name in _names(folder) if name.startswith("sysmeta_") and name.endswith(".json")]

    def task_files(self, task_path: str) -> list[str]:
        """Names of the files of a task's attempts."""
        return _names(task_path)

    def cards(self, flow: str, run_id: str) -> Iterator[CardFile]:
        """Files of the cards of a run."""
        steps = f"{self.root}/mf.cards/{flow}/runs/{run_id}/steps"
        for step in _folders(steps):
            for task_id in _folders(f"{steps}/{step}/tasks"):
                for kind in ("cards", "runtime"):
                    folder = f"{steps}/{step}/tasks/{task_id}/{kind}"
                    for name in _names(folder):
                        path = f"{folder}/{name}"
                        yield CardFile(path, step, task_id, name, str(_modified(path)))

    def blob_size(self, flow: str, key: str) -> int:
        """Bytes that a blob takes on the disk."""
        path = self._blob(flow, key)
        try:
            return os.stat(path).st_size
        except OSError as error:
            raise _unreadable(path, error) from error

    def read_blob(self, flow: str, key: str) -> bytes:
        """The content of a blob, checked against its key."""
        path = self._blob(flow, key)
        data = read_file(path)
        if not self._is_raw(path):
            import gzip

            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise CorruptedDataException(f"{path} cannot be decompressed ({error}).") from error
        if hashlib.sha1(data, usedforsecurity=False).hexdigest() != key:
            raise CorruptedDataException(f"{path} was altered: its content does not fit its name.")
        return data

    def stream_blob(self, flow: str, key: str) -> Iterator[bytes]:
        """The content of a blob piece by piece; after the last piece it is checked against its key."""
        import gzip

        path = self._blob(flow, key)
        digest = hashlib.sha1(usedforsecurity=False)
        try:
            with open(path, "rb") as file:
                content: BinaryIO = file if self._is_raw(path) else gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
                while piece := content.read(_PIECE_BYTES):
                    digest.update(piece)
                    yield piece
        except (OSError, EOFError, zlib.error) as error:
            raise CorruptedDataException(f"{path} cannot be read ({error}).") from error
        if digest.hexdigest() != key:
            raise CorruptedDataException(f"{path} was altered: its content does not fit its name.")

    def included_file(self, flow: str, key: str) -> bytes:
        """The content of a file that a run included, as it is stored: compressed."""
        return read_file(f"{self.root}/data/{flow}/{checked_key(key, 'An included file')}")

    def _blob(self, flow: str, key: str) -> str:
        return f"{self.root}/{flow}/data/{key[:2]}/{key}"

    @staticmethod
    def _is_raw(path: str) -> bool:
        try:
            with open(f"{path}_meta", "rb") as file:
                return parse_blob_format(file.read(), f"{path}_meta")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(f"{path}_meta", error) from error


def read_file(path: str) -> bytes:
    """Read a whole file.

    Raises
    ------
    CorruptedDataException
        If it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise _unreadable(path, error) from error


def _names(path: str) -> list[str]:
    """Names in a directory, sorted; none if there is no such directory."""
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error


def _folders(path: str) -> list[str]:
    """Names of the directories in a directory, sorted; none if there is no such directory."""
    try:
        with os.scandir(path) as found:
            return sorted(entry.name for entry in found if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0  # reading it will tell what is wrong with it


def _unreadable(path: str, error: OSError) -> CorruptedDataException:
    reason = "it is missing" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
    return CorruptedDataException(f"{path} cannot be read: {reason}.")
