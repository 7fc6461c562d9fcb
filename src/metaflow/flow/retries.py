"""How often a task is tried again: what decorators ask for, and what is allowed."""

from __future__ import annotations

from typing import NamedTuple

#: Attempts of one task, fallbacks included.
MAX_ATTEMPTS = 6


class Retries(NamedTuple):
    """Attempts that a decorator asks for, beyond the first.

    Attributes
    ----------
    user : int
        Further attempts that run the user's code.
    fallback : int
        Attempts after those, without the user's code.
    delay_seconds : float
        Wait before each further attempt of the user's code.
    """

    user: int = 0
    fallback: int = 0
    delay_seconds: float = 0.0
