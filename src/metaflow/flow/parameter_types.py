"""What the value of a parameter can be: text from a command line or an object goes in, a checked value comes out.

Nothing here knows of click. The command line gives its options a type that asks these; a type that a flow takes from
click itself is an :class:`OtherType`, which the command line hands to click as it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PLAIN_TYPES = (str, int, float, bool)
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}


class ValueType:
    """One kind of value.

    Attributes
    ----------
    name : str
        Short name, such as ``int``, for whoever reads the graph of a run.
    metavar : str
        What stands for a value in ``--help``.
    choices : tuple of str
        All texts that are accepted, if they can be listed.
    """

    name = "str"
    metavar = "TEXT"
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Any:
        """Value that `text` on a command line stands for.

        Raises
        ------
        ValueError
            If it stands for none; its text is a sentence that says so.
        """
        raise NotImplementedError

    def accept(self, value: Any) -> Any:
        """Value that an object in Python code, such as a declared default, stands for.

        Raises
        ------
        ValueError
            If it stands for none; its text is a sentence that says so.
        """
        raise NotImplementedError

    def accept_computed(self, value: Any) -> Any:
        """Like :meth:`accept` for what a function returned; stricter where a wrong type hints at a mistake."""
        return self.accept(value)

    def show(self, value: Any) -> str:
        """Text that stands for `value` on a command line."""
        return str(value)


class PlainType(ValueType):
    """``str``, ``int``, ``float`` or ``bool``."""

    def __init__(self, python_type: type) -> None:
        self.python_type = python_type
        self.name = python_type.__name__
        self.metavar = {str: "TEXT", int: "INTEGER", float: "FLOAT", bool: "BOOLEAN"}[python_type]

    def parse(self, text: str) -> Any:
        """Value that `text` stands for; booleans as ``true``, ``yes``, ``on``, ``1`` and their opposites."""
        try:
            if self.python_type is bool:
                return _BOOLEANS[text.strip().lower()]
            return self.python_type(text)
        except (KeyError, ValueError):
            raise ValueError(f"{text!r} is not a valid {_NOUNS[self.name]}.") from None

    def accept(self, value: Any) -> Any:
        """`value` as this type, if nothing is lost by that."""
        if isinstance(value, self.python_type):
            return value
        if isinstance(value, str):
            return self.parse(value)
        if self.python_type is not bool or value in (0, 1):
            try:
                converted = self.python_type(value)
            except (TypeError, ValueError, OverflowError):
                converted = None
            if converted is not None and (self.python_type is str or converted == value):
                return converted
        raise ValueError(f"{value!r} is not a valid {_NOUNS[self.name]}.")

    def accept_computed(self, value: Any) -> Any:
        """`value`, which has to be of this type; an integer is a float as well."""
        if self.python_type is float and type(value) is int:
            return float(value)
        if not isinstance(value, self.python_type) or (self.python_type is int and isinstance(value, bool)):
            raise ValueError(f"{value!r} is not of type {self.name}.")
        return value


_NOUNS = {"str": "text", "int": "integer", "float": "float", "bool": "boolean"}


class JSONTypeClass(ValueType):
    """Values that JSON can write: objects, lists, texts, numbers, true, false and null.

    Use its instance: ``Parameter("layers", type=JSONType, default=[64, 32])``.
    """

    name = "JSON"
    metavar = "JSON"

    def __repr__(self) -> str:
        return "JSON"

    def parse(self, text: str) -> Any:
        """What the JSON in `text` says."""
        import json

        try:
            return json.loads(text)
        except ValueError as error:
            shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
            raise ValueError(f"{shown!r} is not valid JSON: {error}.") from None
        except RecursionError:
            raise ValueError("it is not valid JSON: it is nested too deeply.") from None

    def accept(self, value: Any) -> Any:
        """`value` as it is after a journey through JSON; a text is taken for JSON itself."""
        if isinstance(value, str):
            try:
                return self.parse(value)
            except ValueError as error:
                raise ValueError(f"{error} The text itself would be written '{self.show(value)}'.") from None
        import json

        try:
            return json.loads(json.dumps(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{value!r} cannot be written as JSON: {error}.") from None

    def show(self, value: Any) -> str:
        """JSON text of `value`."""
        import json

        return json.dumps(value, ensure_ascii=False)


_SHOWN_CHARACTERS = 60

#: Type of parameters whose value is given as JSON.
JSONType = JSONTypeClass()


class ChoiceType(ValueType):
    """One of a few values, each with the text that stands for it.

    Parameters
    ----------
    name : str
    values : dict of str to object
        Value of each text, in the order in which they are listed.
    aliases : dict of str to object
        Further texts, which are accepted but not listed.
    """

    def __init__(self, name: str, values: dict[str, Any], aliases: dict[str, Any] | None = None) -> None:
        self.name = name
        self.choices = tuple(values)
        self.metavar = f"[{'|'.join(values)}]"
        self._values = values
        self._aliases = aliases or {}

    @classmethod
    def of_literal(cls, literal: Any) -> ChoiceType:
        """The values of a ``typing.Literal``."""
        from typing import get_args

        values: dict[str, Any] = {}
        for value in get_args(literal):
            if not isinstance(value, str | int):
                raise ValueError(f"{value!r} cannot be chosen on a command line; use texts, integers and booleans.")
            if str(value) in values:
                raise ValueError(f"two of its values are both written {str(value)!r}.")
            values[str(value)] = value
        return cls(str(literal).replace("typing.", ""), values)

    @classmethod
    def of_enum(cls, enum: Any) -> ChoiceType:
        """The members of an ``enum.Enum``, by their names."""
        members = {member.name: member for member in enum}
        if not members:
            raise ValueError(f"{enum.__name__} has no members to choose from.")
        return cls(enum.__name__, members, dict(enum.__members__))

    def parse(self, text: str) -> Any:
        """Value that `text` is the name of."""
        if text in self._values:
            return self._values[text]
        if text in self._aliases:
            return self._aliases[text]
        raise ValueError(not_one_of(text, self.choices))

    def accept(self, value: Any) -> Any:
        """`value` if it is one of the values; or the one that a text is the name of."""
        for known in self._values.values():
            if known is value or (type(known) is type(value) and known == value):
                return known
        if isinstance(value, str):
            return self.parse(value)
        raise ValueError(not_one_of(value, self.choices))

    def show(self, value: Any) -> str:
        """Name of `value`."""
        return next((text for text, known in self._values.items() if known is value), str(value))


class OtherType(ValueType):
    """A type that click understands: one of click's own or derived from them, or a function of a text."""

    def __init__(self, declared: Any) -> None:
        self.declared = declared
        of_click = getattr(declared, "name", None) if not isinstance(declared, type) else None
        self.name = str(of_click or getattr(declared, "__name__", declared))

    @property
    def is_of_click(self) -> bool:
        """Whether only click knows what to do with it; otherwise it is a function of a text."""
        return hasattr(self.declared, "convert") or not callable(self.declared)

    def parse(self, text: str) -> Any:
        """What the type makes of `text`."""
        return self.accept(text)

    def accept(self, value: Any) -> Any:
        """What the type makes of `value`."""
        convert = getattr(self.declared, "convert", None)
        if convert is None and (self.is_of_click or not isinstance(value, str)):
            return value
        try:
            return self.declared(value) if convert is None else convert(value, None, None)
        except Exception as error:  # whatever the user's type raises means that it does not take the value
            message = getattr(error, "message", None)
            raise ValueError(message or f"{value!r} is not accepted: {type(error).__name__}: {error}") from error

    def check_default(self, value: Any) -> None:
        """Refuse a default that is none of the type's choices.

        Other types are not asked before the value is needed: what they say may depend on the time and the place.
        """
        if hasattr(self.declared, "choices"):
            self.accept(value)


def value_type(declared: Any, default: Any) -> ValueType:
    """Type of a parameter with this declared type, or else this default.

    Parameters
    ----------
    declared : object
        As the flow gives it: None, a Python type, :data:`JSONType`, a ``Literal``, an ``Enum``, or what click takes.
    default : object
        A value, or None.

    Raises
    ------
    ValueError
        If it cannot be the type of a parameter.
    """
    if declared is None:
        declared = _type_of(default)
    if isinstance(declared, ValueType):
        return declared
    if declared in _PLAIN_TYPES:
        return PlainType(declared)
    if declared is JSONTypeClass or declared in (list, dict):
        return JSONType
    from enum import EnumMeta
    from typing import Literal, get_origin

    if get_origin(declared) is Literal:
        return ChoiceType.of_literal(declared)
    if isinstance(declared, EnumMeta):
        return ChoiceType.of_enum(declared)
    if not callable(declared) and not hasattr(declared, "convert") and not isinstance(declared, tuple):
        raise ValueError(
            "use str, int, float, bool, JSONType, a Literal[...], an Enum, or a type of click such as "
            f"click.IntRange(0, 10), not {declared!r}."
        )
    return OtherType(declared)


def type_of_elements(declared: Any, defaults: Iterable[Any]) -> ValueType:
    """Like :func:`value_type` for a parameter of several values; without a type, all defaults have to agree on one."""
    types = {_type_of(default) for default in defaults} if declared is None else set()
    return value_type(types.pop() if len(types) == 1 else declared, None)


def _type_of(default: Any) -> Any:
    """Type of a parameter that has this default and none of its own."""
    if default is None:
        return str
    if isinstance(default, list | dict | tuple | set | frozenset):
        return JSONType
    from enum import Enum

    if isinstance(default, Enum):
        return type(default)
    return next((plain for plain in (bool, int, float, str) if isinstance(default, plain)), type(default))


def not_one_of(value: object, choices: Iterable[str]) -> str:
    """Sentence that tells what could have been chosen, and what was probably meant."""
    from difflib import get_close_matches

    known = list(choices)
    folded = {choice.lower(): choice for choice in known}
    close = get_close_matches(str(value).lower(), list(folded), n=1)
    hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
    return f"{value!r} is not one of {', '.join(map(repr, known))}.{hint}"
