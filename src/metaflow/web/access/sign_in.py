"""Tokens that are good for one sign-in: what a command may put where other users of the machine could see it."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING

from metaflow.server.tokens import find_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaflow.server.tokens import Token

#: Seconds for which a code is good; a browser may take its time to start.
_LIFETIME = 300.0


class OneTimeCodes:
    """Stand for a token, once and for a short time.

    Parameters
    ----------
    token : str
        The token that whoever shows a code is given.
    clock : callable
        Gives the time in seconds.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._clock = clock
        self._valid: dict[bytes, float] = {}

    def make(self) -> str:
        """A new code."""
        code = "once_" + secrets.token_urlsafe(32)
        self._valid[_digest(code)] = self._clock() + _LIFETIME
        return code

    def redeem(self, code: str) -> str | None:
        """The token that a code stands for; None if it is none, or not any more."""
        # By its hash, so that the time that looking takes tells nothing of codes that are there.
        until = self._valid.pop(_digest(code), None)
        return self._token if until is not None and self._clock() <= until else None


def signed_in(tokens: Iterable[Token], codes: OneTimeCodes | None, shown: str) -> tuple[str, Token] | None:
    """The token that somebody shows, or shows a code for, and what is known of it; None if it is not accepted."""
    text = (codes.redeem(shown) if codes is not None else None) or shown
    token = find_token(tokens, text)
    return None if token is None else (text, token)


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).digest()
