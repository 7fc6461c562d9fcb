"""``metaflow develop``: what those who write flows need to know of their installation."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import click

from .. import __version__, settings
from ..exception import MetaflowException
from .messages import echo
from .reading import home_of, output_options
from .run_report import fact_lines
from .table import Column, print_json, print_lines, print_table

_DISTRIBUTION = "metaflow"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(?:;.*extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"].*)?")
#: The one other condition that our own requirements have.
_BELOW_PYTHON = re.compile(r"python_version\s*<\s*['\"](\d+)\.(\d+)['\"]")


class Package(NamedTuple):
    """A package that metaflow can use.

    Attributes
    ----------
    name : str
    version : str or None
        None if it is not installed.
    extra : str or None
        The extra that asks for it; None if everything needs it.
    """

    name: str
    version: str | None
    extra: str | None


@click.group(help="For those who write flows: check the installation.")
def develop() -> None:
    """Commands about the installation."""


@develop.command()
@output_options
def check(as_json: bool) -> None:
    """Show versions, paths, and which optional packages are installed; exit code 1 if something is missing."""
    facts, packages = _facts(), _packages()
    missing = [package.name for package in packages if package.extra is None and package.version is None]
    if as_json:
        print_json({**facts, "packages": [package._asdict() for package in packages]})
    else:
        print_lines(fact_lines({name.replace("_", " "): text or "-" for name, text in facts.items()}))
        print_lines([""])
        print_table(
            [
                Column("package", [package.name for package in packages]),
                Column("version", [package.version or "not installed" for package in packages]),
                Column("for", [package.extra or "everything" for package in packages]),
            ]
        )
    if missing:
        echo(f"Packages that metaflow needs are not installed: {', '.join(missing)}. Install metaflow again with pip.")
        raise SystemExit(1)


@develop.command()
@click.argument("action", type=click.Choice(["check", "install", "remove"]))
@click.option("--force", is_flag=True, hidden=True)
@click.option("--quiet", is_flag=True, help="Print nothing.")
def stubs(action: str, force: bool, quiet: bool) -> None:
    """Types for editors: they are part of the package, so there is nothing to install or to remove."""
    if not quiet:
        echo(f"The types are part of metaflow {__version__} itself: there is nothing to {action}.")


def _facts() -> dict[str, str | None]:
    import sqlite3

    from ..identity import resolve_identity

    return {
        "metaflow": __version__,
        "python": platform.python_version(),
        "python_path": sys.executable,
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "package_path": str(Path(__file__).parents[1]),
        "working_directory": os.getcwd(),
        "datastore": _text_or_problem(lambda: home_of(None).location),
        "identity": _text_or_problem(resolve_identity),
        "settings_files": ", ".join(settings.files()) or None,
        "tasks_start_by": _text_or_problem(_start_method),
    }


def _start_method() -> str:
    from ..runtime.start_method import choose

    method = choose(settings.get("START_METHOD"))
    return method.name if method.reason is None else f"{method.name}: {method.reason}"


def _text_or_problem(read: Any) -> str:
    try:
        return str(read())
    except MetaflowException as error:
        return f"none: {error.message}"


def _packages() -> list[Package]:
    try:
        required = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # the source is used without being installed
        return []
    found = []
    for text in required:
        below = _BELOW_PYTHON.search(text)
        if below is not None and sys.version_info >= (int(below[1]), int(below[2])):
            continue
        parts = _REQUIREMENT.match(text)
        if parts is not None:
            found.append(Package(parts["name"], _version(parts["name"]), parts["extra"]))
    return sorted(found, key=lambda package: (package.extra or "", package.name))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
