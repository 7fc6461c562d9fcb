"""Short texts that show any value, and the text of an object where its class has one of its own."""

from __future__ import annotations

import re
import reprlib

from metaflow.datastore.preview import MAXIMUM_LENGTH, preview, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_BITS = 256
#: What `preview` says of an object of which it knows only the class.
_NAME_ONLY = re.compile(r"<[^<>]*>")


def value_text(value: object) -> str:
    """One line of at most 200 characters that shows what a value is; an object says it itself if it can."""
    return fuller_text(value, preview(value), MAXIMUM_LENGTH)


def fuller_text(value: object, shown: str, most: int) -> str:
    """A text that shows more of a value than its preview does, where there is more to show.

    Parameters
    ----------
    value : object
        Anything. If it is of a class that nobody knows, and the class says how its objects are shown, code of the class
        runs; what it raises becomes part of the text.
    shown : str
        The value's preview.
    most : int
        Number of characters that the text may have.

    Returns
    -------
    str
    """
    if _NAME_ONLY.fullmatch(shown) and not isinstance(value, type) and has_own_text(value):
        shown = _text_of_object(value)
    elif most > MAXIMUM_LENGTH and type(value) in (list, tuple, dict, set, frozenset, str, bytes):
        shown = _Repr(most).repr(value)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def has_own_text(value: object) -> bool:
    """Whether the class of a value says how its objects are shown."""
    cls = type(value)
    return cls.__repr__ is not object.__repr__ or cls.__str__ is not object.__str__


def _text_of_object(value: object) -> str:
    try:
        return str(value) if type(value).__repr__ is object.__repr__ else repr(value)
    except Exception as error:
        return f"<{type_name(type(value))}; its text cannot be made: {type(error).__name__}>"


class _Repr(reprlib.Repr):
    """The `repr` of values that hold others, bounded at every place, whatever their size and depth."""

    def __init__(self, most: int) -> None:
        super().__init__()
        items = max(8, most // 4)
        self.maxlevel = 6
        self.maxtuple = self.maxlist = self.maxset = self.maxfrozenset = self.maxdict = items
        self.maxstring = self.maxother = most

    def repr_int(self, x: int, level: int) -> str:
        """A number; printing a very long one takes long, and Python refuses to."""
        bits = x.bit_length()
        return repr(x) if bits <= _MOST_BITS else f"<int of {bits} bits>"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """In the order in which it is, which the library's way would change."""
        if level <= 0 and x:
            return "{...}"
        shown = []
        for index, (key, value) in enumerate(x.items()):
            if index >= self.maxdict:
                shown.append(f"... {len(x)} items")
                break
            shown.append(f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}")
        return "{" + ", ".join(shown) + "}"
