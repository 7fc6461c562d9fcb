from __future__ import annotations

import io

import pytest

from metaflow.runtime.console import Console, highlight


@pytest.mark.parametrize(
    ("text", "plain", "bold"),
    [
        ("Step *a* failed", "Step a failed", "Step \x1b[1ma\x1b[0m failed"),
        ("*a*->*b*", "a->b", "\x1b[1ma\x1b[0m->\x1b[1mb\x1b[0m"),
        ("5 * 3", "5 * 3", "5 * 3"),
        ("nothing", "nothing", "nothing"),
    ],
)
def test_marks_are_removed_or_made_bold(text: str, plain: str, bold: str) -> None:
    assert highlight(text, False) == plain
    assert highlight(text, True) == bold


def test_lines_of_tasks_keep_their_indentation_and_asterisks() -> None:
    stream = io.StringIO()
    console = Console(stream)
    console.task_lines("[1/a/2 (pid 3)]", [b"  2 * 3 = 6  ", b"caf\xe9"])
    console.say("Done!")
    console.flush()
    lines = [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()]
    assert lines == ["[1/a/2 (pid 3)]   2 * 3 = 6", "[1/a/2 (pid 3)] caf\ufffd", "Done!"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no real terminal")


def test_the_status_line_stays_at_the_bottom_and_is_erased() -> None:
    stream = Terminal()
    console = Console(stream)
    console.status("1 of 2")
    console.flush()
    console.say("a line")
    console.flush()
    console.status("")
    console.flush()
    shown = stream.getvalue()
    assert shown.startswith("1 of 2\r\x1b[K")
    assert shown.endswith("1 of 2\r\x1b[K")
