"""Cron expressions and time zones: what a schedule is written with."""

from __future__ import annotations

import re
from typing import NamedTuple

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_STEP = re.compile(r"(.*)/(\d+)").fullmatch
_RANGE = re.compile(r"([^-]+)-([^-]+)").fullmatch


class _Field(NamedTuple):
    """One field: what it is called, its smallest and largest number, names for numbers, and marks of its own."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: str = "(?!)"

    def is_value(self, text: str) -> bool:
        """Whether `text` is a name or a number that the field can hold."""
        return text.upper() in self.names or (text.isdecimal() and self.low <= int(text) <= self.high)

    def holds(self, item: str) -> bool:
        """Whether `item`, one of a list, can stand in the field."""
        stepped = _STEP(item)
        if stepped:
            item = stepped[1]
            if int(stepped[2]) == 0:
                return False
        if item == "*" or re.fullmatch(self.special, item, re.IGNORECASE):
            return True
        span = _RANGE(item)
        if span:
            return self.is_value(span[1]) and self.is_value(span[2])
        return self.is_value(item)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, special=r"\?|L(-\d+)?|LW|\d{1,2}W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS, special=r"\?|L|[0-7]L|([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]"),
    _Field("year", 1970, 2199),
)


def check_cron(text: object) -> None:
    """Check that a text can be a cron expression: five fields, or six with the year as Amazon writes them.

    Parameters
    ----------
    text : object
        Such as ``"0 10 * * ? *"``: minute, hour, day of the month, month, day of the week, and maybe year.

    Raises
    ------
    ValueError
        If it cannot; the message says what is wrong with which field.
    """
    if not isinstance(text, str):
        raise ValueError(f"it should be a text such as '30 6 ? JAN MON', not {type(text).__name__}")
    fields = text.split()
    if not len(_FIELDS) - 1 <= len(fields) <= len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS[:-1])
        raise ValueError(f"it has {len(fields)} fields instead of 5 or 6: {names}, and maybe year")
    for field, content in zip(_FIELDS, fields):
        for item in content.split(","):
            if not field.holds(item):
                names = f" or {', '.join(field.names)}" if field.names else ""
                raise ValueError(
                    f"'{item}' cannot stand for the {field.name}, which is an asterisk, or numbers from {field.low} to "
                    f"{field.high}{names}, with - , and / between them"
                )


def check_timezone(name: object) -> None:
    """Check that a time zone exists.

    Parameters
    ----------
    name : object
        Such as ``"Europe/Berlin"``.

    Raises
    ------
    ValueError
        If it does not; the message names similar ones.
    """
    from zoneinfo import ZoneInfo, available_timezones

    if not isinstance(name, str) or not name:
        raise ValueError(f"it should be a name such as 'Europe/Berlin', not {name!r}")
    try:
        ZoneInfo(name)
    except Exception as error:  # a name can also be one of a directory, or hold a null byte
        known = available_timezones()
        if not known:  # this machine has no data about time zones; whatever runs the schedule will know
            return
        from difflib import get_close_matches

        close = get_close_matches(name, known, n=3)
        hint = f"similar ones are {', '.join(close)}" if close else "write it as in 'Europe/Berlin'"
        raise ValueError(f"there is no time zone '{name}'; {hint}") from error
