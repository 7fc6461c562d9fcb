"""Gangs whose nodes are threads of the test."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from metaflow.datastore.local import LocalStore
from metaflow.datastore.store import ObjectStore
from metaflow.distributed.rendezvous import Rendezvous
from metaflow.flow.parallel_node import Parallel

PREFIX = "mf-store/runs/F/1/gang-nodes/work/2.0/"


def rendezvous_of(store: ObjectStore, index: int, nodes: int) -> Rendezvous:
    return Rendezvous(store, PREFIX, Parallel("127.0.0.1", nodes, index, "2"))


def store_in(path: Path) -> LocalStore:
    path.mkdir(exist_ok=True)
    return LocalStore(str(path))


def on_all_nodes(store: ObjectStore, nodes: int, body: Callable[[Rendezvous], Any]) -> list[Any]:
    """What the body gives on each node; all run at the same time."""
    with ThreadPoolExecutor(nodes) as threads:
        futures: list[Future[Any]] = [
            threads.submit(body, rendezvous_of(store, index, nodes)) for index in range(nodes)
        ]
        return [future.result(60) for future in futures]
