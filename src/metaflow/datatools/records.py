"""What ``S3`` and its siblings are asked with: parts of objects to get, objects to put."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class S3GetObject(NamedTuple):
    """Some bytes of an object, to be used wherever a key is asked for.

    Attributes
    ----------
    key : str
    offset : int
        The first byte, counted from 0. It does not matter if `length` is negative.
    length : int or None
        How many bytes, fewer if the object ends before; None for all up to the end, a negative number for as many
        of the last ones.
    """

    key: str
    offset: int = 0
    length: int | None = None


class S3PutObject(NamedTuple):
    """An object to store.

    Attributes
    ----------
    key : str
    value : str, bytes or binary stream, optional
        What to store, with ``put_many``.
    path : str, optional
        File to store, with ``put_files``.
    content_type : str, optional
        MIME type.
    encryption : str, optional
        How S3 encrypts it, instead of as the client was told: ``AES256``, ``aws:kms`` or ``aws:kms:KEY``.
    metadata : dict, optional
        What is noted with it, by names that are text; the values are what JSON can express.
    """

    key: str
    value: Any = None
    path: str | None = None
    content_type: str | None = None
    encryption: str | None = None
    metadata: dict[str, Any] | None = None


class RangeInfo(NamedTuple):
    """Which bytes of an object were downloaded.

    Attributes
    ----------
    total_size : int
        Size of the whole object, in bytes.
    request_offset : int
        The first byte, counted from 0.
    request_length : int
        How many bytes; -1 for all.
    """

    total_size: int
    request_offset: int = 0
    request_length: int = -1
