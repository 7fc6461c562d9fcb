"""Files that differ between two versions of code."""

from __future__ import annotations

import pytest

from metaflow.web.run import changed_files as module
from metaflow.web.run.changed_files import MOST_LINES, changed_files


def test_code_differs_file_by_file() -> None:
    before = {"same.py": b"1\n", "gone.py": b"2\n3\n", "changed.py": b"a\nb\nc\n", "binary": b"\xff\x00"}
    after = {"same.py": b"1\n", "new.py": b"3\n4\n", "changed.py": b"a\nx\nc\n", "binary": b"\xff\x01"}
    found = changed_files(before, after)
    assert found["left_out"] == 0 and not any(file["is_cut"] for file in found["files"])
    assert [(file["path"], file["change"], file["added"], file["removed"]) for file in found["files"]] == [
        ("binary", "changed", 0, 0),
        ("changed.py", "changed", 1, 1),
        ("gone.py", "removed", 0, 2),
        ("new.py", "added", 2, 0),
    ]
    assert "+x\n" in found["files"][1]["patch"] and "Binary files" in found["files"][0]["patch"]
    assert changed_files(before, before) == {"files": [], "left_out": 0}


def test_lines_that_look_like_the_head_of_a_patch_are_counted() -> None:
    (file,) = changed_files({"query.sql": b"-- old\nselect\n"}, {"query.sql": b"++ new\nselect\n"})["files"]
    assert (file["added"], file["removed"]) == (1, 1)


@pytest.mark.parametrize("content", [b"line\n" * (MOST_LINES + 1), b"z" * 2_000_000])
def test_what_is_too_long_is_not_compared(content: bytes) -> None:
    (file,) = changed_files({"long.txt": b"short"}, {"long.txt": content})["files"]
    assert file["is_cut"] and (file["patch"], file["added"], file["removed"]) == ("", None, None)


def test_an_answer_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARACTERS", 300)
    monkeypatch.setattr(module, "MOST_FILES", 3)
    found = changed_files({}, {f"{number}.py": b"x" * 120 for number in range(5)})
    assert found["left_out"] == 2 and [file["is_cut"] for file in found["files"]] == [False, True, True]
    assert sum(len(file["patch"]) for file in found["files"]) == 300
