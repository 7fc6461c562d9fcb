"""Points in time and durations, written and read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from metaflow.cli.times import ago, clock, iso
from metaflow.client.times import moment_of, span

NOW = datetime(2026, 3, 15, 12, 0).timestamp()
moments = st.integers(0, 4_000_000_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7 days", datetime(2026, 3, 8, 12, 0)),
        ("1 day ago", datetime(2026, 3, 14, 12, 0)),
        ("90m", datetime(2026, 3, 15, 10, 30)),
        ("1.5 hours", datetime(2026, 3, 15, 10, 30)),
        ("2 weeks ago", datetime(2026, 3, 1, 12, 0)),
        ("30s", datetime(2026, 3, 15, 11, 59, 30)),
        ("Today", datetime(2026, 3, 15)),
        ("yesterday", datetime(2026, 3, 14)),
        ("2026-01-31", datetime(2026, 1, 31)),
        ("2026-01-31T15:00", datetime(2026, 1, 31, 15)),
        ("2026-01-31T15:00:00Z", datetime(2026, 1, 31, 15, tzinfo=timezone.utc)),
        ("2026-01-31 15:00:00+02:00", datetime(2026, 1, 31, 15, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_what_people_write(text, moment):
    # Local hours may be missing or doubled where clocks change; a whole day off is what this is about.
    assert abs(moment_of(text, NOW) - moment.timestamp()) <= 3600


@pytest.mark.parametrize("text", ["", "soon", "7 parsecs", "2026-13-01", "days", "-1 day"])
def test_what_is_no_point_in_time(text):
    with pytest.raises(ValueError):
        moment_of(text, NOW)


@given(moments)
def test_what_is_printed_can_be_read(seconds):
    assert moment_of(iso(seconds), NOW) == seconds
    assert datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") == clock(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3725, "1 h 2 min"),
        (59.9, "1 min 0 s"),
        (3599.9, "1 h 0 min"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (-5, "now"),
        (0.5, "now"),
        (1, "1 second ago"),
        (119, "119 seconds ago"),
        (120, "2 minutes ago"),
        (7200, "2 hours ago"),
        (86400 * 2, "2 days ago"),
        (86400 * 400, "400 days ago"),
    ],
)
def test_how_long_ago(passed, text):
    assert ago(NOW - passed, NOW) == text
