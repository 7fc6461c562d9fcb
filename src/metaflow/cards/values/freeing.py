"""Letting go of very many objects, as all the cells of a large table are."""

from __future__ import annotations

from typing import Any

_AT_ONCE = 1_000


def free(values: list[Any]) -> None:
    """Empty a list whose values nobody needs any more, little by little.

    When a list goes that holds the last references to its values, all of them are freed in one call, for which other
    threads wait: ten milliseconds for a million cells.
    """
    while values:
        del values[-_AT_ONCE:]
