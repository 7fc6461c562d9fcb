"""Options of the command line, before the command, that the flow's decorators contribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..flow.declaration import flow_decorators_of
from ..flow.flow_options import KNOWN, FlowOption

if TYPE_CHECKING:
    from ..flow.declaration import FlowDeclaration
    from ..flow.spec import FlowSpec

#: Before the names of these options' values, so that they cannot be those of others.
_PREFIX = "of_flow_decorator_"


def click_options(flow_class: type[FlowSpec]) -> list[click.Option]:
    """The options of the decorators above the class, and, hidden, those that a mutator may yet bring."""
    declared = {option.name: option for decorator in flow_decorators_of(flow_class) for option in decorator.options}
    hidden = [option for option in KNOWN if option.name not in declared]
    return [_click_option(option) for option in declared.values()] + [_click_option(o, hidden=True) for o in hidden]


def _click_option(option: FlowOption, hidden: bool = False) -> click.Option:
    return click.Option(
        [f"--{option.name}", _PREFIX + option.key],
        help=option.help,
        is_flag=option.is_flag,
        multiple=option.multiple,
        metavar=option.metavar,
        hidden=hidden,
        envvar=f"METAFLOW_FLOW_{option.key.upper()}",
    )


def values_of(context: click.Context, declaration: FlowDeclaration) -> dict[str, Any]:
    """Values of the options that the flow's decorators contribute, by key.

    Parameters
    ----------
    context : click.Context
        That of the flow's group.
    declaration : FlowDeclaration
        The flow, configured.

    Raises
    ------
    click.NoSuchOption
        If an option was given whose decorator the flow does not have.
    """
    contributed = {option.key for decorator in declaration.decorators for option in decorator.options}
    for option in KNOWN:
        given = context.get_parameter_source(_PREFIX + option.key) is ParameterSource.COMMANDLINE
        if given and option.key not in contributed:
            raise click.NoSuchOption(
                f"--{option.name}",
                f"No such option: --{option.name}. It comes with @{option.decorator}, which this flow does not have.",
                ctx=context,
            )
    return {key: context.params.get(_PREFIX + key) for key in contributed}
