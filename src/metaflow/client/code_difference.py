"""In what two versions of code differ, as a patch. Pure: files come as bytes by path."""

from __future__ import annotations

import difflib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_NEWLINE = "\\ No newline at end of file\n"


def difference(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    """Lines, with their ends, of a patch that makes `after` of `before`.

    ``patch -p1`` and ``git apply`` understand it. A file that is no text in UTF-8 is only named.

    Parameters
    ----------
    before, after : mapping of str to bytes
        Content of each file by its path, which is relative and has forward slashes.
    """
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        yield f"diff --git a/{path} b/{path}\n"
        if old is None:
            yield "new file mode 100644\n"
        if new is None:
            yield "deleted file mode 100644\n"
        yield from _of_file(path, old, new)


def _of_file(path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
    try:
        lines = [_lines(content) for content in (old, new)]
    except UnicodeDecodeError:
        yield f"Binary files {names[0]} and {names[1]} differ\n"
        return
    for line in difflib.unified_diff(lines[0], lines[1], *names):
        yield line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _lines(content: bytes | None) -> list[str]:
    """Lines with their ends; only a newline ends one, as for every tool that reads patches."""
    *lines, rest = (content or b"").decode("utf-8").split("\n")
    return [f"{line}\n" for line in lines] + ([rest] if rest else [])
