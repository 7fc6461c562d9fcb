"""Tracebacks of Python, which are only there as text, taken apart again. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.datastore.logs import LogLine

_FRAME = re.compile(r'^[\s|]*File "(?P<file>.*)", line (?P<line>\d+)(?:, in (?P<function>.*))?$')
_MARKS = re.compile(r"^[\s|]*[~^]+[\s~^]*$")
_BEGINNING = re.compile(r"^<flow .*> failed:$")
_INDENT = "    "
#: Most frames that are told apart; of deeper tracebacks, the last ones.
MAXIMUM_FRAMES = 60


class Frame(NamedTuple):
    """A call in a traceback.

    Attributes
    ----------
    file : str
        As the traceback names it.
    line : int
    function : str
    source : str
        The line's text; empty if the traceback does not have it.
    code_file : str or None
        Path of the file in the run's code; None if it is no part of that.
    """

    file: str
    line: int
    function: str
    source: str
    code_file: str | None


def frames_of(traceback: str, code_files: Sequence[str]) -> list[Frame]:
    """The calls in a traceback, the outermost first.

    Parameters
    ----------
    traceback : str
        Text as Python prints it, also of several errors, of which one came from another.
    code_files : sequence of str
        Paths of the run's code, relative to where imports start.
    """
    found: list[Frame] = []
    lines = traceback.split("\n")
    for number, text in enumerate(lines):
        match = _FRAME.match(text)
        if match is None:
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        is_source = following.strip() and not _FRAME.match(following) and not _MARKS.match(following)
        indented = len(following) - len(following.lstrip()) > len(text) - len(text.lstrip())
        source = following.strip() if is_source and indented else ""
        file = match["file"]
        found.append(Frame(file, int(match["line"]), match["function"] or "", source, code_file_of(file, code_files)))
    return found[-MAXIMUM_FRAMES:]


def failing_frame(frames: Sequence[Frame]) -> Frame | None:
    """The innermost call of the user's own code; None if there is none."""
    return next((frame for frame in reversed(frames) if frame.code_file is not None), None)


def code_file_of(path: str, code_files: Sequence[str]) -> str | None:
    """Which file of a run's code a path means: on another machine, the code lies in another directory."""
    plain = path.replace("\\", "/")
    matching = [name for name in code_files if plain == name or plain.endswith(f"/{name}")]
    return max(matching, key=len, default=None)


def without_traceback(lines: Sequence[LogLine]) -> list[LogLine]:
    """What a task printed, without the traceback that is shown beside it: the last one in what it wrote to stderr."""
    texts = [line.text.decode("utf-8", "replace") if line.stream == "stderr" else None for line in lines]
    first = max((index for index, text in enumerate(texts) if text and _BEGINNING.match(text)), default=None)
    if first is None:
        return list(lines)
    left_out = {first}
    for index, text in enumerate(texts[first + 1 :], first + 1):
        if text is not None:
            if text and not text.startswith(_INDENT):
                break
            left_out.add(index)
    return [line for index, line in enumerate(lines) if index not in left_out]


def traceback_in_log(lines: Iterable[str]) -> str | None:
    """The traceback of a failed step, in what the task wrote to stderr; None if it is not there.

    Parameters
    ----------
    lines : iterable of str
        Without line ends.
    """
    found: list[str] | None = None
    open_block = False
    for line in lines:
        if _BEGINNING.match(line):
            found, open_block = [], True
        elif open_block and found is not None:
            if line and not line.startswith(_INDENT):
                open_block = False
            else:
                found.append(line.removeprefix(_INDENT))
    return "\n".join(found).strip("\n") if found else None
