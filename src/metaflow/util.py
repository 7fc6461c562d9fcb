"""Small functions that programs written for Metaflow import from ``metaflow.util``; nothing here uses them."""

from __future__ import annotations

from urllib.parse import quote, unquote

from metaflow.exception import MetaflowInternalError
from metaflow.identity import get_username, resolve_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "compress_list",
    "decompress_list",
    "get_username",
    "is_stringish",
    "resolve_identity",
    "to_bytes",
    "to_pod",
    "to_unicode",
    "unicode_type",
    "url_quote",
    "url_unquote",
]

unicode_type = str


def is_stringish(x: object) -> bool:
    """Tell whether `x` is text or bytes."""
    return isinstance(x, (str, bytes))


def to_bytes(x: object) -> bytes:
    """Give bytes: of a text in UTF-8, of anything else that of its text."""
    return x if isinstance(x, bytes) else str(x).encode("utf-8")


def to_unicode(x: object) -> str:
    """Give a text: bytes are read as UTF-8."""
    return x.decode("utf-8") if isinstance(x, bytes) else str(x)


def to_pod(value: Any) -> Any:
    """Give plain data that says the same: dictionaries, lists, texts, numbers, None.

    Parameters
    ----------
    value : object
        Other collections become lists; a class or a function becomes its name; anything else its text.
    """
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    if isinstance(value, dict):
        return {to_pod(key): to_pod(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset, list, tuple)):
        return [to_pod(item) for item in value]
    return getattr(value, "__name__", None) or str(value)


def url_quote(url: object) -> bytes:
    """Escape what cannot stand in a URL, as bytes."""
    return quote(to_bytes(url), safe="/:").encode("ascii")


def url_unquote(url_bytes: str | bytes) -> str:
    """Undo :func:`url_quote`."""
    return unquote(to_unicode(url_bytes))


def compress_list(
    lst: Sequence[str], separator: str = ",", rangedelim: str = ":", zlibmarker: str = "!", zlibmin: int = 500
) -> str:
    """Write a list of texts, such as paths with a common beginning, as one short text.

    Parameters
    ----------
    lst : sequence of str
    separator, rangedelim, zlibmarker : str
        Characters between two items, behind the common beginning, and before what is compressed.
    zlibmin : int
        Length, in characters, from which on the text is compressed.

    Raises
    ------
    MetaflowInternalError
        If an item holds one of the three characters.
    """
    for item in lst:
        if any(mark in item for mark in (separator, rangedelim, zlibmarker)):
            raise MetaflowInternalError(f"Item '{item}' includes a delimiter character so it can't be compressed")
    prefix = _common_beginning(min(lst), max(lst)) if len(lst) > 1 else ""
    text = separator.join(item[len(prefix) :] for item in lst)
    if prefix:
        text = f"{prefix}{rangedelim}{text}"
    if len(text) < zlibmin:
        return text
    import zlib
    from base64 import b64encode

    # Twice: the first time leaves the many like items as many like bytes.
    return zlibmarker + b64encode(zlib.compress(zlib.compress(text.encode("utf-8")))).decode("ascii")


def _common_beginning(first: str, second: str) -> str:
    length = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
    return first[:length]


def decompress_list(lststr: str, separator: str = ",", rangedelim: str = ":", zlibmarker: str = "!") -> list[str]:
    """Read what :func:`compress_list` wrote, in any of its forms."""
    text = lststr
    if text.startswith(zlibmarker):
        import zlib
        from base64 import b64decode

        text = zlib.decompress(zlib.decompress(b64decode(text[len(zlibmarker) :]))).decode("utf-8")
    prefix, found, rest = text.rpartition(rangedelim)
    return [prefix + item for item in rest.split(separator)] if found or rest else []
