"""Points in time as people give them, and durations as people read them."""

from __future__ import annotations

from metaflow.exception import InvalidQueryException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date, datetime, timedelta
    from typing import TypeAlias

    #: A datetime, a date, a timedelta (so long ago), or a text such as "2024-05-01", "7 days" or "2 hours ago".
    Moment: TypeAlias = "datetime | date | timedelta | str"

_SECONDS = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
    "week": 7 * 86400.0,
}


def moment(given: Moment, where: str) -> float:
    """Give a point in time as seconds since the epoch.

    Parameters
    ----------
    given : datetime, date, timedelta or str
        The time. Without a time zone it is local time. A timedelta, or a text such as ``"7 days"``, is a time so long
        ago.
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
            ago = _seconds_ago(found)
            found = _parsed(found) if ago is None else timedelta(seconds=ago)
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


def _seconds_ago(text: str) -> float | None:
    words = text.lower().split()
    if len(words) == 3 and words[2] == "ago":
        del words[2]
    if len(words) != 2 or words[1].removesuffix("s") not in _SECONDS:
        return None
    try:
        return float(words[0]) * _SECONDS[words[1].removesuffix("s")]
    except ValueError:
        return None


def _parsed(text: str) -> datetime | None:
    from datetime import datetime

    trimmed = text.strip()
    try:
        # Python 3.10 does not know the letter for UTC.
        return datetime.fromisoformat(trimmed[:-1] + "+00:00" if trimmed[-1:] in ("Z", "z") else trimmed)
    except ValueError:
        return None


def duration_text(seconds: float | None) -> str:
    """Show how long something took, such as ``1 h 2 min``; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    first = next(place for place, (_, size) in enumerate(units) if whole >= size)
    shown = []
    for name, size in units[first : first + 2]:
        count, whole = divmod(whole, size)
        if count:
            shown.append(f"{count} {name}")
    return " ".join(shown)
