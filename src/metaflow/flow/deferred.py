"""Values that a flow names before they are known.

``cfg.model.rate`` in a class body, a decorator's arguments or a parameter's default runs when the flow's file is
imported, and the config is read later. So it gives a :class:`Deferred`: a note of what was written, which
:mod:`~metaflow.flow.resolution` turns into a value once the configs are known.
"""

from __future__ import annotations

import sys

from ..exception import ConfigException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Any

    from .configs import ConfigDeclaration
    from .spec import FlowSpec

#: Begins the key under which ``**cfg.section`` arrives where it was unpacked.
UNPACKED = "**"

_CONTAINERS = (dict, list, tuple, set, frozenset)


class Expression:
    """What ``config_expr`` was given.

    Attributes
    ----------
    text : str
    code : code or str
        As text, why it is no expression: that is told where an error can be shown as one.
    names : dict
        The global names of the module that it stands in.
    """

    __slots__ = ("code", "names", "text")

    def __init__(self, text: str, code: CodeType | str, names: dict[str, Any]) -> None:
        self.text = text
        self.code = code
        self.names = names


class Deferred:
    """A config, a part of one, or an expression over configs, whose value is not known yet.

    Attribute and item access give further ones, ``**`` unpacks what will be a section. Everything that would need the
    value now is refused. It has no public attributes of its own, so that no key of a config is hidden.

    Parameters
    ----------
    origin : ConfigDeclaration or Expression
        Where the value comes from.
    steps : tuple of (bool, object)
        The way from there: whether it was written as an attribute, and its key.
    line : int
    file : str
        Where it was written.
    """

    __slots__ = ("_file", "_line", "_origin", "_steps")

    def __init__(
        self, origin: ConfigDeclaration | Expression, steps: tuple[tuple[bool, Any], ...], line: int, file: str
    ) -> None:
        self._origin = origin
        self._steps = steps
        self._line = line
        self._file = file

    def __getattr__(self, name: str) -> Any:
        # Names with an underscore are what Python and its libraries look for in any object; write cfg["_x"] instead.
        if name.startswith("_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        caller = sys._getframe(1)
        return Deferred(self._origin, (*self._steps, (True, name)), caller.f_lineno, caller.f_code.co_filename)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key.startswith(UNPACKED):
            return self
        caller = sys._getframe(1)
        return Deferred(self._origin, (*self._steps, (False, key)), caller.f_lineno, caller.f_code.co_filename)

    def keys(self) -> list[str]:
        """What ``**`` asks for: one key, in whose place the section's own will come."""
        return [UNPACKED + text_of(self)]

    def __get__(self, flow: FlowSpec | None, owner: type | None = None) -> Any:
        """In a task, the value is among the flow's own attributes; this is for a flow object that stands alone."""
        if flow is None:
            return self
        from .resolution import configs_of_object, resolve

        return resolve(self, configs_of_object(flow), f"{owner.__name__ if owner else 'the flow'}")

    def __repr__(self) -> str:
        return f"<{text_of(self)}, known when the flow starts>"

    def __bool__(self) -> bool:
        raise self._too_early("tested")

    def __iter__(self) -> Iterator[Any]:
        raise self._too_early("iterated over")

    def __str__(self) -> str:
        raise self._too_early("made into text")

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        raise self._too_early("compared")

    __hash__ = object.__hash__

    def _compute(self, *_: Any) -> Any:
        raise self._too_early("computed with")

    __lt__ = __le__ = __gt__ = __ge__ = _compute
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _compute
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __or__ = __ror__ = __neg__ = _compute
    __int__ = __float__ = _compute

    def _too_early(self, what: str) -> ConfigException:
        text = text_of(self)
        caller = sys._getframe(2)
        return ConfigException(
            f"`{text}` cannot be {what} here: configs are read when the flow starts, and this line runs earlier, when "
            f"the file is imported. Write what you need of it as an expression, such as config_expr('{text} ...'), or "
            "do it in a step.",
            caller.f_lineno,
            caller.f_code.co_filename,
        )


def text_of(deferred: Deferred) -> str:
    """What was written, such as ``cfg.model['rate']``."""
    return text_of_steps(deferred._origin, deferred._steps)


def text_of_steps(origin: ConfigDeclaration | Expression, steps: tuple[tuple[bool, Any], ...]) -> str:
    """An origin and a way from there, as source."""
    text = f"config_expr({origin.text!r})" if isinstance(origin, Expression) else origin.attribute
    return text + "".join(f".{key}" if is_attribute else f"[{key!r}]" for is_attribute, key in steps)


def holds_deferred(value: object) -> bool:
    """Whether `value` is a :class:`Deferred`, or built-in containers in it hold one."""
    pending: list[Any] = [value]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, Deferred):
            return True
        if type(part) in _CONTAINERS and id(part) not in seen:
            seen.add(id(part))
            pending.extend(part.values() if isinstance(part, dict) else part)
    return False


def config_expr(expr: str) -> Any:
    """An expression over configs, evaluated when the flow starts.

    Parameters
    ----------
    expr : str
        A Python expression. It sees the flow's configs by their names, and the global names of the module it is
        written in.

    Returns
    -------
    object
        For use in the arguments of decorators, in class bodies, and as the default or another field of a parameter.
        Attributes and items can be taken of it, and it can be unpacked with ``**``.

    Raises
    ------
    ConfigException
        If it is no text.

    Examples
    --------
    >>> class Train(FlowSpec):
    ...     cfg = Config("cfg", default="config.json")
    ...
    ...     @resources(memory=config_expr("cfg.rows // 1000 + 512"))
    ...     @step
    ...     def start(self): ...
    """
    caller = sys._getframe(1)
    line, file = caller.f_lineno, caller.f_code.co_filename
    if not isinstance(expr, str):
        raise ConfigException(f"config_expr takes an expression as text, not {expr!r}.", line, file)
    text = expr.strip()
    code: CodeType | str
    try:
        code = compile(text, f"<config_expr {text!r}>", "eval")
    except (SyntaxError, ValueError) as error:
        code = str(error.msg if isinstance(error, SyntaxError) else error)
    return Deferred(Expression(text, code, caller.f_globals), (), line, file)
