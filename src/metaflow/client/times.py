"""Points in time as people give them, and durations as people read them."""

from __future__ import annotations

import re

from metaflow.exception import InvalidQueryException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date, datetime, timedelta
    from typing import TypeAlias

    #: A datetime, a date, a timedelta (so long ago), or a text such as "2024-05-01", "7 days" or "2 hours ago".
    Moment: TypeAlias = "datetime | date | timedelta | str"

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
    from datetime import datetime, timedelta

    plain = text.strip().lower()
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if plain in ("today", "yesterday"):
        return (today - timedelta(days=plain == "yesterday")).timestamp()
    ago = _AGO.fullmatch(plain)
    if ago is not None and ago["unit"] in _UNITS:
        return now - float(ago["number"]) * _UNITS[ago["unit"]]
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip())).timestamp()


def moment(given: Moment, where: str) -> float:
    """Give a point in time as seconds since the epoch.

    Parameters
    ----------
    given : datetime, date, timedelta or str
        The time. Without a time zone it is local time. A timedelta, or a text such as ``"7 days"``, is a time so long
        ago; see also :func:`moment_of`.
    where : str
        What a message calls it.

    Raises
    ------
    InvalidQueryException
        It is none of these.
    """
    import time
    from datetime import date, datetime, timedelta

    found: object = given
    try:
        if isinstance(found, str):
            try:
                seconds = moment_of(found, time.time())
            except ValueError:
                pass  # said below, as of anything else that is no time
            else:
                datetime.fromtimestamp(seconds)  # raises if no calendar has it
                return seconds
        if isinstance(found, timedelta):
            return time.time() - found.total_seconds()
        if isinstance(found, datetime):
            return found.timestamp()
        if isinstance(found, date):
            return datetime(found.year, found.month, found.day).timestamp()
    except (OverflowError, ValueError, OSError) as error:
        raise InvalidQueryException(f"{where}={given!r} is beyond the times that this computer knows.") from error
    raise InvalidQueryException(
        f"{where}={given!r} is no time. Give a datetime, a text such as '2024-05-01' or '2024-05-01 14:30', or how "
        "long ago it was, as in '7 days', '2 hours', '30 minutes'."
    )


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
