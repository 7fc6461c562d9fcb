"""Steps that are spun right now on tasks of runs: they read there, from a datastore of their own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from metaflow import settings
from metaflow.client.recovery import stored_run
from metaflow.datastore.layout import runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.root import SPIN_DIRECTORY
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.liveness import is_alive

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from metaflow.client.upkeep.inventory import RunName

# A task may run for five days at most; the id of a spun step is the microsecond at which it began.
_LONGEST_SECONDS = 5 * 86400.0


def spins_by_origin(root: str, runs: Collection[RunName]) -> dict[RunName, str]:
    """Spun steps of this machine that read from runs now.

    Parameters
    ----------
    root : str
        Directory in which the runs are, or their index.
    runs : collection of (str, str)
        The runs that are asked about.

    Returns
    -------
    dict of (str, str) to str
        The run, and the spun step that reads from it.
    """
    found: dict[RunName, str] = {}
    for store in _spin_stores(root):
        for flow in {flow for flow, _ in runs}:
            for run_id in store.list(runs_prefix(flow), folders=True):
                if not run_id.isdecimal() or int(run_id) / 1e6 < time.time() - _LONGEST_SECONDS:
                    continue
                try:
                    spin = stored_run(store, flow, run_id)
                except (DataException, MetadataException):
                    continue
                if spin is None or spin.status != "running" or spin.origin_run_id is None:
                    continue
                if (flow, spin.origin_run_id) in runs and is_alive(spin.host, spin.pid, spin.process_started):
                    found[flow, spin.origin_run_id] = f"{flow}/{run_id}, process {spin.pid}"
    return found


def _spin_stores(root: str) -> Iterator[LocalStore]:
    parents = {os.path.dirname(root), settings.get("DATASTORE_SYSROOT_SPIN")}
    for parent in sorted(filter(None, parents)):
        path = os.path.join(parent, SPIN_DIRECTORY)
        if os.path.isdir(path):
            yield LocalStore(path)
