"""What callers want to store, checked and brought into one form."""

from __future__ import annotations

import os
from collections.abc import Mapping

from metaflow.exception import MetaflowS3Exception, MetaflowS3InvalidObject, MetaflowS3NotFound

from .bucket import Upload
from .records import S3PutObject
from .s3_options import split_encryption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

#: How much of what an iterator gives is put together.
_WINDOW_BYTES = 256 * 1024 * 1024
_WINDOW_ITEMS = 10_000


def as_records(given: Iterable[Any], field: str) -> Iterable[S3PutObject]:
    """What callers give as records; a list stays one, so that all of it can be checked first.

    Parameters
    ----------
    given : iterable of tuple or S3PutObject, or mapping
    field : str
        What the second thing of a pair is.

    Raises
    ------
    MetaflowS3InvalidObject
        If there is something else in it.
    """

    def record(each: Any) -> S3PutObject:
        if isinstance(each, S3PutObject):
            return each
        try:
            if isinstance(each, (str, bytes)):
                raise TypeError  # a text of two letters is no pair either
            key, what = each
        except (TypeError, ValueError):
            raise MetaflowS3InvalidObject(
                f"This takes pairs of a key and a {field}, or S3PutObject, but not {each!r:.100}."
            ) from None
        return S3PutObject(key, **{field: what})

    if isinstance(given, Mapping):
        given = list(given.items())
    if isinstance(given, (list, tuple)):
        return [record(each) for each in given]
    return map(record, given)


def windows(
    asked: Iterable[S3PutObject], prepare: Callable[[S3PutObject], tuple[str, str, Upload]]
) -> Iterator[Sequence[tuple[str, str, Upload]]]:
    """Prepare what is to be stored: all of a list, or as much of an iterator as fits into memory easily.

    Parameters
    ----------
    asked : iterable of S3PutObject
    prepare : callable
        Gives the key, the address and what to store.
    """
    if isinstance(asked, list):
        yield [prepare(each) for each in asked]
        return
    window: list[tuple[str, str, Upload]] = []
    size = 0
    for each in asked:
        window.append(prepare(each))
        size += window[-1][2].size
        if size >= _WINDOW_BYTES or len(window) >= _WINDOW_ITEMS:
            yield window
            window, size = [], 0
    yield window


def upload_of_value(asked: S3PutObject) -> Upload:
    """What to store for a value.

    Raises
    ------
    MetaflowS3InvalidObject
        If the value is neither text, bytes nor a binary stream that can be rewound.
    MetaflowS3Exception
        If something else about it is wrong.
    """
    path = _file_behind(asked.value)
    if path:
        return _upload(asked, None, path, os.path.getsize(path))
    body = _body_of(asked.key, asked.value)
    return _upload(asked, body, "", len(body))


def upload_of_file(asked: S3PutObject) -> Upload:
    """What to store for a file.

    Raises
    ------
    MetaflowS3NotFound
        If there is no such file.
    MetaflowS3Exception
        If something else about it is wrong.
    """
    path = asked.path
    if not isinstance(path, (str, os.PathLike)):
        raise MetaflowS3InvalidObject(f"The path of the file for the key '{asked.key}' is not text, but {path!r}.")
    path = os.path.abspath(os.fspath(path))
    if not os.path.isfile(path):
        directory = " (it is a directory: name the files in it)" if os.path.isdir(path) else ""
        raise MetaflowS3NotFound(f"Local file not found: {asked.path}{directory}")
    return _upload(asked, None, path, os.path.getsize(path))


def _upload(asked: S3PutObject, body: Any, path: str, size: int) -> Upload:
    kind = asked.content_type
    if kind is not None and not (isinstance(kind, str) and kind.isascii() and kind.isprintable()):
        raise MetaflowS3Exception(f"content_type of '{asked.key}' should be a MIME type, but it is {kind!r}.")
    split_encryption(asked.encryption)
    return Upload(body, path, size, asked.content_type, asked.encryption, _attributes(asked))


def _attributes(asked: S3PutObject) -> str | None:
    if asked.metadata is None:
        return None
    import json

    if not isinstance(asked.metadata, dict):
        raise MetaflowS3Exception(f"metadata of '{asked.key}' should be a dictionary, but it is {asked.metadata!r}.")
    try:
        return json.dumps(asked.metadata)
    except (TypeError, ValueError) as error:
        raise MetaflowS3Exception(f"metadata of '{asked.key}' cannot be expressed in JSON: {error}.") from error


def _file_behind(value: Any) -> str | None:
    """Path of an open file, which need not be read before it is sent; None for other streams and what is none."""
    from io import BufferedRandom, BufferedReader, FileIO

    if not isinstance(value, (BufferedReader, BufferedRandom, FileIO)) or value.closed or not value.readable():
        return None
    if value.writable():
        value.flush()
    # It may have another name by now, or none.
    path = f"/proc/self/fd/{value.fileno()}"
    return path if os.path.isfile(path) else None


def _body_of(key: str, value: Any) -> Any:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MetaflowS3InvalidObject(
                f"The text for the key '{key}' cannot be expressed in UTF-8: {error}. Encode it, and give bytes."
            ) from None
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        # What is sent must not change on the way.
        return bytes(value)
    try:
        # As often as it is stored, all of it is: from its beginning on.
        value.seek(0)
        found = value.read()
    except (AttributeError, OSError, ValueError):
        found = None
    if not isinstance(found, bytes):
        raise MetaflowS3InvalidObject(
            f"Object corresponding to the key '{key}' is not a string or a bytes object, nor a binary stream that can "
            f"be rewound, but of type {type(value).__name__}."
        )
    return found
