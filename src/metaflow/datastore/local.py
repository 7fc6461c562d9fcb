"""Objects as files under a directory.

Every object is written to a temporary file beside it, which then takes its name in one step, so a process may
be killed at any time and leaves no half object. Nothing waits for the disk (no ``fsync``): after a power cut
the newest files can be torn. The checksums of manifests and the sizes and hashes of blobs tell, when they are
read.
"""
# Plain strings and os calls instead of pathlib: thousands of small objects pass here, at microseconds each.

from __future__ import annotations

import errno
import os

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.store import ObjectMissing, StoredObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSequence, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer, ObjectStore

# No key has a part that begins with a dot, so a temporary file whose writer was killed is never taken for an
# object.
_HIDDEN = "."
_TEMPORARY = ".tmp-"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
#: What a file system without hard links answers to who wants one.
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalStore:
    """An object store in a directory of this machine, or one that it has mounted.

    Parameters
    ----------
    root : str or path
        An existing directory. It is never created here: a root that vanished is an error, not an empty store.
    """

    __slots__ = ("_root",)

    is_remote = False

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)

    def __repr__(self) -> str:
        return f"LocalStore({self._root!r})"

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        path = f"{self._root}/{key}"
        temporary = self._write_temporary(path, parts)
        try:
            os.replace(temporary, path)
        except BaseException as error:
            os.unlink(temporary)
            if isinstance(error, OSError):
                raise file_error("write", path, error) from error
            raise

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was.

        On a file system without hard links the check and the write are two steps: of two writers in the same
        instant, each with its whole object, both can be told True.
        """
        path = f"{self._root}/{key}"
        temporary = self._write_temporary(path, parts)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise file_error("write", path, error) from error
            return self._rename_if_free(temporary, path)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        path = f"{self._root}/{key}"
        try:
            with open(path, "rb", buffering=0) as file:
                return file.readall()
        except FileNotFoundError as error:
            self._check_root()
            raise ObjectMissing(f"There is no {path}. It was never written, or has been removed.") from error
        except OSError as error:
            raise file_error("read", path, error) from error

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        path = f"{self._root}/{key}"
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error("read", path, error) from error
        return StoredObject(key, found.st_size, found.st_mtime)

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return where the object is, without looking whether it is there."""
        return self.local_path(key)

    def local_path(self, key: str) -> Path:
        """Return the path at which the object is or would be a plain file."""
        from pathlib import Path

        return Path(f"{self._root}/{key}")

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order; or, with `folders`, names of directories."""
        if folders:
            yield from self._folders(prefix)
            return
        folder, _, beginning = prefix.rpartition("/")
        self._check_root()
        yield from self._walk(f"{folder}/" if folder else "", beginning)

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        folder, _, beginning = prefix.rpartition("/")
        self._check_root()
        pending = [f"{folder}/" if folder else ""]
        while pending:
            yield from self._scan_folder(pending.pop(), beginning, pending)
            beginning = ""

    def _scan_folder(self, folder: str, beginning: str, folders: MutableSequence[str]) -> Sequence[StoredObject]:
        """Objects in a directory whose names begin so; directories in it that do are added to `folders`."""
        path = f"{self._root}/{folder}"
        found = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith(_HIDDEN) or not name.startswith(beginning):
                        continue
                    if entry.is_dir():
                        folders.append(f"{folder}{name}/")
                    elif (status := _status(entry)) is not None:
                        found.append(StoredObject(folder + name, status.st_size, status.st_mtime))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise file_error("list", path, error) from error
        return found

    def _folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the directories below `prefix`, which ends with a slash, without looking into them."""
        path = f"{self._root}/{prefix}"
        self._check_root()
        try:
            with os.scandir(path) as found:
                names = [entry.name for entry in found if entry.is_dir()]
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_error("list", path, error) from error
        yield from (name for name in names if not name.startswith(_HIDDEN))

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        path = f"{self._root}/{key}"
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise file_error("remove", path, error) from error

    def _walk(self, folder: str, beginning: str) -> Iterator[str]:
        path = f"{self._root}/{folder}"
        try:
            with os.scandir(path) as found:
                entries = sorted((entry.name, entry.is_dir()) for entry in found)
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_error("list", path, error) from error
        for name, is_directory in entries:
            if name.startswith(_HIDDEN) or not name.startswith(beginning):
                continue
            if is_directory:
                yield from self._walk(f"{folder}{name}/", "")
            else:
                yield folder + name

    def _write_temporary(self, path: str, parts: Sequence[Buffer]) -> str:
        """Write `parts` to a new file in the directory of `path` and return its name."""
        temporary = f"{path.rpartition('/')[0]}/{_TEMPORARY}{os.urandom(8).hex()}"
        try:
            descriptor = self._create(temporary)
        except OSError as error:
            raise file_error("write", path, error) from error
        try:
            try:
                for part in parts:
                    _write_all(descriptor, part)
            finally:
                os.close(descriptor)
        except BaseException as error:
            os.unlink(temporary)
            if isinstance(error, OSError):
                raise file_error("write", path, error) from error
            raise
        return temporary

    def _create(self, path: str) -> int:
        """Open a new file, with its directories only if the first try shows that they are missing."""
        try:
            return os.open(path, _CREATE, 0o666)
        except FileNotFoundError:
            self._check_root()
            os.makedirs(path.rpartition("/")[0], exist_ok=True)
            return os.open(path, _CREATE, 0o666)

    @staticmethod
    def _rename_if_free(temporary: str, path: str) -> bool:
        if os.path.lexists(path):
            return False
        try:
            os.rename(temporary, path)
        except OSError as error:
            raise file_error("write", path, error) from error
        return True

    def _check_root(self) -> None:
        try:
            os.stat(self._root)
        except OSError as error:
            raise file_error("use the datastore", self._root, error) from error


def local_file(store: ObjectStore, key: str) -> Path | None:
    """Return where a store has the object, or would have it, as a file that is the object itself.

    None if the store is not in a directory of this machine.
    """
    return store.local_path(key) if isinstance(store, LocalStore) else None


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What the system says of a file; None if it was removed since it was listed."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return None


def _write_all(descriptor: int, part: Buffer) -> None:
    rest = memoryview(part).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]
