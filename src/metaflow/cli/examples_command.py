"""``metaflow examples``: small flows to read, run and change."""

from __future__ import annotations

import ast
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..exception import CommandException
from .messages import echo
from .reading import output_options
from .table import Column, print_json, print_lines, print_table

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SOURCES = Path(__file__).parents[1] / "examples"
#: In the order in which they are best read.
_ORDER = ("hello", "word_count", "square_root", "unreliable", "experiments", "reading_runs")
_DIRECTORY = "metaflow-examples"


class Example(NamedTuple):
    """One of the examples.

    Attributes
    ----------
    name : str
    path : Path
        Its file in the package.
    source : str
    summary : str
        Its first line.
    description : str
        All that it says of itself.
    """

    name: str
    path: Path
    source: str
    summary: str
    description: str


def all_examples() -> list[Example]:
    """The examples, in the order in which they are best read."""
    return [_read(name) for name in _ORDER]


def _read(name: str) -> Example:
    path = _SOURCES / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    description = ast.get_docstring(ast.parse(source)) or ""
    return Example(name, path, source, description.partition("\n")[0], description)


def _find(name: str) -> Example:
    """The example of that name, which may be that of its file.

    Raises
    ------
    CommandException
        There is none.
    """
    plain = name.removesuffix(".py").replace("-", "_")
    if plain in _ORDER:
        return _read(plain)
    close = get_close_matches(plain, _ORDER, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise CommandException(f"There is no example called {name}. {hint}The examples are: {', '.join(_ORDER)}.")


def _names(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(example.name, help=example.summary)
        for example in all_examples()
        if example.name.startswith(incomplete)
    ]


@click.group(help="List the example flows, and copy them here.")
def examples() -> None:
    """Commands about examples."""


@examples.command("list")
@output_options
def list_examples(as_json: bool) -> None:
    """List the examples."""
    found = all_examples()
    if as_json:
        print_json([{"name": example.name, "summary": example.summary} for example in found])
        return
    print_table(
        [
            Column("example", [example.name for example in found]),
            Column("what it shows", [example.summary for example in found], may_be_cut=True),
        ]
    )
    echo("`metaflow examples pull` copies them here.")


@examples.command()
@click.argument("name", shell_complete=_names)
@click.option("--source", is_flag=True, help="Print its code.")
def show(name: str, source: bool) -> None:
    """Show what the example NAME is about, and how to run it."""
    example = _find(name)
    print_lines([example.source.rstrip() if source else example.description])


@examples.command()
@click.argument("names", nargs=-1, shell_complete=_names)
@click.option("--episode", help="The same as NAMES, for one.")
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), default=_DIRECTORY, show_default=True, help="Where to."
)
@click.option("--overwrite", is_flag=True, help="Replace files that were changed.")
def pull(names: tuple[str, ...], episode: str | None, directory: Path, overwrite: bool) -> None:
    """Copy the examples NAMES, or all, into a directory. Files that were changed there are left alone."""
    wanted = [*names, episode] if episode else list(names)
    found = [_find(name) for name in wanted] if wanted else all_examples()
    changed = []
    for example in found:
        target = directory / example.path.name
        try:
            if target.exists() and target.read_bytes() != example.path.read_bytes() and not overwrite:
                changed.append(target)
                continue
            directory.mkdir(parents=True, exist_ok=True)
            target.write_text(example.source, encoding="utf-8")
        except OSError as error:
            raise CommandException(f"{target} cannot be written: {error.strerror}.") from error
        print_lines([str(target)])
    if changed:
        raise CommandException(
            f"{', '.join(map(str, changed))} was changed, and left as it is. --overwrite replaces it."
            if len(changed) == 1
            else f"{', '.join(map(str, changed))} were changed, and left as they are. --overwrite replaces them."
        )


@click.group(help="The same as `metaflow examples`.")
def tutorials() -> None:
    """Commands about examples, under the names that Metaflow gives them."""


@tutorials.command()
@click.argument("episode", shell_complete=_names)
def info(episode: str) -> None:
    """Show what the example EPISODE is about."""
    print_lines([_find(episode).description])


for _command in (list_examples, pull, show):
    tutorials.add_command(_command)
