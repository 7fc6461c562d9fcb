"""How a viewer of cards is started: the same from a flow's command line and from ``metaflow card``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `port`, `poll_interval` and `max_cards`."""
    command = click.option(
        "--max-cards", type=click.IntRange(min=1), default=30, show_default=True, help="How many cards a page lists."
    )(command)
    command = click.option(
        "--poll-interval",
        type=click.FloatRange(min=0.2),
        default=5,
        show_default=True,
        metavar="SECONDS",
        help="How often pages ask for what is new.",
    )(command)
    return click.option(
        "--port", type=click.IntRange(0, 65535), default=8324, show_default=True, help="Where to listen; 0 for any."
    )(command)
