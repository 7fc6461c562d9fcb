"""The JSON files in a folder of Metaflow's, read into plain records. No I/O.

Each function takes the bytes of a file and what a message calls it, and raises CorruptedDataException if they make no
sense.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TypeVar

from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_Made = TypeVar("_Made")

_FORMAT = "1.0"
#: Beginning of the tag that says which attempt a field belongs to.
_ATTEMPT_TAG = "attempt_id:"
_HASH_DIGITS = 40


class Created(NamedTuple):
    """What a run, a step or a task says of itself.

    Attributes
    ----------
    at : float
        When it was made, or its tags were last changed; seconds since the epoch.
    user : str
    tags, system_tags : tuple of str
        Sorted.
    """

    at: float
    user: str
    tags: tuple[str, ...]
    system_tags: tuple[str, ...]


class Field(NamedTuple):
    """A metadata field of a task.

    Attributes
    ----------
    name, type : str
    value : str
        Text as it is, anything else as JSON.
    at : float
        When it was written, in seconds since the epoch.
    attempt : int or None
        Which attempt it is about; None if it does not say.
    """

    name: str
    type: str
    value: str
    at: float
    attempt: int | None


class StoredArtifact(NamedTuple):
    """An artifact as a task lists it.

    Attributes
    ----------
    key : str
        SHA-1 of its bytes.
    type : str
        Like ``<class 'int'>``.
    encoding : str
    """

    key: str
    type: str
    encoding: str


class CodePackage(NamedTuple):
    """Where the code of a task is.

    Attributes
    ----------
    key : str
        SHA-1 of the archive.
    description : str
        JSON text that says what kind of archive it is.
    """

    key: str
    description: str


def parse_created(data: bytes, what: str) -> Created:
    """Read the ``_self.json`` of a run, a step or a task."""

    def made(document: dict[str, Any]) -> Created:
        return Created(
            _milliseconds(document["ts_epoch"]),
            _text(document.get("user_name") or ""),
            tuple(sorted(map(_text, document.get("tags") or ()))),
            tuple(sorted(map(_text, document.get("system_tags") or ()))),
        )

    return _read(data, what, made)


def parse_field(data: bytes, what: str) -> Field:
    """Read a ``sysmeta_*.json``."""

    def made(document: dict[str, Any]) -> Field:
        attempts = [tag[len(_ATTEMPT_TAG) :] for tag in document.get("tags") or () if tag.startswith(_ATTEMPT_TAG)]
        value = document.get("value")
        return Field(
            _text(document["field_name"]),
            _text(document.get("type") or ""),
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
            _milliseconds(document["ts_epoch"]),
            int(attempts[0]) if attempts else None,
        )

    return _read(data, what, made)


def parse_artifacts(data: bytes, what: str) -> dict[str, StoredArtifact]:
    """Read a ``<n>.data.json``: the artifacts of an attempt by name."""

    def made(document: dict[str, Any]) -> dict[str, StoredArtifact]:
        version = document.get("version", _FORMAT)
        if version != _FORMAT:
            raise CorruptedDataException(f"{what} has the format {version!r}; only {_FORMAT!r} is known here.")
        info = document.get("info") or {}
        return {
            _text(name): StoredArtifact(
                checked_key(key, f"The artifact {name} in {what}"),
                _text(info.get(name, {}).get("type") or "<class 'object'>"),
                _text(info.get(name, {}).get("encoding") or "pickle-v4"),
            )
            for name, key in document["objects"].items()
        }

    return _read(data, what, made)


def parse_blob_format(data: bytes, what: str) -> bool:
    """Read the ``_meta`` file of a blob: True if it is stored as it is, False if it is compressed."""

    def made(document: dict[str, Any]) -> bool:
        if document.get("cas_version", 1) != 1:
            raise CorruptedDataException(
                f"{what} says that the blob has format {document['cas_version']!r}; 1 is known."
            )
        return bool(document.get("cas_raw", False))

    return _read(data, what, made)


def parse_started(data: bytes, what: str) -> float:
    """Read an ``<n>.attempt.json``: when the attempt started, in seconds since the epoch."""
    return _read(data, what, lambda document: float(document["time"]))


def parse_succeeded(data: bytes, what: str) -> bool:
    """Read an ``<n>.runtime``: whether the process of the attempt ended well."""
    return _read(data, what, lambda document: bool(document["success"]))


def parse_code_package(value: str, what: str) -> CodePackage:
    """Read the value of the field ``code-package``."""

    def made(document: dict[str, Any]) -> CodePackage:
        return CodePackage(checked_key(document["sha"], what), _text(document.get("metadata") or ""))

    return _read(value.encode(), what, made)


def checked_key(key: Any, what: str) -> str:
    """Give `key`, if it can be the key of a blob.

    Raises
    ------
    CorruptedDataException
        If it cannot.
    """
    if isinstance(key, str) and len(key) == _HASH_DIGITS and not key.strip("0123456789abcdef"):
        return key
    raise CorruptedDataException(f"{what} has the key {key!r}, which is no SHA-1 hash.")


def _read(data: bytes, what: str, made: Callable[[dict[str, Any]], _Made]) -> _Made:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise CorruptedDataException(f"{what} is no JSON ({error}). It was cut short or altered.") from error
    if not isinstance(document, dict):
        raise CorruptedDataException(f"{what} should hold one JSON object.")
    try:
        return made(document)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptedDataException(f"{what} does not say what it should ({error!r}).") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _milliseconds(value: Any) -> float:
    return float(value) / 1000
