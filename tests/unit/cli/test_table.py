"""Tables fit their terminal, and never send it anything but text."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.cli.table import Column, cut, printable, table_lines, width_of

cells = st.lists(st.text(max_size=30), min_size=3, max_size=3)
columns = st.lists(
    st.builds(
        Column, title=st.sampled_from(("id", "value")), cells=cells, numeric=st.booleans(), may_be_cut=st.just(True)
    ),
    min_size=1,
    max_size=4,
)


@given(columns, st.integers(60, 120))
def test_a_table_is_as_wide_as_its_terminal_at_most_and_printable(table, width):
    lines = table_lines(table, width)
    assert all(width_of(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    assert len(lines) == (4 if any(any(column.cells) for column in table) else 0)


@given(columns)
def test_without_a_terminal_nothing_is_cut(table):
    text = "\n".join(table_lines(table))
    assert all(printable(cell).strip() in text for column in table if any(column.cells) for cell in column.cells)


@given(st.text(max_size=40), st.integers(3, 40))
def test_cutting_keeps_short_texts_and_shortens_long_ones(text, room):
    shown = cut(text, room)
    assert shown == text if width_of(text) <= room else width_of(shown) <= room and shown.endswith("...")


def test_layout():
    table = [
        Column("task", ["a/1", "b/10"]),
        Column("status", ["done", "failed"], is_status=True),
        Column("empty", ["", ""]),
        Column("time", ["1 s", "10 s"], numeric=True),
        Column("error", ["", "ValueError: a message that is rather long"], may_be_cut=True),
    ]
    assert table_lines(table, 40) == [
        "task  status  time  error",
        "a/1   done     1 s",
        "b/10  failed  10 s  ValueError: a mes...",
    ]
    assert "\x1b" not in "".join(table_lines(table))
    coloured = table_lines(table, colour=True)
    assert "\x1b[32mdone\x1b[0m" in coloured[1] and "\x1b[31mfailed\x1b[0m" in coloured[2]


def test_what_could_steer_a_terminal_is_escaped():
    assert table_lines([Column("name", ["\x1b[31mred\nline"])])[1] == "\\x1b[31mred\\nline"
