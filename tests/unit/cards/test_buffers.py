"""The bytes of a card's file, as they are given to the store."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.card import RELOAD_TOKEN
from metaflow.cards.running.buffers import buffers_of, page_buffers

#: What texts are made of in which a token may begin, end, and be cut anywhere.
PARTS = st.sampled_from([RELOAD_TOKEN, RELOAD_TOKEN[:9], RELOAD_TOKEN[9:], "[", "]", "x", "\N{SNOWMAN}", "\ud800", ""])


@given(st.lists(PARTS))
def test_a_page_is_the_same_in_whatever_pieces_it_comes(pieces: list[str]) -> None:
    expected = "".join(pieces).replace(RELOAD_TOKEN, "token").encode("utf-8", "replace")
    assert b"".join(page_buffers(pieces, "token")) == expected


@pytest.mark.parametrize("before", [0, 1, 128 * 1024 - 5, 256 * 1024 - 5, 300_000])
def test_the_token_is_put_in_wherever_it_stands(before: int) -> None:
    page = "x" * before + RELOAD_TOKEN + "\N{SNOWMAN}" + RELOAD_TOKEN + "y" * 300_000 + "\ud800"
    expected = page.replace(RELOAD_TOKEN, "token").encode("utf-8", "replace")
    assert b"".join(page_buffers([page], "token")) == expected


def test_buffers_are_neither_large_nor_many() -> None:
    sizes = [len(each) for each in page_buffers(["\N{SNOWMAN}" * 1_000_000, *["x" * 100] * 10_000], "")]
    assert sum(sizes) == 4_000_000 and max(sizes) < 1_000_000 and len(sizes) <= 8
    assert buffers_of([]) == [b""], "a file that is empty is a file"
