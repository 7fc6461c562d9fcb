"""A bucket in S3, Google Cloud Storage or Azure, through obstore."""

from __future__ import annotations

from typing import TypeVar

from metaflow import settings
from metaflow.datastore.remote_requests import BucketClient, RequestFailed
from metaflow.exception import DataException, MetaflowS3Exception, MetaflowS3InvalidRange, MetaflowS3NotFound

from .bucket import LARGE_BYTES, Download, Listed, TryAgain, no_such_bytes
from .objects import Facts
from .odd_keys import OddKeys, is_odd, settle_empty
from .records import RangeInfo
from .remote_failures import of_store, told
from .remote_reading import RangesIgnored, Reading
from .scratch import LARGEST_IN_MEMORY, Content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from metaflow.datastore.remote_config import Opening

    from .bucket import Effort, Part, Upload
    from .scratch import Scratch

_Result = TypeVar("_Result")

#: Name of what is noted with an object: what Metaflow has in each kind of store.
_ATTRIBUTE = {"s3": "metaflow-user-attributes", "gs": "metaflow-user-attributes", "azure": "metaflow_user_attributes"}
_PAGE = 1000
#: Objects of more bytes than this are sent in parts of this size: servers take them in faster.
_SENT_WHOLE_BYTES = 8 * 1024 * 1024


class RemoteBucket:
    """A bucket behind a network.

    Parameters
    ----------
    kind : str
        ``s3``, ``gs`` or ``azure``.
    bucket : str
    opening : callable
        Gives what obstore is told when it opens the bucket, for a way of encryption.
    encryption : str or None
        How what is stored is encrypted, unless it says otherwise.

    Raises
    ------
    OddKeys
        By each method, for keys that obstore cannot express.
    """

    def __init__(
        self, kind: str, bucket: str, opening: Callable[[str | None], Opening], encryption: str | None = None
    ) -> None:
        self._kind = kind
        self._bucket = bucket
        self._opening = opening
        self._encryption = encryption
        self._clients: dict[str | None, BucketClient] = {}

    def read(self, key: str, part: Part, scratch: Scratch, effort: Effort) -> Download | None:
        """Download an object, or a part of it; None if there is none."""
        path = self._path(key)

        def ask(call: Callable[[Any], _Result]) -> _Result:
            return self._request("read", key, call)

        reading = Reading(ask, path, part, scratch, effort)
        try:
            answer, content, begin, end = reading.download(self._kind != "azure")
        except FileNotFoundError:
            return None
        except MetaflowS3InvalidRange:
            found = self.head(key)
            if found is None:
                return None
            if found.size == 0 and part.takes_empty:
                return Download(found, Content(scratch, key, b""), RangeInfo(0, 0, 0))
            raise MetaflowS3InvalidRange(no_such_bytes(self._url(key), found.size, part)) from None
        facts = self._facts(key, answer.meta, answer.attributes)
        return Download(facts, content, RangeInfo(facts.size, begin, end - begin))

    def head(self, key: str) -> Facts | None:
        """Say what is known of an object; None if there is none."""
        path = self._path(key)
        try:
            answer = self._request("read", key, lambda client: client.get(path, options={"head": True}))
        except FileNotFoundError:
            return None
        return self._facts(key, answer.meta, answer.attributes)

    def write(self, key: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        """Store an object; False if there is one already and it must not be overwritten."""
        path = self._path(key)
        attributes = {"Content-Type": upload.content_type} if upload.content_type else {}
        if upload.attributes is not None:
            attributes[_ATTRIBUTE[self._kind]] = upload.attributes
        options: dict[str, Any] = {"attributes": attributes, "use_multipart": False}
        if not overwrite and upload.size <= LARGEST_IN_MEMORY and settings.get("S3_CONDITIONAL_WRITES"):
            options["mode"] = "create"
        elif not overwrite and self.head(key) is not None:
            return False
        elif upload.size > _SENT_WHOLE_BYTES:
            # S3 takes ten thousand parts of an object.
            part_bytes = max(_SENT_WHOLE_BYTES, -(-upload.size // 9000))
            options.update(use_multipart=True, chunk_size=part_bytes, max_concurrency=effort.parts)

        def send(client: Any) -> None:
            body = _body_of(upload)
            if upload.size <= LARGE_BYTES:
                client.put(path, body, **options)
                return
            with effort.turn():
                client.put(path, body, **options)

        encryption = upload.encryption or self._encryption
        try:
            self._request("write", key, send, upload.size > LARGE_BYTES, encryption)
        except _Exists as error:
            # Of a write that was not answered, only the object itself tells whether it was carried out.
            return error.uncertain and self._has(path, key, upload)
        return True

    def _has(self, path: str, key: str, upload: Upload) -> bool:
        try:
            found = self._request("read", key, lambda client: client.get(path).bytes().to_bytes())
        except FileNotFoundError:
            return False
        return bool(found == _body_of(upload))

    def list(self, folder: str, recursive: bool) -> Iterator[Listed]:
        """Yield what is below a folder, in no promised order."""
        path = self._path(folder[:-1]) if folder else ""
        found = list(self._walk(path, folder) if recursive else self._level(path, folder))
        if self._kind != "azure":
            return settle_empty(found, folder, self.head)
        return (each for each in found if each.key != path)

    def _walk(self, path: str, folder: str) -> Iterator[Listed]:
        """All objects; where the listing breaks off, it goes on from there."""
        pages: Any = None
        start: str | None = None
        seen: set[str] = set()
        ordered = self._kind in ("s3", "gs")

        def next_page(client: Any) -> Any:
            nonlocal pages
            if pages is None:
                pages = client.list(path or None, offset=start if ordered else None, chunk_size=_PAGE)
            try:
                return next(pages, None)
            except BaseException:
                pages = None
                raise

        while page := self._request("list", folder, next_page):
            for each in page:
                start = each["path"]
                if not ordered:
                    if start in seen:
                        continue
                    seen.add(start)
                yield Listed(start, Facts(each["size"], each["last_modified"].timestamp()))

    def _level(self, path: str, folder: str) -> Iterator[Listed]:
        found = self._request("list", folder, lambda client: client.list_with_delimiter(path or None))
        for each in found["objects"]:
            yield Listed(each["path"], Facts(each["size"], each["last_modified"].timestamp()))
        for name in found["common_prefixes"]:
            if is_odd(name.rstrip("/")):
                raise OddKeys(self._url(f"{name}/"))
            yield Listed(f"{name.rstrip('/')}/", None)

    def _path(self, key: str) -> str:
        if is_odd(key):
            raise OddKeys(self._url(key))
        return key

    def _url(self, key: str) -> str:
        return f"{self._kind}://{self._bucket}/{key}"

    def _facts(self, key: str, meta: Any, attributes: dict[str, str]) -> Facts:
        # Some servers change the case of the names.
        noted = {name.lower(): value for name, value in attributes.items()}
        return Facts(
            meta["size"],
            meta["last_modified"].timestamp(),
            noted.get("content-type"),
            noted.get(_ATTRIBUTE[self._kind]),
            (lambda: self._encryption_of(key)) if self._kind == "s3" else None,
        )

    def _encryption_of(self, key: str) -> str | None:
        from .encryption import look_up

        try:
            return look_up(self._client(self._encryption), key, self._opening(None))
        except DataException as error:
            raise of_store(error) from error

    def _client(self, encryption: str | None) -> BucketClient:
        client = self._clients.get(encryption)
        if client is None:
            client = BucketClient(self._kind, self._bucket, self._opening(encryption))
            self._clients[encryption] = client
        return client

    def _request(
        self,
        action: str,
        key: str,
        call: Callable[[Any], _Result],
        large: bool = False,
        encryption: str | None = None,
    ) -> _Result:
        """Make a request; raises FileNotFoundError if a missing object is read."""
        try:
            return self._client(encryption or self._encryption).request(call, large)
        except RequestFailed as error:
            failure = error.failure
            if failure.object_missing and action == "read":
                raise FileNotFoundError(key) from None
            if failure.object_exists and action == "write":
                raise _Exists(error.uncertain) from None
            if failure.type == "InvalidPathError":
                raise OddKeys(self._url(key)) from None
            if failure.object_exists and action == "read":
                changed = MetaflowS3Exception(f"{self._url(key)} changed each time while it was downloaded.")
                raise TryAgain(changed, pause=False) from None
            if "partial response" in failure.text:
                raise RangesIgnored(key) from None
            raise told(failure, action, self._url(key)) from None
        except DataException as error:
            raise of_store(error) from error


class _Exists(Exception):
    """A write was refused because there is an object; `uncertain` if that may be the write's own."""

    def __init__(self, uncertain: bool) -> None:
        super().__init__()
        self.uncertain = uncertain


def _body_of(upload: Upload) -> Any:
    if upload.body is not None:
        return upload.body
    from pathlib import Path

    path = Path(upload.path)
    try:
        if upload.size <= LARGEST_IN_MEMORY:
            return path.read_bytes()
        # obstore reads it as it goes on, but would call a file that it cannot open a failure of the store.
        path.open("rb").close()
        return path
    except FileNotFoundError as error:
        raise MetaflowS3NotFound(f"Local file not found: {upload.path}") from error
    except OSError as error:
        raise MetaflowS3Exception(f"{upload.path} cannot be read: {error.strerror}.") from error
