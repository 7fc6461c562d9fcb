"""``metaflow status``: where results are kept here, whether that works, and which flows have any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import __version__, settings
from ..exception import CommandException, MetaflowException
from ..runtime.console import readable_size
from .reading import datastore_root_option, output_options
from .table import print_json, print_lines

if TYPE_CHECKING:
    from pathlib import Path

    from ..client import Flow, Run
    from ..client.health import Health


@click.command(help="Show where results are kept here, whether that works, and which flows have any.")
@output_options
@datastore_root_option
def status(datastore_root: str | None, as_json: bool) -> None:
    """``status``: the datastore and its flows."""
    from ..client.health import check_datastore

    root = _root(datastore_root)
    if not as_json:
        click.echo(f'Metaflow ({__version__})\n\nWorking tree found at: "{root.parent}"')
    health = check_datastore(root)
    try:
        flows = _flows(root)
    except MetaflowException:
        if health.is_good:
            raise
        flows = None
    if as_json:
        print_json(_plain(root, health, flows or []))
    else:
        print_lines([*_lines(root, health), *_flow_lines(flows)])
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
    free = f", {readable_size(health.free_bytes)} free" if health.free_bytes is not None else ""
    writable = "readable and writable" if health.write_problem is None else f"NOT WRITABLE: {health.write_problem}"
    return [
        f'Datastore: "{root}" (local), {writable}{free}',
        f"Index of runs: {health.index_problem or 'sound and up to date'}",
        f"Runs: {health.runs} of {health.flows} {'flow' if health.flows == 1 else 'flows'}",
    ]


def _flows(root: Path) -> list[tuple[Flow, Run | None]]:
    """Every flow with its latest run."""
    from ..client import Metaflow, namespace
    from ..client.home import Home
    from ..client.provider import read_from

    read_from(Home(str(root)))
    namespace(None)
    return [(flow, flow.latest_run) for flow in Metaflow().flows]


def _flow_lines(flows: list[tuple[Flow, Run | None]] | None) -> list[str]:
    if flows is None:
        return []
    lines = ["Available flows:" if flows else "No flow has run here yet."]
    for flow, latest in flows:
        shown = f" (latest run {latest.id}: {latest.status})" if latest is not None else ""
        lines.append(f"* {flow}{shown}")
    return lines


def _plain(root: Path, health: Health, flows: list[tuple[Flow, Run | None]]) -> dict[str, Any]:
    return {
        "version": __version__,
        "datastore": str(root),
        "is_good": health.is_good,
        "write_problem": health.write_problem,
        "index_problem": health.index_problem,
        "free_bytes": health.free_bytes,
        "runs": health.runs,
        "flows": [
            {"flow": flow.id, "latest_run": latest and latest.id, "latest_status": latest and latest.status}
            for flow, latest in flows
        ],
    }
