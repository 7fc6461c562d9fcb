"""Commands that look at the flow without running it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from .. import __version__
from .messages import echo

if TYPE_CHECKING:
    from .flow_command import FlowState


@click.command(help="Check that the flow is valid.")
@click.option("--warnings/--no-warnings", default=False, show_default=True, help="Show pylint's warnings too.")
@click.pass_context
def check(context: click.Context, warnings: bool) -> None:
    """``check``: validate, and tell what can be done next."""
    state: FlowState = context.obj
    state.checked_graph(warnings=warnings)
    tell_what_can_be_done(context)


def tell_what_can_be_done(context: click.Context) -> None:
    """Hints for somebody who has just written or met this flow."""
    if context.obj.quiet:
        return
    program = context.find_root().info_name
    hints = {
        "run": "runs this flow",
        "show": "shows a description of this flow",
        "run --help": "shows its parameters and what else `run` takes",
        "--help": "shows all commands",
    }
    for command, meaning in hints.items():
        echo(f"'{program} {command}' {meaning}.")


@click.command(help="Show the steps of the flow.")
@click.pass_obj
def show(state: FlowState) -> None:
    """``show``: the flow's description, and each step with its decorators, description and targets."""
    from ..flow.graph_output import describe

    graph = state.checked_graph()
    if graph.doc:
        echo(graph.doc)
    sys.stdout.write(describe(graph) + "\n")


@click.command("output-dot", help="Print the flow's graph in Graphviz's dot format.")
@click.pass_obj
def output_dot(state: FlowState) -> None:
    """``output-dot``: the graph for Graphviz."""
    from ..flow.graph_output import to_dot

    sys.stdout.write(to_dot(state.checked_graph()) + "\n")


@click.command("output-raw", help="Print the flow's graph as plain data.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def output_raw(state: FlowState, as_json: bool) -> None:
    """``output-raw``: the graph as data."""
    from pprint import pformat

    graph = state.checked_graph()
    data = graph.to_dict()
    content = {"graph": data["steps"], "graph_structure": data["graph_structure"]}
    sys.stdout.write((json.dumps(content, indent=4, default=str) if as_json else pformat(content)) + "\n")


@click.command(help="Print the version of Metaflow.")
def version() -> None:
    """``version``: the version of this package."""
    sys.stdout.write(f"{__version__}\n")


@click.command("help", help="Show this help.")
@click.pass_context
def help_command(context: click.Context) -> None:
    """``help``: the same as ``--help``."""
    sys.stdout.write(context.find_root().get_help() + "\n")
