"""Logs as a terminal shows them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from attack_strings import ATTACKS
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.terminal import lines_of


def words(data: str) -> list[str]:
    return ["".join(run for _, run in line) for line in lines_of(data)]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\r\ntwo", ["one", "two"]),
        ("10%\r20%\r100%\n", ["100%"]),
        ("longer\rlong", ["longer"]),
        ("longer\r\x1b[Klong", ["long"]),
        ("longer\x1b[2K\rlong", ["long  "]),
        ("ab\bc", ["ac"]),
        ("\x1b[1;32mok\x1b[0m\x1b[12;3H\x1b]0;title\x07\x1b(B.", ["ok."]),
        ("cut off \x1b[", ["cut off "]),
        ("\n\n", ["", ""]),
        ("x" * 300_000 + "\rlast", ["last"]),
    ],
)
def test_what_is_left_of_a_line(data, lines):
    assert words(data) == lines


@pytest.mark.parametrize(
    ("codes", "style"),
    [
        ("31", ("mf-ink-red",)),
        ("1;91", ("mf-ansi-bold", "mf-ink-red")),
        ("38;5;196", ("mf-ink-red",)),
        ("38;2;30;200;40", ("mf-ink-green",)),
        ("38:5:21", ("mf-ink-blue",)),
        ("48;5;226;4", ("mf-ansi-underline", "mf-paper-yellow")),
        ("31;0", ()),
        ("31;39", ()),
        ("1;22", ()),
        ("999999999999", ()),
        ("38;5", ()),
    ],
)
def test_colours(codes, style):
    (((found, run),),) = lines_of(f"\x1b[{codes}mtext")
    assert (found, run) == (style, "text")


def test_a_colour_lasts_until_it_ends():
    assert lines_of("\x1b[31ma\nb\x1b[mc") == [
        [(("mf-ink-red",), "a")],
        [(("mf-ink-red",), "b"), ((), "c")],
    ]


@given(st.text("\x1b[]m;0138K\r\b\n abc\x07?") | st.sampled_from(ATTACKS))
def test_whatever_was_printed_has_lines_without_controls(data):
    for line in words(data):
        assert not {"\x1b", "\n", "\b"} & set(line)


def test_a_long_log_keeps_its_beginning_and_its_end():
    data = "".join(f"line {number}\n" for number in range(100_000))
    shown = PageContext().render({"type": "log", "data": data})
    assert "line 0\n" in shown and "line 99999<" in shown and len(shown) < 450_000
    lines = shown.split("\n")
    at = next(number for number, line in enumerate(lines) if "left out here" in line)
    before, after = int(lines[at - 1].split()[1]), int(lines[at + 1].split()[1])
    assert f"({after - before - 1:,} lines)" in lines[at]
