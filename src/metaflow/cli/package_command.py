"""``package``: what of the flow's code goes to other machines."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..datastore.sizes import size_text
from ..exception import CommandException, TimeoutException
from .messages import echo
from .table import print_lines

if TYPE_CHECKING:
    from ..packaging.code_package import CodePackage
    from .flow_command import FlowState


@click.group(help="Show and save the flow's code package: what tasks on other machines get of the code.")
@click.option(
    "--timeout", type=click.IntRange(min=1), default=60, show_default=True, help="Seconds that making it may take."
)
@click.pass_context
def package(context: click.Context, timeout: int) -> None:
    """Commands about the code package."""

    def give_up(*_: Any) -> None:
        raise TimeoutException(
            f"The code package was not made within {timeout} seconds. Look with `package list` at what is in it, or "
            "give it more time: package --timeout SECONDS"
        )

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(timeout)

    def stop() -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)

    context.call_on_close(stop)


@package.command()
@click.pass_obj
def info(state: FlowState) -> None:
    """Tell how large the package is, and what was chosen for it."""
    made = _package(state)
    size = _Counter()
    made.write(size)  # type: ignore[arg-type]
    lines = [
        f"Package size: {size_text(size.count)} ({size_text(made.size)} unpacked)",
        f"Beside it, each node gets: {_archive(state)}",
        f"Number of files: {len(made.names)}",
        "",
        f"Metaflow version: {__version__}",
        "",
        f"User code in flow {state.flow_class.__name__}:",
        f"  - Packaged from directory {made.directory}",
        f"  - Filtered by suffixes: {', '.join(made.suffixes)}",
        f"  - Left out: {_left_out(made.directory)}",
        "",
        "Largest files:",
        *(f"  {size_text(file.size):>10}  {file.name}" for file in made.largest()),
    ]
    print_lines(lines)


@package.command("list")
@click.option("--archive", is_flag=True, help="Show paths as they are in the package, not where the files are now.")
@click.pass_obj
def list_files(state: FlowState, archive: bool) -> None:
    """List the files of the package."""
    made = _package(state)
    echo("Files included in the code package (change with --package-suffixes):")
    if archive:
        print_lines(made.names)
    else:
        generated = [f"<generated {name.rpartition('/')[2]} content>" for name in sorted(made.generated)]
        print_lines([*generated, *(file.path for file in made.files)])


@package.command()
@click.argument("path", type=click.Path(dir_okay=False))
@click.pass_obj
def save(state: FlowState, path: str) -> None:
    """Write the package, a .tar.gz file, to PATH."""
    import json

    from ..packaging.code_package import METADATA

    made = _package(state)
    draft = f"{path}.tmp-{os.getpid()}"
    try:
        with open(draft, "wb") as file:
            made.write(file)
        os.replace(draft, path)
    except OSError as error:
        raise CommandException(f"The code package cannot be written to {path}: {error.strerror}.") from error
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
    echo(f"Code package saved in *{path}* with metadata: {json.dumps(METADATA)}")


class _Counter:
    """A file that only counts what is written to it."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, data: bytes) -> int:
        """Count."""
        self.count += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


def _package(state: FlowState) -> CodePackage:
    from ..runtime.run_package import package_of

    state.declaration.complete(state.decospecs)
    made, remark = package_of(state.declaration, state.package_suffixes)
    if remark is not None:
        sys.stderr.write(f"{remark}\n")
    return made


def _archive(state: FlowState) -> str:
    """What a node gets beside the package, in words."""
    from ..datastore.location import kind_of_root
    from ..packaging.libraries import target_of_nodes
    from ..packaging.node_archive import node_archive

    target = target_of_nodes()
    try:
        made = node_archive(target, kind_of_root(state.datastore, state.datastore_root) != "local")
    except CommandException as error:
        return f"unknown. {error.message}"
    return f"{size_text(made.size)}, Metaflow and its libraries for Python {target.python} on {target.platform}"


def _left_out(directory: str) -> str:
    from ..packaging.selection import IGNORE_FILE

    rules = "hidden directories, virtual environments"
    has_rules = os.path.exists(os.path.join(directory, IGNORE_FILE))
    return f"{rules}, and what {IGNORE_FILE} names" if has_rules else f"{rules} (and what a {IGNORE_FILE} would name)"
