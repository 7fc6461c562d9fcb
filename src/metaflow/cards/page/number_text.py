"""Numbers, durations and moments as people read them."""

from __future__ import annotations

import time
from typing import Any

_LARGEST_IN_FULL = 1e15
_SMALLEST_IN_FULL = 1e-4
#: Seconds of a unit of time, with its name, and the unit below it that is told as well.
_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
#: What is slower is counted in a longer time.
_RATES = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))


def number_text(number: float) -> str:
    """A number, with its thousands separated and no more digits than tell something.

    Parameters
    ----------
    number : int or float

    Returns
    -------
    str
        In full up to 10^15, else as ``1.234e+20``.
    """
    if abs(number) >= _LARGEST_IN_FULL:
        try:
            return f"{float(number):.4g}"
        except OverflowError:
            return "-1e+308 or less" if number < 0 else "1e+308 or more"
    if isinstance(number, int):
        return f"{number:,}"
    if abs(number) >= 1000:
        return f"{number:,.2f}".rstrip("0").rstrip(".")
    if number and abs(number) < _SMALLEST_IN_FULL:
        return f"{number:.4g}"
    return f"{number:.6g}"


def duration_text(seconds: float) -> str:
    """A duration in its largest unit and the next one, such as ``3 min 20 s``."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 10:
        return f"{sign}{seconds:.2g} s" if seconds < 1 else f"{sign}{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, name, smaller, name_of_smaller in _UNITS:
        if whole >= size:
            rest = whole % size // smaller
            return f"{sign}{whole // size:,} {name}" + (f" {rest} {name_of_smaller}" if rest else "")
    return f"{sign}{whole} s"


def rate_text(per_second: float, unit: str) -> str:
    """How many of a unit there are in a second, a minute or an hour, such as ``3.4 epochs/min``."""
    for seconds, name in _RATES:
        rate = per_second * seconds
        if rate >= 1 or name == "h":
            break
    # A speed that is measured is not known to more than three digits.
    shown = f"{rate:.3g}" if rate < 1000 else f"{rate:,.0f}"
    return f"{shown} {unit}/{name}" if unit else f"{shown} per {name}"


def moment_html(moment: Any) -> str:
    """A moment as a ``time`` element, which the page's script writes in the time zone of the reader.

    Parameters
    ----------
    moment : float or str
        Seconds since the epoch, or a date and time as ISO 8601 has them.

    Returns
    -------
    str
        HTML; empty if it is no moment.
    """
    seconds = _seconds(moment)
    if seconds is None:
        return ""
    parts = time.gmtime(seconds)
    exact = time.strftime("%Y-%m-%dT%H:%M:%S", parts) + f".{int(seconds % 1 * 1000):03d}Z"
    shown = time.strftime("%Y-%m-%d %H:%M:%S", parts)
    return f'<time class="mf-moment" datetime="{exact}" title="{shown} UTC">{shown} UTC</time>'


def _seconds(moment: Any) -> float | None:
    try:
        if isinstance(moment, str):
            from datetime import datetime, timezone

            read = datetime.fromisoformat(moment.strip().replace("Z", "+00:00"))
            seconds = (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()
        else:
            seconds = float(moment)
            # From about the year 5000 on, it is rather milliseconds that are meant.
            seconds = seconds / 1000 if seconds > 1e11 else seconds
        time.gmtime(seconds)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return seconds
