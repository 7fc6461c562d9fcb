"""``metaflow runs export``: a run as a single HTML file."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..datastore.sizes import size_text
from ..exception import CommandException
from .confirming import Progress
from .messages import echo
from .pathspec_candidates import run_names
from .reading import reads_runs
from .run_names import find_run

if TYPE_CHECKING:
    from .reading import Place

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@click.command("export")
@click.argument("run", shell_complete=run_names)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to; by default <flow>-<run>.html here. A dash is standard output.",
)
@click.option("--no-logs", is_flag=True, help="Leave out what tasks printed.")
@click.option("--no-cards", is_flag=True, help="Leave out cards.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@reads_runs
def export(place: Place, /, run: str, output: Path | None, no_logs: bool, no_cards: bool, overwrite: bool) -> None:
    """Write RUN as a single HTML file that opens anywhere, also offline, to send to someone.

    It has what the page of a run shows: why it failed, parameters, graph, timeline, tasks, previews of artifacts, cards
    and the ends of logs. Whoever gets the file can read all of that.
    """
    found = find_run(place, run)
    target = output or Path(f"{_ODD.sub('_', found.flow)}-{_ODD.sub('_', found.run_id)}.html")
    is_stream = str(target) == "-"
    if not is_stream:
        _check(target, overwrite)
    from ..web.export.page import run_page
    from ..web.export.subject import Wanted

    progress = Progress()
    wanted = Wanted(not no_logs, not no_cards, Path.cwd(), progress)
    try:
        content = run_page(place.provider, found.flow, found.run_id, wanted)
    finally:
        progress.clear()
    if is_stream:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    _write(target, content)
    echo(f"{found.flow}/{found.run_id} is in *{target}* ({size_text(len(content))}).")


def _check(target: Path, overwrite: bool) -> None:
    """See that the file can be written, before a long time is spent on what is in it.

    Raises
    ------
    CommandException
        It cannot.
    """
    if target.is_dir():
        raise CommandException(f"{target} is a directory. Name a file with --output, such as {target / 'run.html'}.")
    if target.exists() and not overwrite:
        raise CommandException(f"{target} exists already. Name another file with --output, or give --overwrite.")
    if not target.absolute().parent.is_dir():
        raise CommandException(f"{target} cannot be written: there is no directory {target.absolute().parent}.")


def _write(target: Path, content: bytes) -> None:
    """Write the file as a whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=".export-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandException(f"{target} cannot be written: {error.strerror}.") from error
