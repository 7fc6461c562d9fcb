"""How messages speak of the functions of a flow's author, and where in the author's files something went wrong."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def describe(function: Callable[..., Any]) -> str:
    """How a message calls a function: ``compute_rate()``, ``json.loads()``."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    if name.endswith("<lambda>"):
        return "a lambda"
    module = getattr(function, "__module__", None)
    prefix = "" if module in (None, "__main__", "builtins") else f"{module}."
    return f"{prefix}{name.rpartition('<locals>.')[2]}()"


def place_of_function(function: Callable[..., Any]) -> tuple[int | None, str | None]:
    """Line and file where a function is defined, as far as they are known."""
    code = getattr(function, "__code__", None)
    return (None, None) if code is None else (code.co_firstlineno, code.co_filename)


def place_in_user_code(error: BaseException) -> tuple[int | None, str | None]:
    """Line and file, in code neither of ours nor of a library, where `error` or what led to it was raised."""
    import os

    libraries = (os.path.dirname(os.__file__) + os.sep, os.path.dirname(os.path.dirname(__file__)) + os.sep, "<")
    place: tuple[int | None, str | None] = (None, None)
    frame = error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if not file.startswith(libraries) and f"{os.sep}site-packages{os.sep}" not in file:
            place = (frame.tb_lineno, file)
        frame = frame.tb_next
    return place


def tell_failure(function: Callable[..., Any], error: BaseException) -> str:
    """What a function raised, and where: ``parse() failed in file flow.py on line 3: ValueError: no number``."""
    line, file = place_in_user_code(error)
    where = f" in file {file} on line {line}" if file is not None else ""
    return f"{describe(function)} failed{where}: {type(error).__name__}: {error}"
