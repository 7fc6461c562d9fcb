"""Asking before something goes for good, and telling how far a long command is."""

from __future__ import annotations

import sys
import time

import click

#: Seconds between two lines of progress on a terminal.
_INTERVAL_SECONDS = 0.1


class Progress:
    """One line on stderr that is written over, if that is a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._next = 0.0

    def __call__(self, text: str) -> None:
        """Show what is being done."""
        if not sys.stderr.isatty() or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _INTERVAL_SECONDS
        self._shown = True
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def confirmed(question: str, yes: bool) -> bool:
    """Whether to go on: it was said already, or a person at a terminal says so now.

    Parameters
    ----------
    question : str
    yes : bool
        Whether ``--yes`` was given.
    """
    if yes:
        return True
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    return click.confirm(question, default=False, err=True)
