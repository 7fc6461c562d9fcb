"""``metaflow reindex``: the index of runs made anew from the results themselves."""

from __future__ import annotations

import sys

import click

from .messages import echo
from .reading import datastore_root_option, home_of


@click.command(help="Rebuild the index of runs from the results themselves.")
@datastore_root_option
def reindex(datastore_root: str | None) -> None:
    """``reindex``: read all run records and manifests, and write the index anew."""
    from ..client.recovery import ReindexCounts, reindex as rebuild

    def show(counts: ReindexCounts) -> None:
        sys.stderr.write(f"\r{counts.runs} runs, {counts.tasks} tasks")
        sys.stderr.flush()

    home = home_of(datastore_root)
    counts = rebuild(home, show if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    done = f"The metadata service at {home.service} knows of" if home.service else "The index is rebuilt:"
    echo(f"{done} {counts.runs} runs with {counts.tasks} finished tasks.")
    if counts.damaged:
        echo(f"{len(counts.damaged)} damaged files were left out:")
        for damaged in counts.damaged:
            echo(f"    {damaged}")
        raise SystemExit(1)
