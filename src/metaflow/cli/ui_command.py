"""``metaflow ui``: the web app on this project's runs."""

from __future__ import annotations

from typing import Any

import click

from .messages import echo
from .reading import datastore_root_option


@click.command("ui", help="Open the web app on the runs of this project.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    help="Where to listen: 8700, or the next that is free, if not given. 0 takes any that is free.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    show_default=True,
    help="Where to listen; the default can be reached from this machine only.",
)
@click.option("--open/--no-open", "open_browser", default=True, help="Whether to open a browser.")
@click.option("--read-only", is_flag=True, help="Offer nothing that would change anything.")
@datastore_root_option
@click.option(
    "--metadata", metavar="KIND", help="local, or service: where the records are, if not as the settings say."
)
def ui(**options: Any) -> None:
    """``ui``: serve until told to end."""
    from ..web.project_app import Options, serve_project

    serve_project(Options(**options), echo)
