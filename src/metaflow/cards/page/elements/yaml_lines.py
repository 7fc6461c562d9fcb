"""YAML as lines in colours, folded by how far they are indented. Nothing is read as YAML: any text will do."""

from __future__ import annotations

import re
from typing import NamedTuple

from metaflow.cards.page.escaping import text

_MOST_LINES = 20_000
_MOST_LEVELS = 64
_MOST_CHARACTERS = 20_000

_KEY = r"""
    "(?:[^"\\]|\\.)*" | '[^']*'
  | [^\s\#"'\-\[\]{},&*!|>%@`] [^\#:]*?
  | -[^\s:] [^\#:]*?
"""
_LINE = re.compile(
    rf"(?P<dashes>(?:-[ ]+|-$)*) (?:(?P<key>{_KEY})(?P<colon>:(?=\s|$)))? (?P<value>.*)", re.VERBOSE | re.DOTALL
)
_BLOCK = re.compile(r"\s*[|>][+-]?\d?[+-]?\s*")
_NUMERAL = re.compile(r"[-+]?(\d[\d_]*(\.\d*)?|\.\d+|\.inf|\.nan)(e[-+]?\d+)?", re.IGNORECASE)
_CONSTANT = re.compile(r"(true|false|null|yes|no|on|off|~)", re.IGNORECASE)


class _Line(NamedTuple):
    level: int
    html: str


def yaml_html(source: str, is_collapsible: bool) -> tuple[str, bool]:
    """Lines of YAML as HTML.

    Parameters
    ----------
    source : str
        Any text.
    is_collapsible : bool
        Whether what is below a line can be folded.

    Returns
    -------
    tuple of str and bool
        The HTML, and whether it has all lines.
    """
    written = source.replace("\r\n", "\n").rstrip("\n").split("\n")
    lines = _lines([line[:_MOST_CHARACTERS] for line in written[:_MOST_LINES]])
    is_complete = len(written) <= _MOST_LINES and all(len(line) <= _MOST_CHARACTERS for line in written)
    if not is_collapsible:
        return "".join([f'<div class="mf-line">{line.html}</div>' for line in lines]), is_complete
    return _folded(lines), is_complete


def _lines(written: list[str]) -> list[_Line]:
    lines = []
    block_level: int | None = None
    last = 0
    for line in written:
        content = line.lstrip(" ")
        if not content.strip():
            # Blank lines belong to what is before them.
            lines.append(_Line(last + 1, text(line)))
            continue
        # The items of a list may stand as far to the left as the key that they are for, and yet are below it.
        indent = 2 * (len(line) - len(content))
        level = indent + (content.startswith(("- ", "-\n")) or content == "-")
        if block_level is not None and indent > block_level:
            lines.append(_Line(level, f'<span class="mf-string">{text(line)}</span>'))
            last = level
            continue
        html, opens_block = _colours(line, content)
        block_level = level if opens_block else None
        lines.append(_Line(level, html))
        last = level
    return lines


def _colours(line: str, content: str) -> tuple[str, bool]:
    """One line in colours, and whether a text of several lines begins below it."""
    space = line[: len(line) - len(content)]
    if content.startswith(("#", "---", "...", "%")):
        return f'{space}<span class="mf-comment">{text(content)}</span>', False
    found = _LINE.match(content)
    if found is None:
        return text(line), False
    key = f'<span class="mf-key">{text(found["key"])}</span>:' if found["key"] is not None else ""
    value = found["value"]
    return f"{space}{found['dashes']}{key}{_value(value)}", _BLOCK.fullmatch(value) is not None


def _value(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        return value
    if _NUMERAL.fullmatch(stripped):
        kind = "mf-numeral"
    elif _CONSTANT.fullmatch(stripped):
        kind = "mf-constant"
    else:
        kind = "mf-string"
    space = value[: len(value) - len(value.lstrip())]
    return f'{text(space)}<span class="{kind}">{text(value[len(space) :])}</span>'


def _folded(lines: list[_Line]) -> str:
    parts: list[str] = []
    open_levels: list[int] = []
    for at, line in enumerate(lines):
        while open_levels and line.level <= open_levels[-1]:
            open_levels.pop()
            parts.append("</div></details>")
        holds_more = at + 1 < len(lines) and lines[at + 1].level > line.level and len(open_levels) < _MOST_LEVELS
        if holds_more and lines[at + 1].html.strip():
            open_levels.append(line.level)
            parts.append(f'<details open><summary class="mf-line">{line.html}</summary><div>')
        else:
            parts.append(f'<div class="mf-line">{line.html}</div>')
    parts.append("</div></details>" * len(open_levels))
    return "".join(parts)
