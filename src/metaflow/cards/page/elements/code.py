"""Code, with line numbers and with colours if it is Python's."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.preformatted import preformatted
from metaflow.cards.page.escaping import MOST_CHARACTERS, label_text, left_out_note, text

#: Characters of code that get colours; more takes too long.
_MOST_COLOURED = 200_000
_PYTHON = frozenset(("python", "py", "python3", "pycon"))
_PROMPT = re.compile(r"^(>>>|\.\.\.)", re.MULTILINE)


def code_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Python code with its line numbers."""
    try:
        first = max(int(node.get("first_line") or 1), 0)
    except (TypeError, ValueError, OverflowError):
        first = 1
    marked = node.get("marked")
    block = code_block(str(node.get("code", "")), "python", first, marked if isinstance(marked, int) else None)
    label = node.get("label")
    if not label:
        return block
    return f'<figure><figcaption class="mf-caption" dir="auto">{label_text(label)}</figcaption>{block}</figure>'


def code_block(code: str, language: str = "", first_line: int | None = None, marked: int | None = None) -> str:
    """Code as HTML.

    Parameters
    ----------
    code : str
    language : str
        What it is written in; Python gets colours.
    first_line : int or None
        Number of its first line; no numbers if None.
    marked : int or None
        Number of a line that stands out.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    note = ""
    if len(code) > MOST_CHARACTERS:
        note = left_out_note(len(code) - MOST_CHARACTERS, "characters").replace(" in the middle", " at the end")
        code = code[:MOST_CHARACTERS]
    coloured = language.lower() in _PYTHON and len(code) <= _MOST_COLOURED and not _PROMPT.match(code)
    lines = _lines(_segments(code)) if coloured else [text(line) for line in code.split("\n")]
    if first_line is not None:
        width = len(str(first_line + len(lines)))
        lines = [
            f'<span class="{_line_class(number == marked)}" data-line="{number:>{width}}">{line}</span>'
            for number, line in enumerate(lines, first_line)
        ]
    label = "Python code" if language.lower() in _PYTHON else "Code"
    block = preformatted("<code>" + "\n".join(lines) + "</code>", label)
    return f'<div class="mf-code">{block}{note}</div>'


def _line_class(is_marked: bool) -> str:
    return "mf-line mf-marked" if is_marked else "mf-line"


def _lines(segments: Iterator[tuple[str, str]]) -> list[str]:
    """HTML of lines, from pieces of code with their kinds."""
    lines, line = [], ""
    for kind, piece in segments:
        for number, part in enumerate(piece.split("\n")):
            if number:
                lines.append(line)
                line = ""
            if part:
                line += f'<span class="mf-py-{kind}">{text(part)}</span>' if kind else text(part)
    return [*lines, line]


def _segments(code: str) -> Iterator[tuple[str, str]]:
    """Yield all of some Python code in pieces, each with its kind; what does not parse has none."""
    import io
    import tokenize

    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    done, before = 0, ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            (row, column), (end_row, end_column) = token.start, token.end
            if end_row > len(starts) - 1:
                break
            kind = _kind(tokenize.tok_name[token.type], token.string, before)
            if token.string.strip():
                is_operator = token.string == "@" and token.line[:column].strip()
                before = "" if is_operator else token.string
            start = starts[row - 1] + column
            end = starts[end_row - 1] + end_column
            if kind and start >= done:
                yield "", code[done:start]
                yield kind, code[start:end]
                done = end
    except (SyntaxError, tokenize.TokenError, ValueError):  # code that is cut off, or no Python at all
        pass
    yield "", code[done:]


def _kind(type: str, string: str, before: str) -> str:
    if type == "NAME":
        if keyword.iskeyword(string):
            return "keyword"
        return "name" if before in ("def", "class", "@") else ""
    if type == "COMMENT":
        return "comment"
    if type == "NUMBER":
        return "digits"
    return "string" if type == "STRING" or type.startswith(("FSTRING", "TSTRING")) else ""
