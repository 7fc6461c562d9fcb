"""The options that stand before the command, which all flows have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .decospec_option import with_option

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--quiet/--not-quiet", default=False, help="Say only what goes wrong, and what tasks print."),
    click.option(
        "--metadata",
        type=click.Choice(["local", "service", "spin"]),
        default=None,
        help="Where records of runs are kept.  [default: METAFLOW_DEFAULT_METADATA, or local]",
    ),
    click.option(
        "--environment",
        type=click.Choice(["local"]),
        default="local",
        show_default=True,
        help="How tasks get packages.",
    ),
    click.option(
        "--datastore",
        metavar="KIND",
        default=None,
        help="Where artifacts are kept: local, s3, azure or gs.  [default: METAFLOW_DEFAULT_DATASTORE, or local]",
    ),
    click.option(
        "--mode",
        type=click.Choice(["spin"]),
        default=None,
        help="spin: commands that read, such as dump and logs, look at spun steps instead of runs.",
    ),
    click.option("--datastore-root", default=None, help="Root of the datastore, such as s3://bucket/prefix."),
    click.option(
        "--package-suffixes",
        metavar="SUFFIXES",
        default=None,
        help="Files to put into the code package beside Python's and R's, as in --package-suffixes .sql,.yaml",
    ),
    with_option,
    click.option(
        "--pylint/--no-pylint",
        default=True,
        show_default=True,
        help="Let pylint check the flow, if installed.",
    ),
)


def with_group_options(command: _Command) -> _Command:
    """Give the group of a flow the options that all flows have."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
