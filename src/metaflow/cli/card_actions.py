"""What commands do with cards that were found: show, write and list them."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datastore.sizes import size_text
from ..exception import CommandException
from .card_selection import find_cards, matching, no_card, only_card, provider_page
from .messages import echo
from .run_names import find_named
from .table import Column, print_table
from .times import ago, clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cards.stored import TaskCards
    from .card_selection import Choice, Found
    from .reading import Place

_STDOUT = "-"
#: How a card stands, by the status of its task.
_STATES = {"running": "live", "done": "final"}


def view(place: Place, pathspec: str, choice: Choice) -> None:
    """Show a copy of a card in the browser, and say where the copy is."""
    from ..cards.opening import open_copy

    found = only_card(place, pathspec, choice)
    page = provider_page(place.provider, found.card).decode("utf-8", "replace")
    copy = open_copy(page, found.card.name)
    if copy.is_shown:
        echo(f"Card of {found.task.pathspec}: {copy.path}")
    else:
        echo(
            f"There is no browser here. The card of {found.task.pathspec} is one file, which any browser shows:\n"
            f"    {copy.path}\nGet it from here as you get other files, or name a browser with the variable BROWSER."
        )
    if found.task.status == "running":
        echo("The task is still running, and the copy stays as it is. `card server` shows cards as they change.")


def get(place: Place, pathspec: str, file: str | None, choice: Choice) -> None:
    """Print a card's page, or write it to a file."""
    found = only_card(place, pathspec, choice)
    page = provider_page(place.provider, found.card)
    if file is None or file == _STDOUT:
        _print_bytes(page)
        return
    write_file(Path(file), page)
    echo(f"Card of {found.task.pathspec} written to {file} ({size_text(len(page))}).")


def _print_bytes(content: bytes) -> None:
    """Print a page as it is, whatever the terminal's encoding."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else whoever read this has seen enough, as in `| head`
            raise CommandException(f"The card cannot be printed: {error.strerror}.") from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole, or leave what was there; folders that it is to be in are made.

    Raises
    ------
    CommandException
        It cannot be written; the message says why.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_bytes(content)  # a pipe or a device; a directory says so itself
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        coming = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            coming.write_bytes(content)
            coming.replace(target)
        finally:
            coming.unlink(missing_ok=True)
    except OSError as error:
        raise CommandException(f"The file {path} cannot be written: {error.strerror or error}.") from error


def list_cards(
    place: Place, pathspec: str, is_whole_run: bool, choice: Choice, as_json: bool, file: str | None
) -> None:
    """List cards for people, or as JSON for programs.

    Parameters
    ----------
    place : Place
    pathspec : str
    is_whole_run : bool
        Whether no step was named, so that there being none is no error.
    choice : Choice
    as_json : bool
    file : str or None
        Where to write the JSON; implies `as_json`.
    """
    tasks = find_cards(place, pathspec, choice.follow_resumed)
    found = list(matching(tasks, choice.wanted))
    if not found and not is_whole_run:
        raise no_card(pathspec, tasks, choice.wanted)
    if as_json or file is not None:
        text = json.dumps(json_of(tasks, choice, is_whole_run), indent=4) + "\n"
        if file is None or file == _STDOUT:
            sys.stdout.write(text)
        else:
            write_file(Path(file), text.encode())
            echo(f"List of {len(found)} cards written to {file}.")
        return
    if not found:
        run = find_named(place, pathspec).run
        wanted = f" with {choice.wanted.described}" if choice.wanted else ""
        echo(f"Run {run.flow}/{run.run_id} has no cards{wanted}{' so far' if run.status == 'running' else ''}.")
        return
    task = found[0].task
    echo(f"Cards of run {task.flow}/{task.run_id}:")
    print_table(_columns(found, time.time()))


def json_of(tasks: Sequence[TaskCards], choice: Choice, is_whole_run: bool) -> dict[str, Any] | list[dict[str, Any]]:
    """The list for programs: an object for one task; for a whole run or several tasks, a list of these."""
    plain = [
        {
            "pathspec": each.task.pathspec,
            "cards": [
                {"id": card.name.id, "hash": card.name.hash, "type": card.name.type, "filename": card.name.page}
                for card in each.cards
                if choice.wanted.wants(card.name)
            ],
        }
        for each in tasks
    ]
    if len(plain) == 1 and not is_whole_run:
        return plain[0]
    return [each for each in plain if each["cards"]]


def _columns(found: Sequence[Found], now: float) -> list[Column]:
    for_people = sys.stdout.isatty()
    return [
        Column("task", [f"{each.task.step}/{each.task.task_id}" for each in found]),
        Column("type", [each.card.name.type for each in found]),
        Column("id", [each.card.name.id or "" for each in found], may_be_cut=True),
        Column("hash", [each.card.name.hash[:5] if for_people else each.card.name.hash for each in found]),
        Column("state", [_STATES.get(each.task.status, "unfinished") for each in found]),
        Column(
            "written",
            [ago(each.card.modified_at, now) if for_people else clock(each.card.modified_at) for each in found],
        ),
        Column("size", [size_text(each.card.size) for each in found], numeric=True),
        Column(
            "from", [each.card.task.pathspec if each.card.task.pathspec != each.task.pathspec else "" for each in found]
        ),
    ]
