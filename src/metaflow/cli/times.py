"""Points in time and durations: as people write and read them, and as programs do."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import click

_UNITS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
_AGO = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+?)s?(?:\s+ago)?")
_SPANS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
_PAST = ((86400 * 2, 86400, "day"), (3600 * 2, 3600, "hour"), (60 * 2, 60, "minute"), (0, 1, "second"))


def moment_of(text: str, now: float) -> float:
    """The point in time that a text means, in seconds since the epoch.

    Parameters
    ----------
    text : str
        A date or a time in ISO form, local unless it has a time zone; ``today``, ``yesterday``; or a time that has
        passed since then, such as ``7 days`` or ``90m``.
    now : float
        The time, in seconds since the epoch.

    Raises
    ------
    ValueError
        It is none of these.
    """
    plain = text.strip().lower()
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if plain in ("today", "yesterday"):
        return (today - timedelta(days=plain == "yesterday")).timestamp()
    ago = _AGO.fullmatch(plain)
    if ago is not None and ago["unit"] in _UNITS:
        return now - float(ago["number"]) * _UNITS[ago["unit"]]
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip())).timestamp()


class Moment(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """An option that is a point in time: see :func:`moment_of`."""

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


def span(seconds: float | None) -> str:
    """A duration in its two largest units; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, smaller, smaller_name in _SPANS:
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller} {smaller_name}"
    return f"{whole} s"
