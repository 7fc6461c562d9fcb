"""Where commands about cards look, and what their pathspecs say in full: of a flow's own, and of ``metaflow card``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exception import CommandException, MetaflowUnknownUser
from .reading import Place, open_place

if TYPE_CHECKING:
    import click

    from .flow_command import FlowState

_FORMS = "STEP for the latest run, RUN/STEP or RUN/STEP/TASK"


def place_of_flow(state: FlowState, namespace: str | None = None, create: bool = False) -> Place:
    """Where a flow's own command line looks.

    Parameters
    ----------
    state : FlowState
    namespace : str, optional
        The tag that runs must have to count as the latest, empty for all; that of whoever asks, if not given.
    create : bool
        Make the place where runs will be kept if there is none yet.
    """
    from ..client.provider_choice import current_provider, read_from
    from ..identity import resolve_identity

    read_from(state.home(create and not state.reads_spins))
    if namespace is None and not state.reads_spins:
        try:
            namespace = resolve_identity()
        except MetaflowUnknownUser:
            namespace = None
    return Place(current_provider(), namespace or None)


def full_pathspec(flow: str, text: str | None) -> str:
    """A pathspec of a flow's command line in full, with the flow and the run.

    Parameters
    ----------
    flow : str
        Name of the flow.
    text : str or None
        ``STEP``, ``RUN/STEP`` or ``RUN/STEP/TASK``, with or without the flow's name before it; or ``RUN``, which
        begins with a digit as no step can. None for the latest run.

    Raises
    ------
    CommandException
        It has another form.
    """
    if text is None:
        return f"{flow}/latest"
    parts = text.strip("/").split("/")
    if parts[0] == flow and len(parts) > 1:
        parts = parts[1:]
    elif len(parts) == 1 and not parts[0][:1].isdecimal() and parts[0] != "latest":
        parts = ["latest", *parts]
    if len(parts) > 3 or not all(parts):
        raise CommandException(f"'{text}' is not of the form {_FORMS}.")
    return "/".join([flow, *parts])


def place_and_pathspec(context: click.Context) -> tuple[Place, str]:
    """Where a command looks that is being written, and the pathspec that it names so far. For completion."""
    # An option whose value is still missing ends the parsing before arguments are given their names.
    text = context.params.get("pathspec") or next(iter(context.args), None)
    state = context.obj
    if state is None:
        place = open_place(context.params.get("datastore_root"), "")
        return place, text or "latest"
    return place_of_flow(state), full_pathspec(state.flow_class.__name__, text)
