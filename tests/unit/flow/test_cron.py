"""Cron expressions and time zones are checked before anything is deployed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.flow.cron import check_cron, check_timezone

NUMBERS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (1970, 2199)]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    span = st.tuples(number, number).map("-".join)
    base = st.one_of(st.just("*"), number, span)
    stepped = st.tuples(base, st.integers(1, high).map(str)).map("/".join)
    return st.lists(st.one_of(base, stepped), min_size=1, max_size=3).map(",".join)


@given(st.tuples(*[field(*bounds) for bounds in NUMBERS]), st.booleans())
def test_what_follows_the_rules_is_accepted(fields: tuple[str, ...], with_year: bool) -> None:
    check_cron(" ".join(fields if with_year else fields[:5]))


@pytest.mark.parametrize(
    "text",
    ["0 0 ? * SUN *", "0 * * * ? *", "*/5 9-17 * * MON-FRI", "0 10 L * ? *", "0 8 ? jan,jul 2#1 2027", "0 0 15W * ?"],
)
def test_what_schedulers_know_is_accepted(text: str) -> None:
    check_cron(text)


@given(st.text())
def test_any_text_is_accepted_or_refused_with_a_reason(text: str) -> None:
    try:
        check_cron(text)
    except ValueError as error:
        assert str(error)
    else:
        assert len(text.split()) in (5, 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 fields instead of 5 or 6"),
        ("@daily", "1 fields instead of 5 or 6"),
        ("0 0 * * * * *", "7 fields"),
        ("60 0 * * *", "'60' cannot stand for the minute"),
        ("0 24 * * *", "'24' cannot stand for the hour"),
        ("0 0 32 * *", "day of the month"),
        ("0 0 * FOO *", "'FOO' cannot stand for the month"),
        ("0 0 * * 8", "day of the week"),
        ("0 0 * * * 1969", "year"),
        ("*/0 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("? * * * *", "minute"),
        (7, "should be a text"),
    ],
)
def test_what_is_wrong_is_named(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        check_cron(text)


def test_time_zones() -> None:
    check_timezone("Europe/Berlin")
    with pytest.raises(ValueError, match="Europe/Berlin"):
        check_timezone("Europe/Berln")
    for impossible in ("", "..", "Europe", "a\0b", 3):
        with pytest.raises(ValueError):
            check_timezone(impossible)
