"""Options of the command line for the parameters of a flow, and the values that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..flow.deploy_time import ParameterContext
from ..flow.include_file import IncludeFile
from ..flow.parameter_types import OtherType, ValueType, not_one_of
from .messages import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click.shell_completion import CompletionItem

    from ..client.home import Home
    from ..flow.declaration import FlowDeclaration
    from ..flow.parameters import Parameter
    from .flow_command import FlowState


def parameter_options(declaration: FlowDeclaration) -> list[click.Option]:
    """An option for each parameter, in the order of definition.

    Raises
    ------
    MetaflowException
        If click cannot make an option of what a parameter says.
    """
    return [_option(parameter) for parameter in declaration.parameters.values()]


def given_values(declaration: FlowDeclaration, context: click.Context) -> dict[str, Any]:
    """Values of those parameters that the command line or the environment gives, by attribute name.

    Parameters
    ----------
    declaration : FlowDeclaration
    context : click.Context
        Of the command that has the options; it must have been parsed.
    """
    given = {}
    for attribute, parameter in declaration.parameters.items():
        source = context.get_parameter_source(_key(attribute))
        if source not in (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
            given[attribute] = _value(parameter, context.params[_key(attribute)])
    return given


def parameter_values(
    declaration: FlowDeclaration, context: click.Context, logger: Callable[[str], None]
) -> dict[str, Any]:
    """Value of each parameter by attribute name: as given, otherwise its default.

    Parameters
    ----------
    declaration : FlowDeclaration
    context : click.Context
        Of the command that has the options; it must have been parsed.
    logger : callable
        What functions that compute defaults can print with.

    Raises
    ------
    ParameterFieldFailed, ParameterFieldTypeMismatch
        If a default cannot be computed.
    MetaflowException
        If there is no function of the name that an IncludeFile gives for its parser.
    click.BadParameter
        If the default of an IncludeFile is no file that can be read.
    """
    given = given_values(declaration, context)
    configs = declaration.configs_by_name if declaration.configs else None
    values = {}
    for attribute, parameter in declaration.parameters.items():
        if attribute in given:
            values[attribute] = given[attribute]
        else:
            values[attribute] = default_value(declaration, parameter, context, logger, configs)
        check_parser(parameter, values[attribute])
    return values


def default_value(
    declaration: FlowDeclaration,
    parameter: Parameter,
    context: click.Context,
    logger: Callable[[str], None],
    configs: Any,
) -> Any:
    """Value of a parameter that was not given; arguments and errors as for :func:`parameter_values`."""
    from ..identity import get_username

    if not callable(parameter.default):
        return _declared_default(parameter, context)
    facts = ParameterContext(declaration.name, get_username(), parameter.name, logger, "local", configs)
    return parameter.computed_default(facts)


def check_parser(parameter: Parameter, value: Any) -> None:
    """See that what reads an included file is there, now rather than in a task, hours later."""
    if isinstance(parameter, IncludeFile) and value is not None:
        parameter.parser_function()


def included(state: FlowState, home: Home, values: dict[str, Any]) -> dict[str, Any]:
    """`values` of parameters, where those that are files have been put into the datastore."""
    from ..runtime.included_files import include_files

    return include_files(home.open_store(), values, (lambda _: None) if state.quiet else echo)


def _option(parameter: Parameter) -> click.Option:
    """The command line option of a parameter."""
    options = {field: value for field, value in parameter.options.items() if field != "separator"}
    kind = parameter.value_type
    if _is_converted_by_click(parameter) and parameter.default is not None and not callable(parameter.default):
        options["default"] = parameter.default
    if isinstance(kind, OtherType) and kind.is_of_click:
        options["type"] = _with_suggestions(kind.declared)
    elif not options.get("count"):
        options["type"] = _DeclaredType(parameter, kind)
        if not options.get("is_flag"):
            options.setdefault("metavar", kind.metavar)
    if options.get("is_flag") and options.get("flag_value") is None:
        options["type"] = click.BOOL
    variable = f"METAFLOW_RUN_{parameter.name.upper().replace('-', '_')}"
    own = options.pop("envvar", ())
    try:
        return click.Option(
            [f"--{parameter.name}", _key(parameter.attribute)],
            required=parameter.required,
            help=_help(parameter),
            show_default=False,  # the help says it, as we write it
            envvar=[*([own] if isinstance(own, str) else own), variable],
            **options,
        )
    except (TypeError, ValueError) as error:
        raise parameter.error(f"Parameter '{parameter.name}' is declared wrongly: {error}.") from error


def _key(attribute: str) -> str:
    """Name of a parameter's value among those of the command's own options."""
    return f"parameter_{attribute}"


def _help(parameter: Parameter) -> str:
    text = parameter.help if isinstance(parameter.help, str) else ""  # what is wrong is told where it is checked
    if parameter.default is None or parameter.show_default is False:
        return text
    if callable(parameter.default):
        shown = "computed when the run starts"
    elif isinstance(parameter, IncludeFile):
        shown = str(parameter.default)
    else:
        of_click = isinstance(parameter.value_type, OtherType)
        shown = parameter.show(parameter.default if of_click else parameter.convert(parameter.default)) or '""'
    return f"{text}  [default: {shown}]" if text else f"[default: {shown}]"


def _value(parameter: Parameter, value: Any) -> Any:
    return parameter.split(value) if parameter.separator is not None and isinstance(value, str) else value


def _declared_default(parameter: Parameter, context: click.Context) -> Any:
    if _is_converted_by_click(parameter):
        return context.params[_key(parameter.attribute)]
    if not isinstance(parameter, IncludeFile):
        return parameter.declared_default()
    try:
        return None if parameter.default is None else parameter.value_type.accept(parameter.default)
    except ValueError as error:
        hint = f"'--{parameter.name}'"
        raise click.BadParameter(f"its default cannot be included: {error}", context, param_hint=hint) from None


def _is_converted_by_click(parameter: Parameter) -> bool:
    """Whether a default has to go through click, because the flow lets click do what we know nothing of."""
    kind = parameter.value_type
    return (isinstance(kind, OtherType) and kind.is_of_click) or "callback" in parameter.options


class _DeclaredType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4 on
    """Asks the parameter's own type what a text stands for.

    Parameters
    ----------
    parameter : Parameter
    kind : ValueType
        Type of the value, or of each value if the option can be repeated.
    """

    def __init__(self, parameter: Parameter, kind: ValueType) -> None:
        self.name = kind.name
        self._parameter = parameter
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Value that `value`, a text in most cases, stands for."""
        try:
            return self._kind.parse(value) if isinstance(value, str) else self._kind.accept(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Values in a variable of the environment: a JSON list, or texts with space between them."""
        if not rv.lstrip().startswith("["):
            return rv.split()
        import json

        try:
            values: list[str] = json.loads(rv)
        except ValueError as error:
            raise click.BadParameter(
                f"{rv!r} in the environment begins like a JSON list, but is none: {error}.",
                param_hint=f"'--{self._parameter.name}'",
            ) from None
        return values

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """What can be given, where that can be listed."""
        return f"Choose one of: {', '.join(self._kind.choices)}." if self._kind.choices else None

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Values that begin with `incomplete`; the shell itself knows files."""
        from click.shell_completion import CompletionItem

        if isinstance(self._parameter, IncludeFile):
            return [CompletionItem(incomplete, type="file")]
        choices = self._kind.choices or (("True", "False") if self.name == "bool" else ())
        return [CompletionItem(text) for text in choices if text.lower().startswith(incomplete.lower())]


class _SuggestingChoice(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """A choice that says what was probably meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            names = [getattr(choice, "name", None) or str(choice) for choice in self.choices]
            self.fail(not_one_of(value, names), param, ctx)


def _with_suggestions(declared: Any) -> Any:
    if type(declared) is not click.Choice:
        return declared
    return _SuggestingChoice(declared.choices, case_sensitive=declared.case_sensitive)
