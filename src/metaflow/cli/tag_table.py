"""How tags and runs are listed: in columns for people, in lines for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Width of a line of columns, in characters.
LINE_WIDTH = 124
_GAP = 4
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class TaggedRun(NamedTuple):
    """A run and its tags.

    Attributes
    ----------
    pathspec : str
    system_tags, user_tags : sequence of str
        Sorted.
    """

    pathspec: str
    system_tags: Sequence[str]
    user_tags: Sequence[str]


def columns(words: Sequence[str], emphasised: Callable[[str], bool] = lambda word: False) -> list[str]:
    """Lines of `words` in columns as wide as the longest one asks for, to be read from top to bottom.

    Parameters
    ----------
    words : sequence of str
    emphasised : callable
        Which of them to print in bold.
    """
    if not words:
        return []
    shown = {word: printable(word) for word in words}
    width = max(map(len, shown.values())) + _GAP
    per_line = max(1, LINE_WIDTH // width)
    height = -(-len(words) // per_line)
    lines = []
    for row in range(height):
        in_row = words[row::height]
        cells = [shown[word].ljust(width) if word is not in_row[-1] else shown[word] for word in in_row]
        lines.append(
            "".join(
                f"{_BOLD}{cell}{_PLAIN}" if emphasised(word) else cell for word, cell in zip(in_row, cells, strict=True)
            )
        )
    return lines


def printable(tag: str) -> str:
    """A tag as it may be sent to a terminal: what is no printable character is written as its escape."""
    if tag.isprintable():
        return tag
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in tag)


def merged(runs: Iterable[TaggedRun]) -> tuple[list[str], set[str]]:
    """All tags of all runs, sorted; and those of them that are user tags."""
    every: set[str] = set()
    of_users: set[str] = set()
    for run in runs:
        every.update(run.system_tags, run.user_tags)
        of_users.update(run.user_tags)
    return sorted(every), of_users


def by_tag(runs: Iterable[TaggedRun]) -> list[tuple[str, str, list[str]]]:
    """Each tag with its kind (``system`` or ``user``) and the runs that have it, sorted."""
    found: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for kind, tags in (("system", run.system_tags), ("user", run.user_tags)):
            for tag in tags:
                found.setdefault((tag, kind), []).append(run.pathspec)
    return [(tag, kind, sorted(pathspecs)) for (tag, kind), pathspecs in sorted(found.items())]


def run_lines(runs: Iterable[TaggedRun]) -> Iterator[str]:
    """For programs: ``run ; system tags ; user tags``."""
    for run in runs:
        yield f"{run.pathspec} ; {_joined(run.system_tags)} ; {_joined(run.user_tags)}"


def tag_lines(runs: Iterable[TaggedRun]) -> Iterator[str]:
    """For programs: ``kind:tag ; runs``."""
    for tag, kind, pathspecs in by_tag(runs):
        yield f"{kind}:{printable(tag)} ; {','.join(pathspecs)}"


def _joined(tags: Iterable[str]) -> str:
    return ",".join(map(printable, tags))
