"""`Markdown`."""

from __future__ import annotations

import pytest

from metaflow.cards import Markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("", ""),
        (3, "3"),
        ("  # a\n    b", "# a\n  b"),
        ("\n        # a\n\n        b\n        ", "\n# a\n\nb\n"),
        ("# a\n        b\n          c\n        ", "# a\nb\n  c\n"),
        ("- a\n  - b", "- a\n  - b"),
        ("code:\n\n    x = 1", "code:\n\n    x = 1"),
    ],
)
def test_the_programs_indentation_is_taken_away(text: object, expected: str) -> None:
    assert Markdown(text).render() == {"type": "markdown", "source": expected}  # type: ignore[arg-type]


def test_update_replaces_the_text() -> None:
    text = Markdown("one")
    text.update("two")
    assert text.render()["source"] == "two"
    text.update()
    assert text.render()["source"] == ""
    assert text.REALTIME_UPDATABLE
