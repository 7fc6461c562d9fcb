"""``metaflow card``: the cards of any run, step or task, without the flow's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .card_selection import choice_options
from .card_server_options import server_options
from .pathspec_candidates import flow_names, pathspecs
from .reading import reads_runs

if TYPE_CHECKING:
    from .card_selection import Choice
    from .reading import Place


@click.group(help="Look at the cards of tasks.")
def card() -> None:
    """Commands about cards."""


@card.command()
@click.argument("pathspec", shell_complete=pathspecs)
@choice_options
@reads_runs
def view(place: Place, /, pathspec: str, choice: Choice) -> None:
    """Show a copy of a card in the browser.

    PATHSPEC is RUN, RUN/STEP or RUN/STEP/TASK.
    """
    from .card_actions import view as show

    show(place, pathspec, choice)


@card.command()
@click.argument("pathspec", shell_complete=pathspecs)
@click.argument("file", required=False, type=click.Path(allow_dash=True))
@choice_options
@reads_runs
def get(place: Place, /, pathspec: str, file: str | None, choice: Choice) -> None:
    """Print the page of a card, or write it to FILE.

    PATHSPEC is RUN, RUN/STEP or RUN/STEP/TASK.
    """
    from .card_actions import get as print_or_write

    print_or_write(place, pathspec, file, choice)


@card.command("list")
@click.argument("pathspec", shell_complete=pathspecs)
@click.option("--json", "--as-json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--file", type=click.Path(allow_dash=True), help="Write the JSON to this file.")
@choice_options
@reads_runs
def list_(place: Place, /, pathspec: str, as_json: bool, file: str | None, choice: Choice) -> None:
    """List the cards of PATHSPEC: RUN, RUN/STEP or RUN/STEP/TASK."""
    from .card_actions import list_cards
    from .run_names import find_named

    is_whole_run = not find_named(place, pathspec, most=4).rest
    list_cards(place, pathspec, is_whole_run, choice, as_json, file)


@card.command()
@click.argument("flow", shell_complete=flow_names)
@click.option("--run-id", help="Show this run, instead of whichever is the latest.")
@server_options
@reads_runs
def server(place: Place, /, flow: str, run_id: str | None, port: int, poll_interval: float, max_cards: int) -> None:
    """Show the cards of FLOW's latest run.

    They are shown in the browser, as they change. The server listens on this machine only. It goes on to the next run
    when one starts, unless --run-id names one, until it is ended with Ctrl-C.
    """
    from .card_serving import serve
    from .run_names import check_flow

    check_flow(place, flow)
    serve(place, flow, run_id, port, poll_interval, max_cards)
