"""What a terminal would show of a text: colours, and lines that programs write anew, such as progress bars."""

from __future__ import annotations

import re

#: Names of classes.
Style = tuple[str, ...]

_ESCAPE = re.compile(
    r"\x1b\[(?P<parameters>[0-9;:?<=>]*)[ -/]*(?P<final>[@-~])"  # control sequences
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles of windows, links, and the like
    r"|\x1b[ -/]*[0-~]?"  # all others
)
_CONTROLS = re.compile(r"[\r\b\x1b]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike"}
#: What ends which flags.
_ENDS = {22: (1, 2), 23: (3,), 24: (4,), 29: (9,)}
#: A line that is longer is not looked through for what is written over.
_MOST_IN_LINE = 200_000


def lines_of(data: str) -> list[list[tuple[Style, str]]]:
    """The lines that a terminal would show, each as pieces of text with their styles.

    Parameters
    ----------
    data : str
        What a program printed.
    """
    pen = _Pen()
    if data.endswith("\n"):
        data = data[:-1]
    return [_line(line, pen) for line in data.split("\n")]


class _Pen:
    """How text looks that is written now."""

    def __init__(self) -> None:
        self.style: Style = ()
        self._flags: set[int] = set()
        self._front = self._back = ""

    def change(self, parameters: str) -> None:
        """Follow a sequence that selects a rendition."""
        codes = [int(each[:6]) if each.isdigit() else 0 for each in re.split("[;:]", parameters)]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self._flags.clear()
                self._front = self._back = ""
            elif code in _FLAGS:
                self._flags.add(code)
            elif code in _ENDS:
                self._flags.difference_update(_ENDS[code])
            elif code in (38, 48):
                self._colour(code, _extended(codes))
            elif code in (39, 49):
                self._colour(code - 1, "")
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self._colour(38, _COLOURS[code % 10])
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self._colour(48, _COLOURS[code % 10])
        flags = [f"mf-ansi-{_FLAGS[flag]}" for flag in sorted(self._flags)]
        front = [f"mf-ink-{self._front}"] if self._front else []
        back = [f"mf-paper-{self._back}"] if self._back else []
        self.style = (*flags, *front, *back)

    def _colour(self, code: int, name: str) -> None:
        if code == 38:
            self._front = name
        else:
            self._back = name


def _extended(codes: list[int]) -> str:
    """Take a colour of 256, or one of 16 million, from codes; the one of eight that is most like it."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        number = codes.pop(0)
        if number < 16:
            return _COLOURS[number % 8]
        if number >= 232:
            return "white" if number > 243 else "black"
        number -= 16
        return _nearest((number // 36) * 51, (number // 6 % 6) * 51, (number % 6) * 51)
    if kind == 2 and len(codes) >= 3:
        red, green, blue = codes.pop(0), codes.pop(0), codes.pop(0)
        return _nearest(red, green, blue)
    codes.clear()
    return ""


def _nearest(red: int, green: int, blue: int) -> str:
    most = max(red, green, blue)
    if most < 60:
        return "black"
    return _COLOURS[sum(bit for bit, part in ((1, red), (2, green), (4, blue)) if part > 0.6 * most)]


def _line(line: str, pen: _Pen) -> list[tuple[Style, str]]:
    if line.endswith("\r"):
        line = line[:-1]
    if not _CONTROLS.search(line):
        return [(pen.style, line)] if line else []
    if len(line) > _MOST_IN_LINE:
        return [(pen.style, _ESCAPE.sub("", line).rpartition("\r")[2])]
    return _pieces(_cells(line, pen))


def _cells(line: str, pen: _Pen) -> list[tuple[Style, str]]:
    """The characters of a line with their styles, once all was written."""
    cells: list[tuple[Style, str]] = []
    at = column = 0
    while at < len(line):
        character = line[at]
        if character == "\x1b":
            found = _ESCAPE.match(line, at)
            assert found is not None
            at = found.end()
            if found["final"] == "m":
                pen.change(found["parameters"])
            elif found["final"] == "K":
                _erase(cells, column, found["parameters"])
            continue
        at += 1
        if character == "\r":
            column = 0
        elif character == "\b":
            column = max(column - 1, 0)
        else:
            cells[column : column + 1] = [(pen.style, character)]
            column += 1
    return cells


def _erase(cells: list[tuple[Style, str]], column: int, parameters: str) -> None:
    if parameters in ("", "0"):
        del cells[column:]
    else:
        last = len(cells) if parameters == "2" else column + 1
        cells[:last] = [((), " ")] * min(last, len(cells))


def _pieces(cells: list[tuple[Style, str]]) -> list[tuple[Style, str]]:
    pieces: list[tuple[Style, str]] = []
    start = 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at][0] != cells[start][0]:
            pieces.append((cells[start][0], "".join([character for _, character in cells[start:at]])))
            start = at
    return pieces
