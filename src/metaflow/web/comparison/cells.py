"""What a run has for one row of a comparison. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from metaflow.client.run_values import Value

#: Longest text of a cell, in characters; the whole is asked for by itself.
LONGEST_TEXT = 500
#: How deep configs are taken apart, and into how many values.
_DEEPEST, _MOST_LEAVES = 12, 2000


class Cell(NamedTuple):
    """What one run has.

    Attributes
    ----------
    text : str
        For people, in one line.
    key : str
        Equal for two runs exactly if they have the same.
    number : float, int or None
        The value, if it is a number.
    type : str
        Such as ``float``; empty for facts that are no values of the flow.
    size : int or None
        Serialised bytes.
    sha : str
        Hash of the content; empty if there is none.
    is_cut : bool
        Whether there is more of it than `text`.
    """

    text: str
    key: str
    number: float | int | None = None
    type: str = ""
    size: int | None = None
    sha: str = ""
    is_cut: bool = False


def fact(text: str | None) -> Cell | None:
    """A cell of a fact; none if there is nothing to say."""
    if not text:
        return None
    return Cell(_shortened(text), text, is_cut=len(text) > LONGEST_TEXT)


def quantity(number: float | None) -> Cell | None:
    """A cell of a number whose unit is the row's."""
    return None if number is None else Cell(repr(number), repr(number), number)


def artifact(value: Value) -> Cell:
    """A cell of a parameter or an artifact."""
    scalar = value.scalar if value.is_scalar else None
    number = scalar if isinstance(scalar, (int, float)) and not isinstance(scalar, bool) else None
    is_text = value.is_scalar and isinstance(scalar, str)
    text = str(scalar) if is_text else value.text
    # A scalar is itself wherever its preview is: everything else may go on. Of several lines, one is seen.
    is_cut = len(text) > LONGEST_TEXT or not value.is_scalar or "\n" in text
    return Cell(_shortened(text), value.sha, number, value.type, value.size, value.sha, is_cut)


def leaves(name: str, value: Any) -> dict[str, Cell]:
    """Cells of a config by their paths, such as ``model.layers[0]``; bounded."""
    found: dict[str, Cell] = {}
    pending: list[tuple[str, Any, int]] = [(name, value, 0)]
    while pending and len(found) < _MOST_LEAVES:
        path, each, depth = pending.pop()
        if isinstance(each, Mapping) and each and depth < _DEEPEST:
            inner = [(f"{path}.{key}", item, depth + 1) for key, item in each.items()]
        elif isinstance(each, (list, tuple)) and each and depth < _DEEPEST:
            inner = [(f"{path}[{index}]", item, depth + 1) for index, item in enumerate(each)]
        else:
            found[path] = _leaf(each)
            continue
        pending += inner[: _MOST_LEAVES + 1][::-1]
    return found


def _leaf(value: Any) -> Cell:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if isinstance(value, str):
        text = value
    elif isinstance(value, (Mapping, Sequence)):
        # Too deep to be taken apart, or empty; what is in it may be in itself, so it is only named.
        text = "{...}" if isinstance(value, Mapping) and value else "[...]" if value else json.dumps(value)
    else:
        text = json.dumps(value)
    kind = type(value).__name__
    return Cell(_shortened(text), f"{kind}:{text}", number, kind, is_cut=len(text) > LONGEST_TEXT)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"
