"""Numbers, durations and moments as people read them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.page.number_text import duration_text, moment_html, number_text, rate_text


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (-1234, "-1,234"),
        (1234567.5, "1,234,567.5"),
        (1000.0, "1,000"),
        (0.9342, "0.9342"),
        (1 / 3, "0.333333"),
        (0.0, "0"),
        (0.00001234, "1.234e-05"),
        (1e15, "1e+15"),
        (123456789 * 10**12, "1.235e+20"),
        (10**400, "1e+308 or more"),
        (-(10**400), "-1e+308 or less"),
    ],
)
def test_numbers(number: float, expected: str) -> None:
    assert number_text(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.0046, "0.0046 s"),
        (0.25, "0.25 s"),
        (2.31, "2.3 s"),
        (5, "5 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
        (-200, "-3 min 20 s"),
        (86400 * 5000, "5,000 d"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration_text(seconds) == expected


@pytest.mark.parametrize(
    ("rate", "unit", "expected"),
    [
        (3.333, "epochs", "3.33 epochs/s"),
        (0.5, "epochs", "30 epochs/min"),
        (0.001, "epochs", "3.6 epochs/h"),
        (1e-9, "epochs", "3.6e-06 epochs/h"),
        (123456.7, "", "123,457 per s"),
    ],
)
def test_rates(rate: float, unit: str, expected: str) -> None:
    assert rate_text(rate, unit) == expected


@pytest.mark.parametrize(
    "moment",
    [
        1767323045.25,
        1767323045250,
        "2026-01-02T03:04:05.250Z",
        "2026-01-02T05:04:05.250+02:00",
        "2026-01-02 03:04:05.250",
    ],
)
def test_moments(moment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        shown = moment_html(moment)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert shown == (
        '<time class="mf-moment" datetime="2026-01-02T03:04:05.250Z" title="2026-01-02 03:04:05 UTC">'
        "2026-01-02 03:04:05 UTC</time>"
    )


@pytest.mark.parametrize("moment", [None, "yesterday", "", float("nan"), float("inf"), -1e300, [], {}])
def test_what_is_no_moment(moment: Any) -> None:
    assert moment_html(moment) == ""


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_no_number_is_too_odd(number: float) -> None:
    assert number_text(number)
    if abs(number) < 1e300:
        assert duration_text(number).rstrip("smhind ")
    if 0 < number < 1e300:
        assert rate_text(float(number), "x").endswith(("x/s", "x/min", "x/h"))
