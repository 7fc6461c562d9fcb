"""``metaflow status``: where results are kept here, whether that works, and which flows have any."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from .. import __version__, settings
from ..datastore.location import kind_of
from ..datastore.root import ROOT_DIRECTORY
from ..datastore.sizes import size_text
from ..exception import CommandException, MetaflowException
from .reading import datastore_root_option, output_options
from .table import print_json, print_lines

if TYPE_CHECKING:
    from ..client import Flow, Run
    from ..client.health import Health
    from ..client.home import Home


@click.command(help="Show where results are kept here, whether that works, and which flows have any.")
@output_options
@datastore_root_option
def status(datastore_root: str | None, as_json: bool) -> None:
    """``status``: the datastore and its flows."""
    from .service_status import service_status

    home = _home(datastore_root)
    if not as_json:
        click.echo(f"Metaflow ({__version__})\n\n{_where(home)}")
    health = _health(home)
    service = service_status(home)
    is_good = health.is_good and service.problem is None
    try:
        flows = None if service.problem is not None else _flows(home)
    except MetaflowException:
        if is_good:
            raise
        flows = None
    if as_json:
        print_json({**_plain(home, health, flows or []), **service.plain(), "is_good": is_good})
    else:
        print_lines([*_lines(home, health), *service.lines(), *_flow_lines(flows)])
    if not is_good:
        raise SystemExit(1)


def _health(home: Home) -> Health:
    from pathlib import Path

    from ..client.health import Health, check_datastore, check_remote_datastore

    if home.datastore:
        health = check_remote_datastore(home)
    elif home.service and not os.path.isdir(home.root):
        return Health(0, 0, None, None, None)  # whose runs are all of other machines
    else:
        health = check_datastore(Path(home.root))
    return health._replace(index_problem=None) if home.service else health


def _home(explicit: str | None) -> Home:
    from ..client.home import resolve_home
    from ..datastore.location import kind_of_root
    from ..datastore.root import find_root

    is_named = (
        explicit
        or settings.get("DEFAULT_METADATA") == "service"
        or settings.get("DATASTORE_SYSROOT_LOCAL")
        or kind_of_root(None, explicit) != "local"
    )
    if not is_named and find_root() is None:
        raise CommandException(
            'Could not find ".metaflow" in the current working tree. Run a flow here first, or name the datastore '
            "with --datastore-root or METAFLOW_DATASTORE_SYSROOT_LOCAL."
        )
    return resolve_home(None, explicit, None, create=False)[0]


def _where(home: Home) -> str:
    parent, name = os.path.split(home.root)
    if name == ROOT_DIRECTORY:
        return f'Working tree found at: "{parent}"'
    return f'{"Kept on this machine in" if home.service else "Index of runs kept in"}: "{home.root}"'


def _lines(home: Home, health: Health) -> list[str]:
    free = f", {size_text(health.free_bytes)} free" if health.free_bytes is not None else ""
    writable = "readable and writable" if health.write_problem is None else f"NOT WRITABLE: {health.write_problem}"
    if home.service and not home.datastore and not os.path.isdir(home.root):
        return ["Datastore: none on this machine yet"]
    return [
        f'Datastore: "{home.location}" ({kind_of(home.location)}), {writable}{free}',
        *([] if home.service else [f"Index of runs: {health.index_problem or 'sound and up to date'}"]),
        *health.notes,
        f"Runs: {health.runs} of {health.flows} {'flow' if health.flows == 1 else 'flows'}",
    ]


def _flows(home: Home) -> list[tuple[Flow, Run | None]]:
    """Every flow with its latest run."""
    from ..client import Metaflow, namespace
    from ..client.provider_choice import read_from

    read_from(home)
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


def _plain(home: Home, health: Health, flows: list[tuple[Flow, Run | None]]) -> dict[str, Any]:
    return {
        "version": __version__,
        "datastore": home.location,
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
