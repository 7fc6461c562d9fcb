"""``S3Object``: what is known of an object, and its bytes if it was downloaded."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.exception import MetaflowS3Exception

from .records import RangeInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .scratch import Content


class Facts(NamedTuple):
    """What a store says of an object.

    Attributes
    ----------
    size : int
        Of the whole object, in bytes.
    modified_at : float
        Seconds since the epoch, by the clock of the store.
    content_type : str or None
    attributes : str or None
        What its writer noted with it, as JSON.
    encryption : str, callable or None
        How it is encrypted, or what finds that out.
    """

    size: int
    modified_at: float
    content_type: str | None = None
    attributes: str | None = None
    encryption: str | Callable[[], str | None] | None = None


class S3Object:
    """An object in S3, or another store: what is known of it, and what was downloaded.

    Objects are returned by the methods of ``S3`` and its siblings. Their files and bytes are there until the client is
    closed.
    """

    def __init__(
        self,
        url: str,
        prefix: str | None,
        key: str,
        facts: Facts | None = None,
        content: Content | None = None,
        range_info: RangeInfo | None = None,
        has_info: bool = False,
        size: int | None = None,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._key = key
        self._facts = facts
        self._content = content
        self._range_info = range_info
        self._has_info = has_info and facts is not None
        self._size = size if size is not None or facts is None else facts.size

    @property
    def exists(self) -> bool:
        """Whether there is such an object. What ``list_paths`` gives for a folder is none."""
        return self._size is not None

    @property
    def downloaded(self) -> bool:
        """Whether its bytes are here."""
        return self._content is not None

    @property
    def url(self) -> str:
        """Its complete address."""
        return self._url

    @property
    def prefix(self) -> str | None:
        """Address that `key` is relative to: what was listed, or the client's root; None if `key` is complete."""
        return self._prefix

    @property
    def key(self) -> str:
        """Its key, relative to `prefix`."""
        return self._key

    @property
    def path(self) -> str | None:
        """A file of this machine that has its bytes, until the client is closed; None if it was not downloaded."""
        return None if self._content is None else self._content.path()

    @property
    def blob(self) -> bytes | None:
        """Its bytes; None if it was not downloaded."""
        return None if self._content is None else self._content.data()

    @property
    def text(self) -> str | None:
        """Its bytes as UTF-8, with a replacement character for what is not; None if it was not downloaded."""
        return None if self._content is None else self._content.data().decode("utf-8", errors="replace")

    @property
    def size(self) -> int | None:
        """Its size in bytes, that of the part if only a part was downloaded; None if there is no such object."""
        return self._size

    @property
    def has_info(self) -> bool:
        """Whether `metadata`, `content_type`, `encryption` and `range_info` are known, as far as it has them."""
        return self._has_info

    @property
    def metadata(self) -> dict[str, Any] | None:
        """What its writer noted with it; None if nothing was, or `has_info` is False.

        Raises
        ------
        MetaflowS3Exception
            If what is noted was not written by ``put`` and is no JSON.
        """
        if not self._has_info or self._facts is None or self._facts.attributes is None:
            return None
        import json

        try:
            found = json.loads(self._facts.attributes)
        except ValueError as error:
            raise MetaflowS3Exception(
                f"The user attributes of {self._url} are no JSON, but {self._facts.attributes!r}."
            ) from error
        return found if isinstance(found, dict) else {"value": found}

    @property
    def content_type(self) -> str | None:
        """Its MIME type; None if `has_info` is False."""
        return self._facts.content_type if self._has_info and self._facts is not None else None

    @property
    def encryption(self) -> str | None:
        """How S3 encrypts it, as in ``AES256``; None if it does not, or `has_info` is False.

        The store is asked when this is first looked at.
        """
        if not self._has_info or self._facts is None:
            return None
        found = self._facts.encryption
        if callable(found):
            found = found()
            self._facts = self._facts._replace(encryption=found)
        return found

    @property
    def range_info(self) -> RangeInfo | None:
        """Which bytes were downloaded; None if none were, or `has_info` is False."""
        return self._range_info if self._has_info else None

    @property
    def last_modified(self) -> float | None:
        """When it was last written, in seconds since the epoch; None if that was not asked for."""
        return None if self._facts is None else self._facts.modified_at

    def __str__(self) -> str:
        if not self.exists:
            return f"<S3Object {self._url} (object does not exist)>"
        where = "local" if self.downloaded else "in S3"
        return f"<S3Object {self._url} ({self._size} bytes, {where})>"

    def __repr__(self) -> str:
        return str(self)

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        if self._facts is not None and callable(self._facts.encryption):
            state["_facts"] = self._facts._replace(encryption=None)
        return state
