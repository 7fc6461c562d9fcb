"""The ``metaflow`` command: what is not about one flow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from .. import __version__, settings
from ..exception import MetaflowException
from .configure_command import configure
from .messages import echo, print_metaflow_exception
from .status_command import status


@click.group(
    help="Look after the runs of all flows in this project.",
    context_settings={"help_option_names": ["--help", "-h"]},
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="metaflow")
@click.pass_context
def metaflow(context: click.Context) -> None:
    """Commands that are not about one flow."""
    if context.invoked_subcommand is None:
        contacts = [f"{address} - {what}" for address, what in settings.get("CONTACT_INFO").items()]
        click.echo("\n\n".join([f"Metaflow ({__version__})", *(["\n".join(contacts)] if contacts else [])]))
        click.echo(f"\n{context.get_help()}")


metaflow.add_command(configure)
metaflow.add_command(status)


@metaflow.command("help", help="Show this help.")
@click.pass_context
def help_command(context: click.Context) -> None:
    """``help``: the same as ``--help``."""
    click.echo(context.find_root().get_help())


@metaflow.command(help="Rebuild the index of runs from the results themselves.")
@click.option("--datastore-root", default=None, help="Root of the datastore, instead of the nearest .metaflow.")
def reindex(datastore_root: str | None) -> None:
    """``reindex``: read all run records and manifests, and write the index anew."""
    from ..client.recovery import ReindexCounts, reindex as rebuild

    def show(counts: ReindexCounts) -> None:
        sys.stderr.write(f"\r{counts.runs} runs, {counts.tasks} tasks")
        sys.stderr.flush()

    counts = rebuild(_root(datastore_root), show if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    echo(f"The index is rebuilt: {counts.runs} runs with {counts.tasks} finished tasks.")
    if counts.damaged:
        echo(f"{len(counts.damaged)} damaged files were left out:")
        for damaged in counts.damaged:
            echo(f"    {damaged}")
        raise SystemExit(1)


@metaflow.command(help="Print what a shell has to be told to complete the commands of metaflow and of flows.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """``completion``: the script for a shell."""
    from .completion_scripts import SCRIPTS

    click.echo(SCRIPTS[shell], nl=False)


def _root(explicit: str | None = None) -> Path:
    from ..datastore.root import resolve_root

    return resolve_root(explicit, settings.get("DATASTORE_SYSROOT_LOCAL"), create=False)[0]


def main() -> None:
    """Entry point of the ``metaflow`` command."""
    if "_METAFLOW_COMPLETE" in os.environ:
        from .completion import answer

        sys.exit(answer(metaflow))
    try:
        metaflow(prog_name="metaflow")
    except MetaflowException as error:
        print_metaflow_exception(error)
        sys.exit(1)
