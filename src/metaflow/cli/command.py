"""The ``metaflow`` command: what is not about one flow."""

from __future__ import annotations

import errno
import os
import sys

import click

from .. import __version__, settings
from ..exception import MetaflowException
from .lazy_group import LazyGroup, Where
from .messages import echo, print_exception, print_metaflow_exception
from .reading import no_colour_option

#: Errors of writing to stdout.
_OUTPUT_IS_LOST = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

_COMMANDS = {
    "runs": Where("runs_command", "runs", "List, show, compare, export, cancel and delete runs."),
    "tasks": Where("tasks_command", "tasks", "List and show the tasks of a run."),
    "logs": Where("pathspec_logs_command", "logs", "Show what the tasks of a run printed."),
    "card": Where("pathspec_card_command", "card", "Look at the cards of tasks."),
    "artifacts": Where("artifacts_command", "artifacts", "List the artifacts of a task, or show one."),
    "code": Where("code_command", "code", "Look at the code of runs: compare it, get it back."),
    "status": Where("status_command", "status", "Show where results are kept, whether that works, and the flows."),
    "outbox": Where("outbox_command", "outbox", "Show and send records that wait for a metadata service."),
    "import-runs": Where("import_command", "import_runs", "Bring along runs that Netflix's Metaflow wrote."),
    "ui": Where("ui_command", "ui", "Open the web app on the runs of this project."),
    "server": Where("server_command", "server", "Serve the records of runs to a team, over HTTP."),
    "verify": Where("verify_command", "verify", "Check that nothing of what runs left is lost or damaged."),
    "gc": Where("gc_command", "gc", "Delete runs by rules, and free what no run needs any more."),
    "reindex": Where("reindex_command", "reindex", "Rebuild the index of runs from the results themselves."),
    "configure": Where("configure_command", "configure", "Look at settings, and keep them in files."),
    "examples": Where("examples_command", "examples", "List the example flows, and copy them here."),
    "tutorials": Where("examples_command", "tutorials", ""),
    "develop": Where("develop_command", "develop", "For those who write flows: check the installation."),
    "completion": Where("command", "completion", "Print what a shell has to be told to complete commands."),
    "help": Where("command", "help_command", "Show this help."),
}


def is_enabled(name: str) -> bool:
    """Tell whether the settings let a command be used.

    ENABLED_CMD names the commands that may be used, all if it is empty. There and in TOGGLE_CMD, ``-name`` takes one
    away, and ``+name`` adds one.

    Parameters
    ----------
    name : str
        Name of the command.
    """
    try:
        enabled, toggled = ([str(entry) for entry in settings.get(key)] for key in ("ENABLED_CMD", "TOGGLE_CMD"))
    except MetaflowException:
        # A command that needs the settings says what is wrong with them; one that mends them must be there.
        return True
    plain = [entry for entry in enabled if not entry.startswith(("+", "-"))]
    allowed = not plain or name in plain
    for entry in (*enabled, *toggled):
        if entry.lstrip("+-") == name:
            allowed = not entry.startswith("-")
    return allowed


@click.group(
    cls=LazyGroup,
    where=_COMMANDS,
    is_enabled=lambda name: name == "help" or is_enabled(name),
    help="Look after the runs of all flows in this project.",
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    invoke_without_command=True,
)
@no_colour_option
@click.version_option(__version__, prog_name="metaflow")
@click.pass_context
def metaflow(context: click.Context) -> None:
    """Commands that are not about one flow."""
    if context.invoked_subcommand is None:
        contacts = [f"{address} - {what}" for address, what in settings.get("CONTACT_INFO").items()]
        click.echo("\n\n".join([f"Metaflow ({__version__})", *(["\n".join(contacts)] if contacts else [])]))
        click.echo(f"\n{context.get_help()}")


@click.command("help", help="Show this help.")
@click.pass_context
def help_command(context: click.Context) -> None:
    """``help``: the same as ``--help``."""
    click.echo(context.find_root().get_help())


@click.command(help="Print what a shell has to be told to complete the commands of metaflow and of flows.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """``completion``: the script for a shell."""
    from .completion_scripts import SCRIPTS

    click.echo(SCRIPTS[shell], nl=False)


def main() -> None:
    """Entry point of the ``metaflow`` command: run it, and leave the process with its exit code."""
    if "_METAFLOW_COMPLETE" in os.environ:
        from .completion import answer

        sys.exit(answer(metaflow))
    sys.exit(_run())


def _run() -> int:
    """Run the command line of this process, and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding cannot express must not end a command halfway.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not metaflow.main(), which takes a reader that has gone for a failure.
        with metaflow.make_context("metaflow", sys.argv[1:]) as context:
            metaflow.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as request:
        return request.exit_code
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_IS_LOST:
            print_exception(error)
            return 1
        # Python would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return 0  # whoever read this has seen enough, as in `| head`
        echo(f"What should be printed cannot be written: {error.strerror}.")
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        echo("Aborted!")
    except MetaflowException as error:
        print_metaflow_exception(error)
    except Exception as error:
        print_exception(error)
    return 1
