"""``metaflow status``: where results are kept here, whether that works, and which flows have any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import __version__, settings
from ..exception import CommandException, MetaflowException

if TYPE_CHECKING:
    from pathlib import Path

    from ..client.health import Health

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@click.command(help="Show where results are kept here, whether that works, and which flows have any.")
@click.option("--datastore-root", default=None, help="Root of the datastore, instead of the nearest .metaflow.")
def status(datastore_root: str | None) -> None:
    """``status``: the datastore and its flows."""
    from ..client.health import check_datastore

    root = _root(datastore_root)
    click.echo(f'Metaflow ({__version__})\n\nWorking tree found at: "{root.parent}"')
    health = check_datastore(root)
    for line in _lines(root, health):
        click.echo(line)
    try:
        _list_flows(root)
    except MetaflowException:
        if health.is_good:
            raise
    if not health.is_good:
        raise SystemExit(1)


def _root(explicit: str | None) -> Path:
    from ..datastore.root import find_root, resolve_root

    sysroot = settings.get("DATASTORE_SYSROOT_LOCAL")
    if not explicit and not sysroot and find_root() is None:
        raise CommandException(
            'Could not find ".metaflow" in the current working tree. Run a flow here first, or name the datastore '
            "with --datastore-root or METAFLOW_DATASTORE_SYSROOT_LOCAL."
        )
    return resolve_root(explicit, sysroot, create=False)[0]


def _lines(root: Path, health: Health) -> list[str]:
    free = f", {_size(health.free_bytes)} free" if health.free_bytes is not None else ""
    writable = "readable and writable" if health.write_problem is None else f"NOT WRITABLE: {health.write_problem}"
    return [
        f'Datastore: "{root}" (local), {writable}{free}',
        f"Index of runs: {health.index_problem or 'sound and up to date'}",
        f"Runs: {health.runs} of {health.flows} {'flow' if health.flows == 1 else 'flows'}",
    ]


def _list_flows(root: Path) -> None:
    from ..client import Metaflow, namespace
    from ..client.provider import read_from

    read_from(root)
    namespace(None)
    flows = Metaflow().flows
    click.echo("Available flows:" if flows else "No flow has run here yet.")
    for flow in flows:
        latest = flow.latest_run
        shown = f" (latest run {latest.id}: {latest.status})" if latest is not None else ""
        click.echo(f"* {flow}{shown}")


def _size(number: float) -> str:
    unit = 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}"
