"""``metaflow code``: the code that runs were made with."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from ..client.code_difference import difference
from ..exception import CommandException
from ..runtime.console import wants_colour
from .messages import echo
from .patch_colours import coloured
from .pathspec_candidates import run_names
from .reading import no_colour_option, reads_runs
from .run_names import find_run
from .run_report import client_run
from .table import print_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..metadata_store.records import RunRecord
    from .reading import Place


@click.group(help="Look at the code of runs: compare it, get it back.")
def code() -> None:
    """Commands about code."""


@code.command()
@click.argument("run", shell_complete=run_names)
@no_colour_option
@reads_runs
def diff(place: Place, /, run: str) -> None:
    """Show what has changed since RUN in the working directory.

    Compared are the files of the run's code. A file that is not here any more counts as deleted.
    """
    files = _files(find_run(place, run))
    _show(difference(files, _here(files)))


@code.command("diff-runs")
@click.argument("first", shell_complete=run_names)
@click.argument("second", shell_complete=run_names)
@no_colour_option
@reads_runs
def diff_runs(place: Place, /, first: str, second: str) -> None:
    """Show what changed from the code of the run FIRST to that of SECOND."""
    before, after = (_files(find_run(place, text)) for text in (first, second))
    _show(difference(before, after))


@code.command()
@click.argument("run", shell_complete=run_names)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Where to; by default <flow>_<run>_code.")
@reads_runs
def pull(place: Place, /, run: str, directory: Path | None) -> None:
    """Write the code of RUN into a new directory."""
    found = find_run(place, run)
    files = _files(found)
    target = directory or Path(f"{found.flow}_{found.run_id}_code".lower())
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CommandException(f"{target} exists already. Name another directory with --dir, or move that one away.")
    try:
        for name, content in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise CommandException(f"{error.filename or target} cannot be written: {error.strerror}.") from error
    echo(f"The code of {found.flow}/{found.run_id} is in *{target}*.")
    print_lines(str(target / name) for name in sorted(files))


@code.command()
@click.argument("run", shell_complete=run_names)
@click.option(
    "--file-path", "--file_path", type=click.Path(path_type=Path), help="Where to; by default <flow>_<run>.patch."
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@reads_runs
def patch(place: Place, /, run: str, file_path: Path | None, overwrite: bool) -> None:
    """Write a patch that makes the files in the working directory those of RUN.

    Apply it with `patch -p1 < FILE` or `git apply FILE`.
    """
    found = find_run(place, run)
    files = _files(found)
    lines = list(difference(_here(files), files))
    if not lines:
        echo(f"The files here are those of {found.flow}/{found.run_id}: there is nothing to patch.")
        return
    target = file_path or Path(f"{found.flow}_{found.run_id}.patch".lower())
    if target.exists() and not overwrite:
        raise CommandException(f"{target} exists already. Name another file with --file-path, or give --overwrite.")
    try:
        target.write_text("".join(lines), encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandException(f"{target} cannot be written: {error.strerror}.") from error
    echo(f"The patch is in *{target}*. Apply it with: patch -p1 < {target}")


def _files(run: RunRecord) -> dict[str, bytes]:
    """The files of a run's code, by path.

    Raises
    ------
    CommandException
        Its code was not recorded, or a path leads out of a directory.
    """
    recorded: Any = client_run(run).code
    if recorded is None:
        raise CommandException(f"The code of {run.flow}/{run.run_id} was not recorded.")
    files = dict(recorded.files)
    strange = [name for name in files if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if strange:
        raise CommandException(
            f"The code of {run.flow}/{run.run_id} has files outside of its own directory: {', '.join(strange)}. "
            "That is damaged or not to be trusted, so nothing was written."
        )
    return files


def _here(names: Iterable[str]) -> Mapping[str, bytes]:
    """Those of the files that are in the working directory."""
    found = {}
    for name in names:
        path = Path(name)
        try:
            if path.is_file():
                found[name] = path.read_bytes()
        except OSError as error:
            raise CommandException(f"{path} cannot be read: {error.strerror}.") from error
    return found


def _show(lines: Iterable[str]) -> None:
    colour = wants_colour(sys.stdout)
    any_line = False
    for line in lines:
        any_line = True
        sys.stdout.write(coloured(line) if colour else line)
    if not any_line:
        echo("The code does not differ.")
