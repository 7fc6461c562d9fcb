"""Calling a function in a forked process, for what this one must not do itself."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import TypeVar

from ..exception import MetaflowException, MetaflowInternalError

_Result = TypeVar("_Result")


def call_in_child(function: Callable[[], _Result]) -> _Result:
    """Call a function in a child that is forked for it, and ends with it.

    Parameters
    ----------
    function : callable
        What it returns must be fit for pickling.

    Raises
    ------
    MetaflowException
        What the function raised, if it is one; otherwise one that says that the call failed.
    """
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                pipe.write(_answer(function))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    if not data:
        raise MetaflowInternalError("A process that was to read from the datastore died.")
    succeeded, answer = pickle.loads(data)
    if not succeeded:
        raise answer
    return answer  # type: ignore[no-any-return]


def _answer(function: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps((True, function()))
    except MetaflowException as error:
        plain = MetaflowException(error.message)
        plain.headline = error.headline
        return pickle.dumps((False, plain))
    except BaseException as error:
        return pickle.dumps((False, MetaflowException(f"{type(error).__name__}: {error}")))
