"""The options by which commands choose among runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .conditions import ConditionType
from .times import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

#: How a run can stand.
STATUSES = ("running", "done", "failed", "stopped")

_OPTIONS = (
    click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status."),
    click.option("--tag", "tags", multiple=True, metavar="TEXT", help="Only runs with this tag; may be repeated."),
    click.option("--user", help="Only runs that this user started; implies --all-users."),
    click.option("--since", type=Moment(), help="Only runs started since then: 2026-01-31, '7 days', yesterday."),
    click.option("--until", type=Moment(), help="Only runs started before then."),
    click.option(
        "--parameter",
        "-p",
        "parameters",
        type=ConditionType(),
        multiple=True,
        help="Only runs with such a parameter: alpha=0.1, 'alpha>0.1'; may be repeated.",
    ),
    click.option(
        "--artifact",
        "artifacts",
        type=ConditionType(),
        multiple=True,
        help="Only runs whose last step left such an artifact: 'accuracy>0.9'; may be repeated.",
    ),
)


def run_filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that become the fields of a RunFilter, but for its flow, order and limit."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
