"""Markdown that consists of headings and of paragraphs without any marks: most of what steps write.

It is read without the parser, which takes longer to be imported than all else of a small card takes to be made.
"""

from __future__ import annotations

import re

# Letters first, so that it is no list, rule or other block; no character that begins something within a line.
_WORDS = r"[^\W\d_](?:[^\x00-\x1f\\`*_\[\]<>&~|!#\x7f]*[^\s\\`*_\[\]<>&~|!#\x00-\x1f\x7f])?"
_HEADING = re.compile(rf"(#{{1,6}}) ({_WORDS})")
_LINE = re.compile(_WORDS)


def simple_blocks(source: str) -> list[tuple[int, str]] | None:
    """The blocks of a simple text, each with the level of the heading that it is, or 0 for a paragraph.

    Returns
    -------
    list or None
        None if the text has anything else in it.
    """
    blocks: list[tuple[int, str]] = []
    lines: list[str] = []
    for line in [*source.split("\n"), ""]:
        heading = _HEADING.fullmatch(line)
        if line and not heading:
            if not _LINE.fullmatch(line):
                return None
            lines.append(line)
            continue
        if lines:
            blocks.append((0, "\n".join(lines)))
            lines = []
        if heading:
            blocks.append((len(heading[1]), heading[2]))
    return blocks
