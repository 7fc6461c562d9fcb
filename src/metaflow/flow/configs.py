"""``Config``: what a flow is told when it starts, before its decorators and parameters are settled."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, overload

from ..exception import ConfigException
from .config_value import adopt
from .deferred import Deferred
from .parameters import place_of_declaration

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Literal

    from typing_extensions import Self, TypeVar

    from .config_value import ConfigValue
    from .spec import FlowSpec

    _Path = str | PathLike[str]
    #: What a config is in a step.
    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    V = TypeVar("V")


class ConfigDeclaration:
    """What was written in ``Config(...)``, apart from the object that stands in the class, whose attributes are keys.

    Attributes
    ----------
    name : str
        Name on the command line and in expressions.
    attribute : str
        Name in the flow.
    default : str, callable or None
        Path of the file that is read when nothing is given.
    default_value : object
        Value, or text to parse, that is used when nothing is given.
    help : str or None
    required : bool
        Whether a start without a value is refused.
    parser : callable, str or None
        What turns text into the value; None for the one that fits the file's name, or JSON.
    plain : bool
        Whether the value is given to the flow as it is, and need not be a mapping.
    show_default : bool
        Whether the command line's help names the default.
    problem : str or None
        Why it cannot be declared like this.
    place : tuple of (str or None) and (int or None)
        File and line of the declaration, as far as they are known.
    """

    __slots__ = (
        "attribute",
        "default",
        "default_value",
        "help",
        "name",
        "parser",
        "place",
        "plain",
        "problem",
        "required",
        "show_default",
    )

    def __init__(
        self,
        name: str,
        default: Any,
        default_value: Any,
        help: str | None,
        required: bool,
        parser: str | Callable[[str], Any] | None,
        plain: bool,
        show_default: bool,
        problem: str | None,
    ) -> None:
        self.name = name
        self.attribute = name
        self.default = default
        self.default_value = default_value
        self.help = help
        self.required = required
        self.parser = parser
        self.plain = plain
        self.show_default = show_default
        self.problem = problem
        self.place = place_of_declaration()

    def check(self) -> None:
        """Refuse arguments that do not fit together.

        Raises
        ------
        ConfigException
        """
        if self.problem is not None:
            raise self.error(self.problem)

    def error(self, message: str) -> ConfigException:
        """An error about the declaration, with its place."""
        file, line = self.place
        return ConfigException(message, line, file)

    def present(self, value: Any) -> Any:
        """A value that was just loaded from where it was stored, as the flow sees it."""
        return adopt(value) if type(value) is dict and not self.plain else value


class ConfigSource(NamedTuple):
    """Where the value of a config came from.

    Attributes
    ----------
    kind : str
        ``file``, ``value``, or ``none`` if there is no value.
    given_by : str
        What named it: an option, an environment variable, ``default``, or the run that it was taken over from.
    path : str or None
        Absolute path of the file.
    """

    kind: str
    given_by: str
    path: str | None = None

    def __str__(self) -> str:
        if self.kind == "none":
            return "no value was given"
        by = "its default" if self.given_by == "default" else self.given_by
        return f"the file {self.path} ({by})" if self.kind == "file" else f"the value of {by}"


class Config(Deferred, Generic[V]):
    """Configuration of a flow: a file, or a value, that is read when the flow starts.

    In a step, ``self.<attribute>`` is its value. In the class body, its attributes and items stand for values that
    will be known later; they can be used as arguments of decorators, as defaults of parameters and as constants.

    Parameters
    ----------
    name : str
        Name of the config in ``--config NAME PATH``, ``--config-value NAME VALUE`` and ``config_expr``.
    default : str or callable, optional
        Path of the file to read if nothing is given, or a function of a :class:`ParameterContext` that returns it.
    default_value : str, dict or callable, optional
        Value, or text to parse, to use if nothing is given, or a function that returns it. Not with `default`.
    help : str, optional
        Shown by ``--help``.
    required : bool, optional
        Whether a start without a value is refused. Ignored if there is a default. The value of a config that is
        not required, and not given, is None.
    parser : callable or str, optional
        Function that turns text into a mapping, or its dotted path; ``.yaml_parser`` is ``metaflow.yaml_parser``.
        Without one, files are read as what their names say (``.toml``, ``.yaml``, ``.yml``), and all else as JSON.
    plain : bool, default False
        Give the flow what the parser returns, or the text if there is none, as it is.
    show_default : bool, default True
        Whether ``--help`` names the default.

    Examples
    --------
    >>> class Train(FlowSpec):
    ...     cfg = Config("cfg", default="config.toml")
    ...
    ...     @resources(memory=cfg.resources.memory)
    ...     @step
    ...     def start(self):
    ...         print(self.cfg.model.rate)
    """

    __slots__ = ()

    @overload
    def __init__(
        self,
        name: str,
        default: _Path | Callable[..., _Path] | None = None,
        default_value: Any = None,
        help: str | None = None,
        required: bool | None = None,
        *,
        parser: Callable[[str], V],
        plain: Literal[True],
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Config[Any],
        name: str,
        default: _Path | Callable[..., _Path] | None = None,
        default_value: Any = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | None = None,
        *,
        plain: Literal[True],
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Config[ConfigValue],
        name: str,
        default: None = None,
        default_value: None = None,
        help: str | None = None,
        *,
        required: Literal[True],
        parser: str | Callable[[str], Any] | None = None,
        plain: Literal[False] = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Config[ConfigValue],
        name: str,
        default: _Path | Callable[..., _Path],
        default_value: None = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], Any] | None = None,
        plain: Literal[False] = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Config[ConfigValue],
        name: str,
        default: None = None,
        *,
        default_value: object,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], Any] | None = None,
        plain: Literal[False] = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Config[ConfigValue | None],
        name: str,
        default: None = None,
        default_value: None = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], Any] | None = None,
        plain: Literal[False] = False,
        show_default: bool = True,
    ) -> None: ...
    def __init__(
        self,
        name: str,
        default: Any = None,
        default_value: Any = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], Any] | None = None,
        plain: bool = False,
        show_default: bool = True,
        **kwargs: Any,
    ) -> None:
        # What is wrong is not said here: the flow's declaration does it, where an error can be shown as one.
        if isinstance(default, PathLike):
            default = str(fspath(default))
        problem = _problem_of(name, default, default_value, help, parser, kwargs)
        is_required = bool(required) and default is None and default_value is None
        declared = ConfigDeclaration(
            name, default, default_value, help, is_required, parser, plain, show_default is not False, problem
        )
        super().__init__(declared, (), 0, "")

    def __set_name__(self, owner: type, attribute: str) -> None:
        declaration_of(self).attribute = attribute

    @overload
    def __get__(self, flow: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, flow: FlowSpec, owner: type | None = None) -> V: ...
    def __get__(self, flow: FlowSpec | None, owner: type | None = None) -> Any:
        # In a task the value is among the flow's own attributes, which Python finds first.
        if flow is None:
            return self
        declared = declaration_of(self)
        state = flow._flow_state
        if state is not None:
            if declared.attribute not in state:
                raise AttributeError(f"Flow {type(flow).__name__} has no attribute '{declared.attribute}'")
            value = declared.present(state.load(declared.attribute))
        else:
            declared.check()
            from .config_reading import read_default
            from .deploy_time import ParameterContext

            context = ParameterContext(type(flow).__name__, "", declared.name, print, "local")
            value = read_default(declared, context).value
        flow.__dict__[declared.attribute] = value
        return value


def _problem_of(
    name: Any, default: Any, default_value: Any, help: Any, parser: Any, others: dict[str, Any]
) -> str | None:
    """Why there can be no config with these arguments."""
    if not isinstance(name, str) or not name.strip():
        return "Config needs a name, as in Config('config', default='config.json')."
    if others:
        known = "default, default_value, help, required, parser, plain, show_default"
        return f"Config '{name}' cannot take '{min(others)}'. It takes: {known}."
    if default is not None and default_value is not None:
        return f"Config '{name}' has both a default (the path of a file) and a default_value. Keep one of them."
    if default is not None and not isinstance(default, str) and not callable(default):
        hint = "A value goes into default_value."
        return f"Config '{name}': its default should be the path of a file, not {default!r}. {hint}"
    if parser is not None and not isinstance(parser, str) and not callable(parser):
        return f"Config '{name}': its parser should be a function, or the dotted path of one, not {parser!r}."
    if help is not None and not isinstance(help, str):
        return f"Config '{name}': help should be a text, not {help!r}."
    return None


def declaration_of(config: Config) -> ConfigDeclaration:
    """What was written in ``Config(...)``."""
    declared = config._origin
    assert isinstance(declared, ConfigDeclaration)
    return declared


def configs_among(attributes: list[tuple[str, Any]], reserved: type) -> dict[str, ConfigDeclaration]:
    """Configs among a flow's attributes, by attribute name.

    Parameters
    ----------
    attributes : list of (str, object)
    reserved : type
        Class whose attributes no config may hide.

    Raises
    ------
    ConfigException
        If one is declared wrongly, two have the same name, or one hides what every flow has.
    """
    found: dict[str, ConfigDeclaration] = {}
    by_name: dict[str, str] = {}
    for attribute, value in attributes:
        if not isinstance(value, Config):
            continue
        declared = declaration_of(value)
        declared.check()
        if hasattr(reserved, attribute):
            raise declared.error(
                f"The config '{declared.name}' is assigned to self.{attribute}, which every flow has already. "
                "Assign it to an attribute of another name."
            )
        first = by_name.setdefault(declared.name.lower(), attribute)
        if first != attribute:
            raise declared.error(
                f"Config '{declared.name}' is declared twice, as self.{first} and self.{attribute}: names of configs "
                "must be unique, ignoring case."
            )
        found[attribute] = declared
    return found
