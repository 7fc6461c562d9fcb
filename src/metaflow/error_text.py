"""Errors of user code as text."""

from __future__ import annotations

import os

#: What the files of this package begin with.
OWN_FILES = os.path.dirname(os.path.abspath(__file__)) + os.sep


def text_of(error: BaseException) -> str:
    """The text of an error, also of one whose own ``__str__`` fails."""
    try:
        return str(error)
    except Exception as failure:
        return f"<its text could not be made: {type(failure).__name__}>"


def format_error(error: BaseException, only_place: bool = False) -> str:
    """Traceback of an error of a step, without our own frames around the user's code.

    Parameters
    ----------
    error : BaseException
    only_place : bool
        Leave out the error itself.

    Returns
    -------
    str
        Lines that end with a newline; empty if only the place is wanted, and it is not in the user's code.
    """
    import traceback

    trace = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    parts = [trace]
    for part in parts:
        kept = [frame for frame in part.stack if not frame.filename.startswith(OWN_FILES)]
        part.stack[:] = kept or (part.stack if not only_place else [])
        # With what it came from, and what it is a group of.
        parts += [each for each in (part.__cause__, part.__context__) if each is not None]
        parts += getattr(part, "exceptions", None) or []
    return "".join(trace.stack.format() if only_place else trace.format())
