"""What a task's log says about its cards: each thing once, however often it happens."""

from __future__ import annotations

import sys

_PREFIX = "[@card WARNING] "
_MOST_LINES = 20


class Notices:
    """Tells things about the cards of one task."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def advise(self, kind: str, message: str) -> None:
        """Say how `current.card` is to be used, if nothing of this kind was said yet and the user wants to hear it."""
        from metaflow import settings

        if not settings.get("CARD_NO_WARNING"):
            self.warn(kind, message)

    def warn(self, kind: str, message: str, error: BaseException | None = None) -> None:
        """Say that something went wrong, if nothing of this kind was said yet.

        Parameters
        ----------
        kind : str
        message : str
        error : BaseException, optional
            What was raised; its traceback, from the user's code on, is shown below.
        """
        if kind in self._told:
            return
        self._told.add(kind)
        text = message
        if error is not None:
            from metaflow.error_text import format_error

            trace = format_error(error).splitlines()
            text += "".join(f"\n    {line}" for line in trace[-_MOST_LINES:])
        tell(text)


def tell(message: str) -> None:
    """Write lines about the cards of this task to its log."""
    try:
        sys.stderr.write("".join(f"{_PREFIX}{line}\n" for line in message.splitlines()))
        sys.stderr.flush()
    except Exception:  # noqa: S110 - the step has closed it, or put something else in its place
        pass
