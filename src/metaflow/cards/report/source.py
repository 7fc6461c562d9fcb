"""The code of a step: what of a source file belongs to it."""

from __future__ import annotations

import re
import tokenize

from metaflow.cards.nodes import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.cards.report.subject import Subject

#: Longer code is folded.
_OPEN_LINES = 80
_MOST_LINES = 2000
#: Tokens that may stand between the head of a function and its body.
_BETWEEN = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT)


def code_node(subject: Subject) -> Node | None:
    """The code of the task's step; None if it was not recorded."""
    code = subject.code
    if code is None:
        return None
    described = subject.described
    name = _file_name(list(code.files), str(described.get("source_file") or ""), code.script_name)
    if name is None:
        return None
    from importlib.util import decode_source

    lines = decode_source(code.files[name]).splitlines()
    found = step_lines(lines, subject.step, described.get("line"))
    if found is None:
        return None
    first, last = found
    shown = lines[first : min(last, first + _MOST_LINES)]
    node: Node = {"type": "pythonCode", "code": dedented(shown), "first_line": first + 1}
    where = f"{name}, line {first + 1}"
    if last - first > len(shown):
        where += f"; the first {len(shown):,} of {last - first:,} lines"
    if len(shown) <= _OPEN_LINES:
        return {"type": "section", "title": "Code", "subtitle": where, "contents": [node]}
    fold = {"type": "fold", "title": f"{len(shown):,} lines", "contents": [node]}
    return {"type": "section", "title": "Code", "subtitle": where, "contents": [fold]}


def _file_name(names: Sequence[str], source_file: str, script: str) -> str | None:
    """Name of the recorded file that is `source_file`, an absolute path: the longest end of it that is there."""
    path = source_file.replace("\\", "/")
    fitting = [name for name in names if path == name or path.endswith(f"/{name}")]
    if fitting:
        return max(fitting, key=len)
    return script if script in names else None


def step_lines(lines: Sequence[str], step: str, line: object) -> tuple[int, int] | None:
    """Where a step is in its file, with its decorators.

    Parameters
    ----------
    lines : sequence of str
        Of the file.
    step : str
    line : int, optional
        Line of the ``def``, from 1, as it was recorded.

    Returns
    -------
    tuple of (int, int) or None
        Index of the first line, and that behind the last; None if it is not there.
    """
    start = _definition(lines, step, line)
    return None if start is None else (_with_decorators(lines, start), _end(lines, start))


def _definition(lines: Sequence[str], step: str, line: object) -> int | None:
    pattern = re.compile(rf"\s*(?:async\s+)?def\s+{re.escape(step)}\s*\(")
    if isinstance(line, int) and 0 < line <= len(lines) and pattern.match(lines[line - 1]):
        return line - 1
    found = [index for index, text in enumerate(lines) if pattern.match(text)]
    return found[0] if len(found) == 1 else None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _with_decorators(lines: Sequence[str], start: int) -> int:
    """Go up over decorators, whose arguments may be on lines of their own."""
    level, first = _indentation(lines[start]), start
    for index in range(start - 1, -1, -1):
        line = lines[index]
        if not line.strip():
            break
        if _indentation(line) == level:
            if line.lstrip()[0] == "@":
                first = index
            elif line.lstrip()[0] not in ")]}#":
                break
        elif _indentation(line) < level:
            break
    return first


def _end(lines: Sequence[str], start: int) -> int:
    """Index behind the last line of the function that begins at `start`, told by Python's own tokens."""
    reading = iter([f"{line}\n" for line in _without_margin(lines[start:], _indentation(lines[start]))])
    level, last, has_head = 0, 1, False
    try:
        for token in tokenize.generate_tokens(lambda: next(reading, "")):
            if token.type == tokenize.INDENT:
                level += 1
            elif token.type == tokenize.DEDENT:
                level -= 1
            elif token.type == tokenize.NEWLINE:
                last, has_head = token.end[0], True
            if level == 0 and has_head and token.type not in _BETWEEN:
                break
    except (tokenize.TokenError, SyntaxError):
        pass  # what was understood so far is shown
    return start + last


def dedented(lines: Sequence[str]) -> str:
    """Lines without the indentation that the first of them has."""
    return "\n".join(_without_margin(lines, _indentation(lines[0]))) if lines else ""


def _without_margin(lines: Sequence[str], margin: int) -> list[str]:
    # Lines of a text over several lines may begin further left.
    return [line[margin:] if not line[:margin].strip() else line for line in lines]
