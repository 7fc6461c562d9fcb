"""Trying again what failed for the moment, and failing on purpose to see that it is."""

from __future__ import annotations

from typing import TypeVar

from metaflow import settings
from metaflow.exception import MetaflowS3Exception

from .bucket import TryAgain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

_LONGEST_PAUSE = 60.0


class Patience:
    """How often is tried again, and after how long.

    Requests are repeated already where they are made, for some seconds; this is for servers that stay too busy.

    Parameters
    ----------
    failure_rate : float
        Percentage of tries that are made to fail.
    """

    def __init__(self, failure_rate: float = 0) -> None:
        if not (isinstance(failure_rate, (int, float)) and failure_rate >= 0):
            raise MetaflowS3Exception(f"inject_failure_rate should be a percentage, but it is {failure_rate!r}.")
        asked = max(float(failure_rate), float(settings.get("S3_TEST_RETRYABLE_FAILURES")))
        # Short of failing for good, most of what is tried as often as we do should succeed.
        self._rate = asked if asked >= 100 else min(90.0, asked)
        self._first_fails = bool(settings.get("TEST_S3_RETRY"))
        self._tries = max(0, settings.get("S3_TRANSIENT_RETRY_COUNT"))
        self._tell = bool(settings.get("S3_LOG_TRANSIENT_RETRIES"))

    def insist(self, action: str, url: str, call: Callable[[], _Result], may_fail: bool = True) -> _Result:
        """Call, again and again as long as that can help.

        Parameters
        ----------
        action : str
            What is attempted, for messages.
        url : str
            What it is done to.
        call : callable
            Raises TryAgain to be called again.
        may_fail : bool
            Whether it is one of those that are made to fail, if any are.

        Raises
        ------
        MetaflowS3Exception
            What the last try ended with.
        """
        tries = 0
        while True:
            try:
                if may_fail and (self._rate or self._first_fails):
                    self._fail_perhaps(action, url, tries)
                return call()
            except TryAgain as error:
                if tries >= self._tries:
                    raise error.final from None
                tries += 1
                seconds = _pause(tries) if error.pause else 0.0
                if self._tell:
                    self._log(error, tries, seconds)
            if seconds:
                import time

                time.sleep(seconds)

    def _fail_perhaps(self, action: str, url: str, tries: int) -> None:
        from random import SystemRandom  # the others' numbers belong to the user, who may have seeded them

        if (self._first_fails and tries == 0) or SystemRandom().uniform(0, 100) < self._rate:
            final = MetaflowS3Exception(
                f"Cannot {action} {url}: it was made to fail {tries + 1} times (inject_failure_rate, "
                "METAFLOW_S3_TEST_RETRYABLE_FAILURES or METAFLOW_TEST_S3_RETRY)."
            )
            raise TryAgain(final, pause=False)

    def _log(self, error: TryAgain, tries: int, seconds: float) -> None:
        import sys

        sys.stderr.write(
            f"[S3] {error.final.message} It is tried again in {seconds:.1f} s ({tries} of {self._tries}).\n"
        )


def _pause(tries: int) -> float:
    """Seconds to wait: longer each time, and not all who failed together as long as each other."""
    from random import SystemRandom

    return SystemRandom().uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 2.0**tries)
