"""What the command line says on stderr."""

from __future__ import annotations

import sys

from ..exception import MetaflowException
from ..runtime.console import highlight, wants_colour


def echo(message: str) -> None:
    """A message of ours; ``*`` marks emphasis."""
    sys.stderr.write(highlight(message, wants_colour(sys.stderr)) + "\n")
    sys.stderr.flush()


def print_metaflow_exception(error: MetaflowException) -> None:
    """The headline, the place if it is known, and the message of an error; no traceback."""
    where = ""
    if error.source_file:
        where += f" in file {error.source_file}"
    if error.line_no:
        where += f" on line {error.line_no}"
    _print_indented(f"{error.headline}{where}:", error.message)


def print_exception(error: BaseException) -> None:
    """An error that nobody foresaw, with all that helps to report it."""
    import traceback

    _print_indented("Internal error:", "".join(traceback.format_exception(error)))


def _print_indented(headline: str, body: str) -> None:
    colour = wants_colour(sys.stderr)
    head = f"\x1b[1;31m{headline}\x1b[0m" if colour else headline
    lines = highlight(body, colour).splitlines()
    sys.stderr.write("".join(f"    {line}\n" for line in [head, *lines]))
    sys.stderr.flush()
