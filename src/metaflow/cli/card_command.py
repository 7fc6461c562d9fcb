"""``card``: the reports that tasks of a flow left, also while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .candidates import past_runs, past_tasks
from .card_selection import choice_options
from .card_server_options import server_options
from .lazy_group import LazyGroup, Where

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from .card_selection import Choice
    from .flow_command import FlowState

_PATHSPEC_HELP = "PATHSPEC is STEP for the latest run, RUN/STEP or RUN/STEP/TASK."

_COMMANDS = {
    "view": Where("card_command", "view", "Show a card in the browser."),
    "get": Where("card_command", "get", "Print the page of a card, or write it to a file."),
    "list": Where("card_command", "list_", "List cards."),
    "server": Where("card_command", "server", "Show the cards of the latest run while it goes on."),
    "create": Where("card_create_command", "create", "Render a card for a task that is over."),
}


@click.group(cls=LazyGroup, where=_COMMANDS, help="Look at the cards of tasks.")
def card() -> None:
    """Commands about cards."""


def _pathspecs(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Steps of the latest run; runs; behind ``RUN/`` its steps; behind these their tasks."""
    from click.shell_completion import CompletionItem

    from ..client.provider_choice import current_provider
    from .pathspec_candidates import texts

    found = past_tasks(context, param, incomplete)
    runs = past_runs(context, param, "") if "/" not in incomplete else []
    if runs:
        parts = [context.obj.flow_class.__name__, runs[0].value, ""]
        steps = (text.rpartition("/")[2] for text in texts(current_provider(), parts, 4))
        found = [*(CompletionItem(step) for step in steps if step.startswith(incomplete)), *found]
    return found


@click.command(help=f"Show a copy of a card in the browser. {_PATHSPEC_HELP}")
@click.argument("pathspec", shell_complete=_pathspecs)
@choice_options
@click.pass_obj
def view(state: FlowState, pathspec: str, choice: Choice) -> None:
    """``card view``."""
    from .card_actions import view as show
    from .card_place import full_pathspec, place_of_flow

    show(place_of_flow(state), full_pathspec(state.flow_class.__name__, pathspec), choice)


@click.command(help=f"Print the page of a card, or write it to FILE. {_PATHSPEC_HELP}")
@click.argument("pathspec", shell_complete=_pathspecs)
@click.argument("file", required=False, type=click.Path(allow_dash=True))
@choice_options
@click.pass_obj
def get(state: FlowState, pathspec: str, file: str | None, choice: Choice) -> None:
    """``card get``."""
    from .card_actions import get as print_or_write
    from .card_place import full_pathspec, place_of_flow

    print_or_write(place_of_flow(state), full_pathspec(state.flow_class.__name__, pathspec), file, choice)


@click.command("list", help=f"List the cards of PATHSPEC, or all of the latest run. {_PATHSPEC_HELP} RUN works too.")
@click.argument("pathspec", required=False, shell_complete=_pathspecs)
@click.option("--as-json", is_flag=True, help="Print JSON, for programs.")
@click.option("--file", type=click.Path(allow_dash=True), help="Write the JSON to this file.")
@choice_options
@click.pass_obj
def list_(state: FlowState, pathspec: str | None, as_json: bool, file: str | None, choice: Choice) -> None:
    """``card list``."""
    from .card_actions import list_cards
    from .card_place import full_pathspec, place_of_flow

    full = full_pathspec(state.flow_class.__name__, pathspec)
    list_cards(place_of_flow(state), full, full.count("/") == 1, choice, as_json, file)


@click.command()
@click.option("--run-id", shell_complete=past_runs, help="Show this run, instead of whichever is the latest.")
@click.option("--namespace", metavar="TEXT", help="Follow runs in this namespace, instead of your own; '' for all.")
@server_options
@click.pass_obj
def server(
    state: FlowState, run_id: str | None, port: int, namespace: str | None, poll_interval: float, max_cards: int
) -> None:
    """Show the cards of the flow's latest run in the browser, as they change.

    The server listens on this machine only. It goes on to the next run when one starts, unless --run-id names one,
    until it is ended with Ctrl-C. `--mode spin` before `card` shows cards of spun steps.
    """
    from .card_place import place_of_flow
    from .card_serving import serve

    # Whoever wants to watch the first run starts this before there is anything to look at.
    place = place_of_flow(state, namespace, create=run_id is None)
    serve(place, state.flow_class.__name__, run_id, port, poll_interval, max_cards)
