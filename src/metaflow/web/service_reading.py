"""What a team's server reads of runs: records from its own database, files only from where its settings allow.

A run's record says where its files are, and anybody who may write records may say anything. So nothing is opened that
is not at or below a place that whoever runs the server has named.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow import settings
from metaflow.client.home import Home
from metaflow.client.service_provider import ServiceProvider
from metaflow.datastore.layout import run_key
from metaflow.datastore.location import FILES_OF_METAFLOW, WRITTEN_BY_METAFLOW, kind_of, location_of, open_store
from metaflow.datastore.root import ROOT_DIRECTORY, find_root
from metaflow.exception import DataException, MetaflowException
from metaflow.web.contained_store import ContainedStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore

_SHARED_KINDS = ("s3", "gs", "azure")


class TeamProvider(ServiceProvider):
    """Reads the records of a service in its own process, and files of runs where that is allowed.

    Parameters
    ----------
    database : MetadataStore
        The service's database.
    places : iterable of str
        Locations of datastores, or what these begin with, that may be read.
    may_write : bool
        Whether runs may be set right whose processes died.
    """

    # Whoever may write records or files could have the server end any process, or connect to any host.
    trusts_runs = False

    def __init__(self, database: MetadataStore, places: Iterable[str], may_write: bool = True) -> None:
        super().__init__(Home(os.devnull, service="metaflow server"), database, may_write)
        self._places = tuple(places)

    @property
    def description(self) -> str:
        """What pages call the place."""
        return "metadata service"

    def check(self) -> None:
        """The records are in this very process."""

    def store_of(self, flow: str, run_id: str) -> ObjectStore:
        """The datastore that has the files of a run.

        Raises
        ------
        DataException
            The server may not read there, or cannot.
        """
        location = self._locations.get((flow, run_id))
        if location is None:
            run = self.index.run(flow, run_id)
            if run is None:
                raise DataException(f"The run {flow}/{run_id} is not known.")
            location = self._locations[flow, run_id] = run.datastore
        return self.store_at(location)

    def store_at(self, location: str) -> ObjectStore:
        store = self._stores.get(location)
        if store is None:
            found = allowed_location(location, self._places)
            store = ContainedStore(found) if kind_of(found) == "local" else open_store(found)
            self._stores[location] = store
        return store

    def _opened_index(self) -> MetadataStore:
        assert self._given is not None
        return self._given

    def _readable_store(self, run: RunRecord) -> ObjectStore | None:
        try:
            store = self.store_at(run.datastore)
            key = run_key(run.flow, run.run_id)
        except DataException:
            return None
        if kind_of(run.datastore) == "local" and not os.path.exists(os.path.join(run.datastore, key)):
            return None
        return store

    def _adopted(self, flow: str, run_id: str) -> RunRecord | None:
        """Of runs that the service has not heard of, it knows nothing."""
        return None


def allowed_location(location: str, places: Iterable[str]) -> str:
    """The location of a datastore, if it may be read.

    Parameters
    ----------
    location : str
        As a run's record has it.
    places : iterable of str
        Locations, and what locations begin with, that may be read.

    Returns
    -------
    str
        The location to open: a directory without any links on the way, or as it was given.

    Raises
    ------
    DataException
        It may not be read, or is none.
    """
    if location == WRITTEN_BY_METAFLOW:
        raise DataException(FILES_OF_METAFLOW)
    if kind_of(location) == "local":
        # Links are followed first: what counts is where the files are.
        found = os.path.realpath(location) if os.path.isabs(location) and "\0" not in location else ""
        allowed = any(
            _is_below(found, os.path.realpath(place), os.sep) for place in places if kind_of(place) == "local"
        )
    else:
        _, _, rest = location.partition("://")
        found = location if not {"", ".", ".."} & set(rest.split("/")) and rest.isprintable() else ""
        allowed = any(_is_below(f"{kind_of(location)}://{rest}", _plain(place), "/") for place in places)
    if found and allowed:
        return found
    raise DataException(
        f"The files of this run are in {location!r:.300}, which this server may not read. Whoever runs it can allow "
        "that with the setting METAFLOW_SERVER_DATASTORES, a list of datastores or of what their addresses begin with."
    )


def configured_places() -> tuple[str, ...]:
    """Locations of the datastores that a server may read: those that are listed, else those that the settings name.

    Raises
    ------
    CommandException
        The list has what is no location.
    """
    listed = settings.get("SERVER_DATASTORES")
    if listed:
        return tuple(_place(str(each)) for each in listed)
    found = []
    for kind in _SHARED_KINDS:
        try:
            if settings.get(f"DATASTORE_SYSROOT_{kind.upper()}"):
                found.append(location_of(kind, None))
        except MetaflowException:
            continue  # it names none, and whoever uses it is told so
    sysroot = settings.get("DATASTORE_SYSROOT_LOCAL")
    local = None if sysroot else find_root()
    return (*found, str(local or os.path.join(os.path.abspath(sysroot or "."), ROOT_DIRECTORY)))


def _place(text: str) -> str:
    from metaflow.exception import CommandException

    if kind_of(text) == "local" and not os.path.isabs(text):
        raise CommandException(
            f"METAFLOW_SERVER_DATASTORES has {text!r}, which is no place: give absolute paths of directories, and "
            "addresses such as s3://bucket/prefix."
        )
    return text.rstrip("/") or "/"


def _plain(place: str) -> str:
    return f"{kind_of(place)}://{place.partition('://')[2].rstrip('/')}" if "://" in place else ""


def _is_below(location: str, place: str, separator: str) -> bool:
    if not location or not place:
        return False
    return location == place or location.startswith(place.rstrip(separator) + separator)
