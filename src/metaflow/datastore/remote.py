"""Objects in S3, Google Cloud Storage and Azure, through obstore."""

from __future__ import annotations

from typing import Any

from metaflow import settings
from metaflow.datastore.location import kind_of, split_location
from metaflow.datastore.remote_config import LARGE_BYTES
from metaflow.datastore.remote_errors import examine, explain
from metaflow.datastore.remote_library import import_library
from metaflow.datastore.remote_requests import BucketClient, RequestFailed
from metaflow.datastore.store import ObjectMissing, StoredObject
from metaflow.exception import CorruptedDataException, DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    from metaflow.datastore.store import Buffer

    _Result = TypeVar("_Result")

#: Objects of more bytes than this are sent and read in parts of this size, in parallel.
PART_BYTES = 16 * 1024 * 1024
#: Most parts of an object that move at a time: more do not make it faster, and each takes memory.
MAXIMUM_PARTS = 12

# S3 takes ten thousand parts of an object.
_MOST_PARTS = 9_000
# An attribute of what was written only if it was not there, by which its writer knows it again.
_WRITER = "metaflow_writer"
_PAGE = 1000


def open_remote(location: str) -> RemoteStore:
    """Open the store at a location; nothing is contacted yet."""
    return RemoteStore(location)


class RemoteStore:
    """An object store behind a network.

    It may be used from any thread, also in processes that are forked after it was used.

    Parameters
    ----------
    location : str
        See :mod:`metaflow.datastore.location`.
    client : BucketClient, optional
        For the bucket of that location; made from settings and environment if not given.
    """

    is_remote = True

    def __init__(self, location: str, client: BucketClient | None = None) -> None:
        self._location = location.rstrip("/")
        bucket, self._prefix = split_location(location)
        self._client = client or BucketClient(kind_of(location), bucket, patient=True)
        #: Whether a listing can begin in the middle. Directory buckets have no order, and Azure begins at the first.
        self.is_ordered = self._client.kind in ("s3", "gs") and not bucket.endswith("--x-s3")

    def __repr__(self) -> str:
        return f"RemoteStore({self._location!r})"

    def prepare(self) -> None:
        """Import what requests take, without making one, for processes that are forked from this one to have it."""
        import_library()

    def url(self, key: str) -> str:
        """Address of an object, as people write it."""
        return f"{self._location}/{key}"

    def signed_url(self, key: str, seconds: int) -> str:
        """Address by which anybody may read the object for a while, without credentials of their own.

        Parameters
        ----------
        key : str
        seconds : int
            How long; less if the credentials that it is made with end before. Object stores allow for a week at most.

        Raises
        ------
        DataException
            If the credentials are of a kind that cannot sign.
        """
        from datetime import timedelta

        path = self._path(key)

        def sign(client: Any) -> str:
            from obstore import sign as signed

            address: str = signed(client, "GET", path, timedelta(seconds=seconds))
            return address

        return self._ask("read", key, sign)

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        path = self._path(key)
        views = [memoryview(part).cast("B") for part in parts]
        size = sum(view.nbytes for view in views)
        if size <= PART_BYTES:
            body = _joined(views)
            self._ask("write", key, lambda client: client.put(path, body, use_multipart=False), size > LARGE_BYTES)
            return
        part_size = max(PART_BYTES, -(-size // _MOST_PARTS))
        at_once = min(MAXIMUM_PARTS, settings.get("S3_WORKER_COUNT"))
        self._ask(
            "write",
            key,
            lambda client: client.put(
                path,
                views[0] if len(views) == 1 else iter(views),
                use_multipart=True,
                chunk_size=part_size,
                max_concurrency=max(1, at_once),
            ),
            large=True,
        )

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was.

        Where an answer was lost, the object itself tells whether it is this writer's. With the setting
        ``S3_CONDITIONAL_WRITES`` off, looking and writing are two steps: of two writers in the same instant, both can
        be told True.
        """
        import os

        if self._client.kind == "s3" and not settings.get("S3_CONDITIONAL_WRITES"):
            if self.stat(key) is not None:
                return False
            self.put(key, parts)
            return True
        path = self._path(key)
        body = _joined([memoryview(part).cast("B") for part in parts])
        writer = os.urandom(16).hex()
        attributes = {_WRITER: writer}
        try:
            self._client.request(
                lambda client: client.put(path, body, mode="create", use_multipart=False, attributes=attributes),
                large=len(body) > LARGE_BYTES,
            )
        except RequestFailed as error:
            if not error.failure.object_exists:
                raise explain(error.failure, "write", self.url(key)) from None
            return error.uncertain and self._writer_of(key) == writer
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        path = self._path(key)

        def begin(client: Any) -> tuple[bytes | None, Any]:
            answer = client.get(path)
            # A large answer is not read on, but asked for again in parts.
            return (None if answer.meta["size"] > PART_BYTES else answer.bytes().to_bytes()), answer.meta

        content, found = self._read(key, begin)
        if content is not None:
            return content
        return b"".join(self._read_parts(key, found["size"], found["e_tag"]))

    def get_range(self, key: str, begin: int, end: int) -> bytes:
        """Return the object's bytes from `begin`, which it must have, to `end`, or to its end if that comes first."""
        path = self._path(key)
        options = {"range": (begin, end)}

        def read(client: Any) -> bytes:
            found: bytes = client.get(path, options=options).bytes().to_bytes()
            return found

        return self._read(key, read)

    def get_into(self, key: str, target: memoryview) -> None:
        """Fill memory with an object's bytes; large ones are read in parts, in parallel.

        Parameters
        ----------
        key : str
        target : memoryview
            Writable, contiguous bytes, as many as the object has. What it holds after an error is not defined.

        Raises
        ------
        ObjectMissing
            If there is no object.
        CorruptedDataException
            If the object has another size.
        DataException
            If the store fails.
        """
        path = self._path(key)
        size = target.nbytes

        def begin(client: Any) -> Any:
            whole = size <= PART_BYTES
            answer = client.get(path) if whole else client.get(path, options={"range": (0, PART_BYTES)})
            if answer.meta["size"] == size:
                target[: min(size, PART_BYTES)] = answer.bytes()
            return answer.meta

        found = self._read(key, begin)
        if found["size"] != size:
            raise CorruptedDataException(f"{self.url(key)} has {found['size']} bytes instead of {size}.")
        if size > PART_BYTES:
            self._read_parts(key, size, found["e_tag"], target, PART_BYTES)

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        path = self._path(key)

        def look(client: Any) -> Any:
            try:
                return client.head(path)
            except FileNotFoundError:
                raise
            except Exception as error:
                # An answer to HEAD has no body, so it does not say why; that to GET does. If none came, none will.
                if examine(error).status is not None:
                    client.get(path)
                raise

        try:
            found = self._ask("read", key, look)
        except FileNotFoundError:
            return None
        return StoredObject(key, found["size"], found["last_modified"].timestamp())

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return None: there are no files."""
        return None

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order; or, with `folders`, what is below it."""
        if not folders:
            yield from (each.key for each in self.scan(prefix))
            return
        path = self._prefix + prefix
        found = self._ask("list", prefix, lambda client: client.list_with_delimiter(path.rstrip("/") or None))
        for each in found["common_prefixes"]:
            yield each.rstrip("/").rpartition("/")[2]

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        beginning = self._prefix + prefix
        folder, _, rest = beginning.rpartition("/")
        # In a folder with many names, the listing need not begin at the first one.
        start = beginning[:-1] if rest and self.is_ordered else None
        for each in self._list(prefix, folder or None, start):
            path = each["path"]
            if path.startswith(beginning):
                yield StoredObject(path[len(self._prefix) :], each["size"], each["last_modified"].timestamp())
            elif self.is_ordered and path > beginning:
                return

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        path = self._path(key)
        try:
            self._ask("delete", key, lambda client: client.delete(path))
        except FileNotFoundError:
            pass

    def _list(self, prefix: str, folder: str | None, start: str | None) -> Iterator[Any]:
        """List a folder; where the listing breaks off, go on from there."""
        seen: set[str] = set()
        pages: Any = None

        def next_page(client: Any) -> Any:
            nonlocal pages
            if pages is None:
                pages = client.list(folder, offset=start, chunk_size=_PAGE)
            try:
                return next(pages, None)
            except BaseException:
                pages = None
                raise

        while page := self._ask("list", prefix, next_page):
            for each in page:
                path = each["path"]
                if self.is_ordered:
                    start = path
                elif path in seen:
                    continue
                else:
                    seen.add(path)
                yield each

    def _read_parts(
        self, key: str, size: int, version: str | None, target: memoryview | None = None, start: int = 0
    ) -> Sequence[Any]:
        """Read parts in parallel: into `target`, or as buffers. All are of the version (ETag) that is given."""
        from metaflow.datastore.parallel import map_in_threads

        path = self._path(key)

        def read(begin: int) -> Any:
            end = min(begin + PART_BYTES, size)
            options = {"range": (begin, end), "if_match": version}
            content = self._read(key, lambda client: client.get(path, options=options).bytes())
            if len(content) != end - begin:
                raise CorruptedDataException(f"{self.url(key)} ended after {begin + len(content)} of {size} bytes.")
            if target is None:
                return content
            target[begin:end] = content
            return None

        threads = max(1, min(MAXIMUM_PARTS, settings.get("S3_WORKER_COUNT")))
        return map_in_threads(read, range(start, size, PART_BYTES), threads)

    def _writer_of(self, key: str) -> str | None:
        """Say which writer's object stands under `key`."""
        path = self._path(key)
        try:
            answer = self._ask("read", key, lambda client: client.get(path, options={"head": True}))
        except FileNotFoundError:
            return None
        found: str | None = answer.attributes.get(_WRITER)
        return found

    def _read(self, key: str, call: Callable[[Any], _Result]) -> _Result:
        try:
            return self._ask("read", key, call)
        except FileNotFoundError:
            raise ObjectMissing(f"There is no {self.url(key)}. It was never written, or has been removed.") from None

    def _ask(self, action: str, key: str, call: Callable[[Any], _Result], large: bool = False) -> _Result:
        return self._client.ask(action, self.url(key), call, large)

    def _path(self, key: str) -> str:
        """Check a key: obstore would take some for others."""
        path = self._prefix + key
        if any(part in ("", ".", "..") for part in path.split("/")) or any(character < " " for character in path):
            raise DataException(
                f"{self.url(key)!r} cannot be the name of an object: its parts between slashes are not empty, not '.' "
                "or '..', and have no control characters."
            )
        return path


def _joined(views: Sequence[memoryview]) -> Buffer:
    """One buffer with all the bytes; not copied if there is only one."""
    if len(views) == 1:
        return views[0]
    whole = bytearray()
    for view in views:  # to join them would take one long call, for which other threads wait
        whole += view
    return whole
