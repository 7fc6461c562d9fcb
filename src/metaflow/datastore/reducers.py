"""Pickling values of data libraries without copying them, also where they are parts of other values.

What a library's own pickling copies is replaced by a reducer of ours, for exactly those types that it is written for,
and only if the program has imported the library: nothing is imported for it. The result is a pickle like any other.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys

from metaflow.exception import MetaflowException
from metaflow.registry import BUILT_IN, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    #: What `object.__reduce__` returns.
    Reduced: TypeAlias = str | tuple[Any, ...]
    Reducer: TypeAlias = Callable[[Any], Reduced]


def dump(value: object, protocol: int, keep_in_stream: Callable[[pickle.PickleBuffer], bool]) -> bytes:
    """Pickle a value.

    Parameters
    ----------
    value : object
    protocol : int
        Of the pickle; 5 at least.
    keep_in_stream : callable
        Told of each buffer; see ``buffer_callback`` of `pickle.Pickler`.

    Returns
    -------
    bytes
        The pickle. Whatever is raised by the classes of what is in the value passes through.
    """
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol, buffer_callback=keep_in_stream)
    pickler.dispatch_table = dispatch_table(value)
    pickler.dump(value)
    return file.getvalue()


def dispatch_table(value: object) -> dict[type, Reducer]:
    """Reducers for one pickling of `value`: ours, and those that the program has registered with `copyreg`."""
    table: dict[type, Reducer] = {}
    for library in BUILT_IN["pickle_reducers"]:
        # None is what blocks an import; and a library that is not imported to its end yet has made no values.
        if sys.modules.get(library) is not None:
            table.update(load("pickle_reducers", library)(value))
    table.update(copyreg.dispatch_table)
    return table


def unless_it_fails(reduce: Reducer) -> Reducer:
    """The reducer `reduce`, but the library's own pickling for the values that it fails on."""

    def reduce_somehow(value: Any) -> Reduced:
        try:
            return reduce(value)
        except (MemoryError, MetaflowException):
            # Neither is about the value: the latter is a timeout that struck while it was pickled.
            raise
        except Exception:
            reduced: Reduced = value.__reduce_ex__(5)
            return reduced

    return reduce_somehow
