"""The plain values in a pickle, without loading any class that it names.

Metaflow keeps what it knows of a task (whether it succeeded, where it went, its place in foreaches) as pickled
artifacts. Those are lists, texts and numbers. Reading them here imports nothing and calls no code of anybody: an object
of a class comes out as an `Opaque`, which only holds what was pickled of it.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

from metaflow.datastore.preview import preview


def _encoded(text: str, encoding: str) -> bytes:
    """What pickles of protocol 2 make bytes with: always this encoding."""
    if encoding != "latin1":
        raise ValueError(f"bytes that are encoded as {encoding!r}")
    return text.encode("latin-1")


#: Constructors that do nothing but hold what they are given. Protocol 2 has the names of Python 2.
_HARMLESS: dict[tuple[str, str], Any] = {
    **{(module, cls.__name__): cls for module in ("builtins", "__builtin__") for cls in (set, frozenset, complex)},
    ("__builtin__", "bytes"): lambda: b"",
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): OrderedDict,
}
#: Larger pickles are not read for a preview.
_PREVIEW_BYTES = 16 * 1024


class NotPlain(ValueError):
    """A pickle cannot be read as plain values."""


class Opaque:
    """Stands for an object of a class that was not loaded.

    Attributes
    ----------
    arguments : tuple
        What the object would have been made from.
    state : object
        What it would have been given after that; often a dict of its attributes.
    """

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *arguments: Any, **_: Any) -> Opaque:
        self = object.__new__(cls)
        self.arguments = arguments
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Drop an item of what may be a list."""

    def extend(self, items: Any) -> None:
        """Drop items of what may be a list."""

    def add(self, item: Any) -> None:
        """Drop an item of what may be a set."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        harmless = _HARMLESS.get((module, name))
        if harmless is not None:
            return harmless
        return type(name.rpartition(".")[2] or "_", (Opaque,), {"__module__": str(module), "__qualname__": str(name)})


def read_plain(data: bytes) -> Any:
    """Read a pickle.

    Parameters
    ----------
    data : bytes
        The pickle.

    Returns
    -------
    object
        Its value, with an :class:`Opaque` in the place of each object of a class.

    Raises
    ------
    NotPlain
        If that is not possible, or it is no pickle.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:
        # Whatever is wrong with a pickle can surface as any exception.
        raise NotPlain(f"{type(error).__name__}: {error}") from error


def shown(data: bytes, type_name: str) -> str:
    """Short text for people that shows a pickled value.

    Parameters
    ----------
    data : bytes
        The pickle.
    type_name : str
        Its type, like ``<class 'int'>``.

    Returns
    -------
    str
        The value if it is a small plain one; else the name of its type.
    """
    if len(data) <= _PREVIEW_BYTES:
        try:
            return preview(read_plain(data))
        except NotPlain:
            pass
    return f"<{class_name(type_name)}>"


def class_name(type_name: str) -> str:
    """``x.Y`` for ``<class 'x.Y'>``."""
    return type_name.removeprefix("<class '").removesuffix("'>")
