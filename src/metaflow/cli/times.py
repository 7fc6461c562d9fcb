"""Points in time on a command line: as people write and read them, and as programs do."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import click

from ..client.times import moment_of

_PAST = ((86400 * 2, 86400, "day"), (3600 * 2, 3600, "hour"), (60 * 2, 60, "minute"), (0, 1, "second"))


class Moment(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """An option that is a point in time: see :func:`~metaflow.client.times.moment_of`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The point in time that an argument means."""
        if isinstance(value, float):
            return value
        try:
            return moment_of(value, time.time())
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"'{value}' is no point in time. Write a date or a time such as 2026-01-31 or 2026-01-31T15:00, "
                "'yesterday', or how long ago, such as '7 days' or 90m.",
                param,
                ctx,
            )


def iso(seconds: float | None) -> str | None:
    """A point in time for programs: ISO 8601, in UTC, to the millisecond; None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def clock(seconds: float) -> str:
    """A point in time for people: local, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def ago(seconds: float, now: float) -> str:
    """How long ago a point in time was; a point of the future is `now`."""
    passed = now - seconds
    if passed < 1:
        return "now"
    size, name = next((size, name) for least, size, name in _PAST if passed >= least)
    count = int(passed // size)
    return f"{count} {name}{'s' if count != 1 else ''} ago"
