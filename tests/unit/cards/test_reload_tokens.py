"""Tokens of live pages."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.cards.running.reload_tokens import ReloadTokens


def test_a_token_is_what_the_type_says_as_long_as_it_is_new() -> None:
    tokens = ReloadTokens(0)
    tokens.next_rendering()
    assert tokens.token("never") == "never"
    assert tokens.token("mine") == "mine"
    tokens.next_rendering()
    assert tokens.token("never") == "render-seq-2"
    assert tokens.token("mine") == "mine-render-seq-2"
    assert tokens.token("") == "render-seq-2"


@given(st.lists(st.sampled_from(["", "never", "a", "b"]), max_size=8), st.lists(st.sampled_from(["", "never", "a"])))
def test_no_two_pages_of_a_card_have_one_token(first: list[str], second: list[str]) -> None:
    given_out = []
    for attempt, wanted in enumerate((first, second)):
        tokens = ReloadTokens(attempt)
        for each in wanted:
            tokens.next_rendering()
            given_out.append(tokens.token(each))
    assert len(set(given_out)) == len(given_out)
