"""What a task's machine says of an end that came from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow.compute.backend import FIRST_FAILURE_VARIABLE
from metaflow.compute.node import _why_told_to_end


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("2 137\n", "because node 2 had failed first: its process ended with exit code 137"),
        ("", "perhaps as another node had died"),
        (None, "perhaps as another node had died"),
    ],
)
def test_nodes_of_a_gang_name_the_one_that_failed_first(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "first-failure"
    if content is not None:
        file.write_text(content)
    assert words in _why_told_to_end({FIRST_FAILURE_VARIABLE: str(file)}, is_gang=True)
    assert words not in _why_told_to_end({FIRST_FAILURE_VARIABLE: str(file)}, is_gang=False)
    assert "perhaps" in _why_told_to_end({}, is_gang=True)
