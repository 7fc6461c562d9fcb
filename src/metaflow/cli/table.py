"""Tables and JSON, as every command that lists something prints them.

On a terminal a table fits its width. Elsewhere it is what programs can take apart: nothing is cut, and no colours.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GAP = "  "
_LEAST_WIDTH = 8
_CUT = "..."
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_COLOURS = {
    "done": "\x1b[32m",
    "caught": "\x1b[33m",
    "failed": "\x1b[31m",
    "killed": "\x1b[31m",
    "stopped": "\x1b[33m",
    "running": "\x1b[36m",
}


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    title : str
    cells : sequence of str
        One for each row.
    numeric : bool
        Whether to align at the right.
    may_be_cut : bool
        Whether its texts may be cut where the terminal is too narrow.
    is_status : bool
        Whether to colour its words.
    """

    title: str
    cells: Sequence[str]
    numeric: bool = False
    may_be_cut: bool = False
    is_status: bool = False


def printable(text: str) -> str:
    """A text as it may be sent to a terminal, in one line: what cannot be printed is written as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def width_of(text: str) -> int:
    """How many places a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def table_lines(columns: Iterable[Column], width: int | None = None, colour: bool = False) -> list[str]:
    """Lay out a table.

    Parameters
    ----------
    columns : iterable of Column
        A column whose cells are all empty is left out.
    width : int, optional
        Width of the terminal, in characters; None to cut nothing.
    colour : bool
        Whether to colour it.

    Returns
    -------
    list of str
        The titles and the rows, without trailing blanks.
    """
    shown = [
        column._replace(cells=[printable(cell) for cell in column.cells]) for column in columns if any(column.cells)
    ]
    widths = [max(map(width_of, (column.title, *column.cells))) for column in shown]
    if width is not None:
        _narrow(widths, shown, width)
    titles = [_cell(column, column.title, room, False) for column, room in zip(shown, widths, strict=True)]
    head = _GAP.join(titles).rstrip()
    lines = [f"{_DIM}{head}{_PLAIN}" if colour else head]
    for row in zip(*(column.cells for column in shown), strict=True):
        cells = [_cell(column, text, room, colour) for column, text, room in zip(shown, row, widths, strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return lines if shown else []


def _narrow(widths: list[int], columns: Sequence[Column], width: int) -> None:
    """Make the widest columns that may be cut narrower, until the table has that width or no more can be done."""
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0:
        candidates = [i for i, column in enumerate(columns) if column.may_be_cut]
        widest = max(candidates, key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= max(_LEAST_WIDTH, len(columns[widest].title)):
            return
        widths[widest] -= 1
        excess -= 1


def _cell(column: Column, text: str, room: int, colour: bool) -> str:
    text = cut(text, room)
    blanks = " " * (room - width_of(text))
    painted = f"{_COLOURS[text]}{text}{_PLAIN}" if colour and column.is_status and text in _COLOURS else text
    return blanks + painted if column.numeric else painted + blanks


def cut(text: str, room: int) -> str:
    """A text in `room` places, the end of it cut off if it is longer."""
    if width_of(text) <= room:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) > room - len(_CUT):
            break
        kept += character
    return kept + _CUT


def terminal_width() -> int | None:
    """Width of the terminal that stdout is, in characters; None if it is none."""
    if not sys.stdout.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS", "")) or None
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def print_table(columns: Iterable[Column], indent: str = "") -> None:
    """Print a table on stdout, as wide as the terminal lets it be."""
    from ..runtime.console import wants_colour

    width = terminal_width()
    lines = table_lines(columns, None if width is None else width - len(indent), wants_colour(sys.stdout))
    print_lines(f"{indent}{line}" for line in lines)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def print_json(content: Any) -> None:
    """Print JSON on stdout. Numbers that JSON does not have are written as texts, such as ``"nan"``."""
    sys.stdout.write(json.dumps(_strict(content), indent=4, ensure_ascii=False) + "\n")


def _strict(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _strict(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_strict(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content
