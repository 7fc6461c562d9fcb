"""Positions in lists, as they go through the interface: what a cursor holds, and what it must hold."""

from __future__ import annotations

import base64
import binascii
from math import isfinite
from typing import TYPE_CHECKING, Any

from metaflow.server.answers import encode, read_json
from metaflow.server.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_cursor(position: Sequence[Any]) -> str:
    """A position as text that may stand in an address."""
    return base64.urlsafe_b64encode(encode(list(position)).encode("ascii")).decode("ascii").rstrip("=")


def from_cursor(cursor: str) -> list[Any]:
    """The position that :func:`to_cursor` wrote.

    Raises
    ------
    Refusal
        It wrote nothing like that.
    """
    try:
        position = read_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise _not_given_here() from error
    if not isinstance(position, list):
        raise _not_given_here()
    return position


def check_run_position(position: Sequence[Any], is_sorted: bool) -> None:
    """See that a position fits a list of runs: (started_at, flow, run_id), behind what it is sorted by.

    Raises
    ------
    Refusal
        It does not.
    """
    place = position[1:] if is_sorted else position
    if len(place) != 3 or not (_is_time(place[0]) and isinstance(place[1], str) and isinstance(place[2], str)):
        raise _not_given_here()


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e15


def _not_given_here() -> Refusal:
    return Refusal(422, "invalid", "The cursor is none that the service gave for a list in this order. Leave it out.")
