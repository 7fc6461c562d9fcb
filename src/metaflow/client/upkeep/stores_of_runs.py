"""Which datastores have the files of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.inventory import RunName
    from metaflow.datastore.store import ObjectStore


def runs_by_store(provider: Provider, names: Iterable[RunName]) -> list[tuple[ObjectStore, list[RunName]]]:
    """The runs by the datastore that they are in.

    Parameters
    ----------
    provider : Provider
    names : iterable of (str, str)
        Flow and id of each run.

    Raises
    ------
    DataException
        A run's record names a place that cannot be a datastore.
    """
    grouped: dict[int, tuple[ObjectStore, list[RunName]]] = {}
    for name in names:
        store = provider.store_of(*name)
        grouped.setdefault(id(store), (store, []))[1].append(name)
    return list(grouped.values())
