"""``PythonCode``: source code."""

from __future__ import annotations

import os

from metaflow.cards.component import MetaflowCardComponent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PythonCode(MetaflowCardComponent):
    """Source code, with its syntax in colours.

    Parameters
    ----------
    code_func : callable, class or module, optional
        Its source is shown, as it is now, with where it stands: of a function, a method, a step, a lambda, a class.
    code_string : str, optional
        The code itself.

    Examples
    --------
    >>> current.card.append(PythonCode(self.train))
    >>> current.card.append(PythonCode(code_string="x = 1"))
    """

    def __init__(self, code_func: Any = None, code_string: str | None = None) -> None:
        if code_string is not None:
            self._node: dict[str, Any] = {"type": "pythonCode", "code": _without_indentation(str(code_string))}
        elif code_func is None:
            self._node = _log("there is none: PythonCode takes a function as `code_func`, or a text as `code_string`.")
        else:
            self._node = _source_of(code_func)

    def render(self) -> dict[str, Any]:
        """The node: the code, or a log that says why there is none."""
        return self._node


def _source_of(value: Any) -> dict[str, Any]:
    import inspect

    target = _written(value)
    name = getattr(target, "__qualname__", None) or getattr(target, "__name__", repr(target))
    try:
        lines, first = inspect.getsourcelines(target)
    except TypeError:
        return _log(f"{name} has none: it is not written in Python.")
    except Exception:  # also SyntaxError and the like, of files that have changed
        return _log(f"that of {name} is not to be had: it was made by a program, or its file is gone or has changed.")
    code = _without_indentation("".join(lines))
    own_name = getattr(target, "__name__", "")
    is_function = inspect.isfunction(target) and own_name.isidentifier()
    if is_function and f"def {target.__code__.co_name}" not in code:
        return _log(f"that of {name} is not where it was when it was imported: its file has changed since.")
    file = os.path.basename(inspect.getsourcefile(target) or "")
    # The whole of a module begins at its first line, which counts as 0.
    first = max(first, 1)
    where = f"{file}, line {first}" if file and not file.startswith("<") else ""
    return {"type": "pythonCode", "code": code, "first_line": first, **({"label": where} if where else {})}


def _written(value: Any) -> Any:
    """What there is source of: the function inside of what was made of it."""
    import functools
    import inspect

    for _ in range(32):
        if isinstance(value, functools.partial | functools.partialmethod):
            value = value.func
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, staticmethod | classmethod) or inspect.ismethod(value):
            value = value.__func__
        elif hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        else:
            break
    is_written = inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)
    return value if is_written else type(value)


def _without_indentation(code: str) -> str:
    from textwrap import dedent

    return dedent(code).strip("\n")


def _log(reason: str) -> dict[str, Any]:
    return {"type": "log", "data": f"Source code: {reason}"}
