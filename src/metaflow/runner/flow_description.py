"""What the commands of a flow take, as the flow's own command line tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from inspect import Signature


class OptionDescription(NamedTuple):
    """One option, or an argument without a name.

    Attributes
    ----------
    name : str
        What it is called in Python.
    option : str or None
        What it is called on the command line; None for an argument.
    off : str or None
        Of a flag, the option that says no.
    kind : str
        ``value``, ``flag``, ``count`` or ``argument``.
    types : list of str
        Name of the value's type; several for an option that takes several values at once.
    choices : list of str or None
        All values that there are, if they can be listed.
    multiple : bool
        Whether it may be repeated.
    nargs : int
        How many values it takes at once; -1 for any number.
    separator : str or None
        What stands between the values of a list.
    required : bool
    default : dict or None
        The default's ``value``, or its ``text`` if it is no plain data; None if there is none.
    is_parameter : bool
        Whether it is a parameter of the flow.
    hidden : bool
    help : str or None
    """

    name: str
    option: str | None
    off: str | None
    kind: str
    types: list[str]
    choices: list[str] | None
    multiple: bool
    nargs: int
    separator: str | None
    required: bool
    default: dict[str, Any] | None
    is_parameter: bool
    hidden: bool
    help: str | None


class FlowDescription(NamedTuple):
    """What a flow's command line takes.

    Attributes
    ----------
    flow : str
        Name of the flow.
    top_level : list of OptionDescription
        Options before the command.
    commands : dict of str to list of OptionDescription
    error : dict or None
        Why the commands cannot be told: its ``message``, and the ``line`` and ``file`` that it is about.
    sources : list of (str, int, int)
        Files that all this depends on, with their time of modification, in nanoseconds, and their size.
    """

    flow: str
    top_level: list[OptionDescription]
    commands: dict[str, list[OptionDescription]]
    error: dict[str, Any] | None
    sources: list[tuple[str, int, int]]

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FlowDescription:
        """The description that plain data stands for.

        Raises
        ------
        KeyError, TypeError
            If it stands for none.
        """
        return cls(
            content["flow"],
            [OptionDescription(**option) for option in content["top_level"]],
            {
                name: [OptionDescription(**option) for option in options]
                for name, options in content["commands"].items()
            },
            content["error"],
            [(path, modified, size) for path, modified, size in content["sources"]],
        )

    @property
    def has_configs(self) -> bool:
        """Whether what the commands take may depend on the options before them."""
        return any(option.option == "--config" for option in self.top_level)


class _Shown:
    """Default in a signature that is no plain data."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_PYTHON_TYPES: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "path": str}


def signature(options: Sequence[OptionDescription], returns: Any) -> Signature:
    """Signature of a function that takes these options.

    Parameters
    ----------
    options : sequence of OptionDescription
    returns : object
        Annotation of what it returns.
    """
    from inspect import Parameter, Signature
    from keyword import iskeyword

    shown = [
        option for option in options if not option.hidden and option.name.isidentifier() and not iskeyword(option.name)
    ]
    ordered = sorted(shown, key=lambda option: (option.kind != "argument", not option.is_parameter))
    return Signature(
        [
            Parameter(
                option.name,
                Parameter.POSITIONAL_OR_KEYWORD if option.kind == "argument" else Parameter.KEYWORD_ONLY,
                default=Parameter.empty if option.required else _default(option),
                annotation=annotation(option),
            )
            for option in ordered
        ],
        return_annotation=returns,
    )


def _default(option: OptionDescription) -> Any:
    if option.default is None:
        return None
    return option.default["value"] if "value" in option.default else _Shown(option.default["text"])


def annotation(option: OptionDescription) -> Any:
    """Type, in Python, of what is given for an option."""
    from typing import Literal

    if option.kind in ("flag", "count"):
        return bool if option.kind == "flag" else int
    if option.separator is not None:
        return list[str]
    types = option.types * option.nargs if len(option.types) == 1 and option.nargs > 1 else option.types
    if option.choices and len(types) == 1:
        element: Any = Literal[tuple(option.choices)]
    elif len(types) > 1:
        element = tuple[tuple(_PYTHON_TYPES.get(name, Any) for name in types)]  # type: ignore[misc]
    else:
        element = _PYTHON_TYPES.get(types[0], Any)
    if option.kind == "argument" and option.nargs == -1:
        return element | list[element]
    return list[element] if option.multiple else element
