"""How tags are listed."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.cli.tag_table import LINE_WIDTH, TaggedRun, by_tag, columns, merged, printable, run_lines, tag_lines

RUNS = [
    TaggedRun("F/1", ("runtime:dev", "user:ann"), ("a", "b")),
    TaggedRun("F/2", ("a", "user:ann"), ()),
]


def test_columns_are_as_wide_as_the_longest_word_and_read_downwards():
    assert columns([]) == []
    assert columns(["a", "bb", "c"]) == ["a     bb    c"]
    words = [f"{i:02d}" + "x" * 38 for i in range(7)]  # 40 characters and a gap of 4: two columns
    assert columns(words) == [
        words[0] + "    " + words[4],
        words[1] + "    " + words[5],
        words[2] + "    " + words[6],
        words[3],
    ]


def test_a_word_longer_than_the_line_has_a_line_of_its_own():
    assert columns(["x" * 200, "y"]) == ["x" * 200, "y"]


@given(st.lists(st.text("abcé:_", min_size=1, max_size=70), unique=True))
def test_every_word_is_there_once_and_lines_fit(words):
    lines = columns(words)
    assert sorted(word for line in lines for word in line.split()) == sorted(words)
    assert all(len(line) <= LINE_WIDTH and line == line.rstrip() for line in lines)
    assert len({line.index(word) for line in lines for word in [line.split()[0]]}) <= 1


def test_emphasis_does_not_move_columns():
    plain, bold = columns(["a", "b"]), columns(["a", "b"], lambda word: word == "a")
    assert bold[0].replace("\x1b[1m", "").replace("\x1b[0m", "") == plain[0] != bold[0]


def test_nothing_in_a_tag_reaches_the_terminal_as_a_command():
    assert printable("a\x1b[2Jb\nc é*") == "a\\x1b[2Jb\\nc é*"
    assert columns(["a\n"]) == ["a\\n"]


def test_lines_for_programs():
    assert list(run_lines(RUNS)) == ["F/1 ; runtime:dev,user:ann ; a,b", "F/2 ; a,user:ann ; "]
    assert list(tag_lines(RUNS)) == [
        "system:a ; F/2",
        "user:a ; F/1",
        "user:b ; F/1",
        "system:runtime:dev ; F/1",
        "system:user:ann ; F/1,F/2",
    ]


def test_merging():
    assert merged(RUNS) == (["a", "b", "runtime:dev", "user:ann"], {"a", "b"})
    assert by_tag(RUNS)[-1] == ("user:ann", "system", ["F/1", "F/2"])
