"""Tables.

What is in a table's cells is in the page once as data, from which the script makes further pages, sorts, searches and
saves; the first page is there as HTML, too. A table that holds nodes is HTML as a whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import script_data_pieces, text

#: Rows of a page, fewer in a wide table, whose page has at most that many cells.
_PAGE_ROWS = 50
_PAGE_CELLS = 20_000
_MOST_COLUMNS = 2000
#: Characters of a cell, and of a header, that are shown; copies have all of them.
_SHOWN_CHARACTERS = 2000
#: By how many rows is told what a column holds.
_SAMPLE = 200
#: Numbers of a column get equally many decimals if that is not more than these.
_MOST_ALIGNED = 4
#: Scripts read larger integers inexactly.
_EXACT_INTEGER = 2**53

_PLAIN = {str, int, float, bool, type(None)}
_NUMBER_TEXT = re.compile(r"-?\d+\.\d+|NaN|-?Infinity|<NA>")
_EXPONENT = re.compile(r"\.?0*e([+-])0*(\d)")


def table_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A table."""
    headers = ["" if each is None else str(each) for each in _sequence(node.get("columns"))]
    rows = [_row(row) for row in _sequence(node.get("data"))]
    if rows == [[]]:
        rows = []
    kinds: set[type] = set()
    for row in rows:  # not all in one call, which would halt the step for as long as it takes
        kinds.update(map(type, row))
    is_plain = kinds <= _PLAIN
    table = _Table(node, page, headers, rows, is_plain)
    if node.get("vertical"):
        return table.vertical()
    return table.horizontal(has_integers=int in kinds)


class _Table:
    def __init__(
        self, node: Mapping[str, Any], page: PageContext, headers: list[str], rows: list[Sequence[Any]], is_plain: bool
    ) -> None:
        self.page = page
        width = max(len(headers), max((len(row) for row in rows), default=0))  # map() would be one long call
        self.width = min(width, _MOST_COLUMNS)
        self.hidden_columns = width - self.width
        self.headers = headers[: self.width] + [""] * (self.width - len(headers)) if any(headers) else []
        self.rows = [row[: self.width] for row in rows] if self.hidden_columns else rows
        self.is_plain = is_plain
        self.label = str(node.get("label") or "")
        self.left_out = _count(node.get("left_out"))
        # A record with its headers at the left has something else in each cell of a column: those stay at the left.
        is_vertical = bool(node.get("vertical"))
        self.kinds = (
            ["text"] * self.width
            if is_vertical
            else [_kind([row[at] for row in rows[:_SAMPLE] if at < len(row)]) for at in range(self.width)]
        )

    def horizontal(self, has_integers: bool) -> str:
        count = len(self.rows)
        page_rows = max(5, min(_PAGE_ROWS, _PAGE_CELLS // max(1, self.width))) if self.is_plain else count
        head = ""
        if self.headers:
            cells = "".join(
                f'<th scope="col"{_class(kind)}>{_shown(header)}</th>' for header, kind in zip(self.headers, self.kinds)
            )
            head = f"<thead><tr>{cells}</tr></thead>"
        body = "".join([self._tr(row) for row in self.rows[:page_rows]])
        if not self.rows:
            body = f'<tr><td class="mf-empty" colspan="{max(1, self.width)}">No rows</td></tr>'
        data = self._data(has_integers) if self.is_plain and count > 1 else ""
        shown = min(count, page_rows)
        return self._framed(head + f"<tbody>{body}</tbody>", self._note(shown), data)

    def vertical(self) -> str:
        body = []
        for at in range(self.width):
            header = f'<th scope="row">{_shown(self.headers[at])}</th>' if self.headers else ""
            cells = "".join([self._td(row[at], at) if at < len(row) else "<td></td>" for row in self.rows])
            body.append(f"<tr>{header}{cells}</tr>")
        return self._framed(f"<tbody>{''.join(body)}</tbody>", self._note(len(self.rows)), "")

    def _tr(self, row: Sequence[Any]) -> str:
        missing = "<td></td>" * (self.width - len(row))
        return f"<tr>{''.join([self._td(cell, at) for at, cell in enumerate(row)])}{missing}</tr>"

    def _td(self, cell: Any, at: int) -> str:
        kind = self.kinds[at]
        if cell is None:
            return '<td class="mf-none">None</td>'
        if isinstance(cell, Mapping) and "type" in cell:
            return f"<td>{self.page.render(cell)}</td>"
        if type(cell) in (int, float):
            shown = _aligned(number_text(cell, kind.startswith("float")), kind)
            title = f' title="{cell}"' if type(cell) is float and float(shown) != cell and cell == cell else ""  # noqa: PLR0124
            return f"<td{_class(kind)}{title}>{text(shown)}</td>"
        return f"<td{_class(kind)}>{_shown(cell if isinstance(cell, str) else str(cell))}</td>"

    def _framed(self, content: str, note: str, data: str) -> str:
        caption_id = self.page.new_id()
        size = (
            f"{_counted(len(self.rows) + self.left_out, 'row')}, {_counted(self.width + self.hidden_columns, 'column')}"
        )
        caption = f"<bdi>{_shown(self.label)}</bdi>" if self.label else f"Table of {size}"
        hidden = "" if self.label else ' class="mf-visually-hidden"'
        return (
            f'<figure class="mf-table" data-rows="{len(self.rows)}">'
            f'<div class="mf-scroll mf-table-frame" tabindex="0" role="group" aria-labelledby="{caption_id}">'
            f"<table{'' if self.headers else ' data-headless'}>"
            f'<caption{hidden} id="{caption_id}">{caption}</caption>{content}</table></div>{note}{data}</figure>'
        )

    def _note(self, shown: int) -> str:
        notes = []
        count = len(self.rows)
        if shown < count:
            notes.append(
                f'<span class="mf-table-range">{shown:,} of {count:,} rows; showing the others needs JavaScript</span>'
            )
        if self.left_out:
            which = "more rows are" if shown else "rows are"
            notes.append(f"{self.left_out:,} {which if self.left_out > 1 else 'more row is'} not on this card")
        if self.hidden_columns:
            notes.append(f"{self.hidden_columns:,} further columns are not shown")
        return f'<div class="mf-table-foot"><p class="mf-caption">{"; ".join(notes)}.</p></div>' if notes else ""

    def _data(self, has_integers: bool) -> str:
        rows: list[Any] = self.rows
        if has_integers and any(
            type(cell) is int and not -_EXACT_INTEGER < cell < _EXACT_INTEGER for row in rows for cell in row
        ):
            rows = [[_exact(cell) for cell in row] for row in rows]
        data = {"columns": self.headers, "width": self.width, "kinds": self.kinds, "rows": rows}
        begin = '<script type="application/json" class="mf-table-data">'
        return self.page.later([begin, *script_data_pieces(data), "</script>"])


def number_text(number: float, is_float: bool) -> str:
    """A number as a table shows it: integers in full, others by six digits. The script's ``numberText`` does the same.

    Parameters
    ----------
    number : int or float
    is_float : bool
        Whether the column holds numbers that are no integers, so that whole numbers are shown with a decimal, too.

    Returns
    -------
    str
    """
    if isinstance(number, int) and not is_float:
        return str(number) if number.bit_length() <= 256 else f"<int of {number.bit_length()} bits>"
    try:
        number = float(number)
    except OverflowError:
        return "Infinity" if number > 0 else "-Infinity"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    size = abs(number)
    if size and not 1e-4 <= size < 1e15:
        return _EXPONENT.sub(r"e\1\2", f"{number:.5e}")
    decimals = max(1, 5 - math.floor(math.log10(size))) if size else 1
    shown = f"{number:.{decimals}f}".rstrip("0")
    return f"{shown}0" if shown.endswith(".") else shown


def _kind(sample: list[Any]) -> str:
    """What a column holds, for how it is set: ``float``, ``integer``, ``number`` (as text), or ``text``.

    After ``float`` stands how many decimals all its numbers have, if they have few.
    """
    kinds = {type(cell) for cell in sample if cell is not None}
    numbers = kinds - {str}
    texts = [cell for cell in sample if type(cell) is str]
    if not kinds or not numbers <= {int, float} or not all(_NUMBER_TEXT.fullmatch(cell) for cell in texts):
        return "text"
    if float not in numbers:
        return "integer" if numbers else "number"
    written = [(cell, number_text(cell, is_float=True)) for cell in sample if type(cell) in (int, float)]
    decimals = max(len(shown.partition(".")[2]) for _, shown in written)
    is_exact = all(float(shown) == cell and "e" not in shown for cell, shown in written)
    return f"float{decimals}" if is_exact and decimals <= _MOST_ALIGNED else "float"


def _aligned(shown: str, kind: str) -> str:
    """A number with as many decimals as the others of its column."""
    missing = int(kind[5:] or 0) - len(shown.partition(".")[2]) if kind.startswith("float") else 0
    return shown + "0" * missing if missing > 0 and "." in shown and "e" not in shown else shown


def _class(kind: str) -> str:
    return "" if kind == "text" else ' class="mf-number"'


def _shown(value: str) -> str:
    if len(value) <= _SHOWN_CHARACTERS:
        return text(value)
    return f'{text(value[:_SHOWN_CHARACTERS])}<span class="mf-muted">… ({len(value):,} characters)</span>'


def _exact(cell: Any) -> Any:
    is_exact = type(cell) is not int or -_EXACT_INTEGER < cell < _EXACT_INTEGER
    return cell if is_exact else number_text(cell, is_float=False)


def _row(row: Any) -> Sequence[Any]:
    return row if isinstance(row, (list, tuple)) else [row]


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else []


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
