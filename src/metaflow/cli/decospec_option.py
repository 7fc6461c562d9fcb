"""``--with``: decorators for every step, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .flow_command import FlowState


class _Decospec(click.types.StringParamType):
    """A decorator as text. In an environment variable, white space inside of its arguments does not end it."""

    name = "spec"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        from ..flow.decospec import split_decospecs

        return split_decospecs(rv)


#: Adds ``--with``, whose value is the tuple `decospecs`, to a command.
with_option = click.option(
    "--with",
    "decospecs",
    multiple=True,
    metavar="SPEC",
    type=_Decospec(),
    help="Add a decorator to every step that does not have it, as in --with retry:times=3; may be repeated.",
)


def decospecs_of_run(state: FlowState, given: Sequence[str]) -> tuple[str, ...]:
    """All decorators that every step of a run gets.

    Parameters
    ----------
    state : FlowState
    given : sequence of str
        Those that were given to the command itself.

    Returns
    -------
    tuple of str
        Of two that give the same decorator, the first counts: the command's own come before those that stand before
        the command, and what is only a default (``METAFLOW_DEFAULT_DECOSPECS``) comes last.
    """
    from .. import settings

    default = settings.get("DEFAULT_DECOSPECS")
    if not default:
        return (*given, *state.decospecs)
    from ..flow.decospec import split_decospecs

    return (*given, *state.decospecs, *split_decospecs(default))
