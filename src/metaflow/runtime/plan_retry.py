"""Which attempt follows a failed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..flow.retries import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flow.retries import Retries


class Retry(NamedTuple):
    """The attempt that follows a failed one.

    Attributes
    ----------
    attempt : int
        Its number, counting from 0.
    delay_seconds : float
        How long to wait before it.
    fallback : bool
        Whether it only records the failure, without running the user's code.
    """

    attempt: int
    delay_seconds: float
    fallback: bool


class RetryPolicy(NamedTuple):
    """How often a step's tasks are tried again.

    Attributes
    ----------
    user_retries : int
        Further attempts that run the user's code (``@retry``).
    error_retries : int
        Attempts after those that only record the failure (``@catch``).
    delay_seconds : float
        Wait before a further attempt of the user's code. The others start at once.
    """

    user_retries: int = 0
    error_retries: int = 0
    delay_seconds: float = 0.0

    @classmethod
    def combine(cls, declared: Iterable[Retries]) -> RetryPolicy:
        """The policy of a step whose decorators declare `declared`: the largest of each demand."""
        asked = list(declared)
        return cls(
            max((retries.user for retries in asked), default=0),
            max((retries.fallback for retries in asked), default=0),
            max((retries.delay_seconds for retries in asked), default=0.0),
        )

    def after(self, attempt: int) -> Retry | None:
        """The attempt that follows when `attempt` (counting from 0) failed; None to give up."""
        following = attempt + 1
        if following > self.user_retries + self.error_retries or following >= MAX_ATTEMPTS:
            return None
        fallback = following > self.user_retries
        return Retry(following, 0.0 if fallback else self.delay_seconds, fallback)


#: Policy of a step without ``@retry`` and ``@catch``.
NO_RETRIES = RetryPolicy()
