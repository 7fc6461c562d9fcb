"""Where runs are kept: a directory of this machine, and the datastore and the metadata service that go with it."""

from __future__ import annotations

import os
from typing import NamedTuple

from metaflow.datastore.root import ROOT_DIRECTORY, SPIN_DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.store import MetadataStore


class Home(NamedTuple):
    """Where runs are kept.

    Attributes
    ----------
    root : str
        Absolute path of a directory of this machine (``.metaflow``): the datastore and the index of runs, as far as
        these are not elsewhere, and what waits to be sent to them.
    datastore : str
        Location of the datastore that new runs use, if that is not `root`; see
        :mod:`metaflow.datastore.location`. Each run remembers its own.
    service : str
        Address of the metadata service that has the records of runs; empty if the index in `root` has.
    """

    root: str
    datastore: str = ""
    service: str = ""

    @property
    def location(self) -> str:
        """Location of the datastore, wherever it is."""
        return self.datastore or self.root

    @property
    def recorded_datastore(self) -> str:
        """What a run's record says of its datastore: nothing if that is in the same directory as the index."""
        return self.location if self.service or self.datastore else ""

    @property
    def metadata(self) -> str:
        """Where the records are, as ``metadata()`` takes it: ``local@``, ``spin@`` or ``service@`` and the place."""
        if self.service:
            return f"service@{self.service}"
        parent, name = os.path.split(self.root)
        if name == SPIN_DIRECTORY:
            return f"spin@{parent}"
        return f"local@{parent if name == ROOT_DIRECTORY else self.root}"

    @property
    def outbox(self) -> str:
        """Directory of the records that wait for the metadata service."""
        from metaflow.datastore.layout import STORE_DIRECTORY

        return os.path.join(self.root, STORE_DIRECTORY, "outbox")

    @property
    def shown_datastore(self) -> str:
        """The datastore, as it is named to a person who waits for it."""
        return f"the datastore {self.location}"

    def open_store(self) -> ObjectStore:
        """Open the datastore."""
        from metaflow.datastore.location import open_store

        return open_store(self.location)

    def open_index(self) -> MetadataStore:
        """Open the store of records. Nothing is contacted or created before it is used."""
        if self.service:
            from metaflow.registry import load

            store: MetadataStore = load("metadata_stores", "service")(self.service)
            return store
        from pathlib import Path

        from metaflow.datastore.layout import INDEX_KEY
        from metaflow.metadata_store.sqlite import SqliteMetadata

        return SqliteMetadata(Path(self.root) / INDEX_KEY)


_home_of_run: Home | None = None


def set_home_of_run(home: Home | None) -> None:
    """Say, in a process of a run, where the run is kept: the default of everything that reads there."""
    global _home_of_run
    _home_of_run = home


def home_of_run() -> Home | None:
    """Where the run is kept that this process belongs to; None outside of one."""
    return _home_of_run


def resolve_home(
    datastore: str | None, datastore_root: str | None, metadata: str | None, create: bool
) -> tuple[Home, bool]:
    """Decide where runs are kept, by the options of a command line and by the settings.

    With a metadata service, and a datastore that is elsewhere or only read, no ``.metaflow`` is needed, nor by who only
    reads a datastore that is elsewhere: what has to be on this machine is then in the user's own directory of such
    things.

    Parameters
    ----------
    datastore : str or None
        Kind of datastore, as given with ``--datastore``.
    datastore_root : str or None
        As given with ``--datastore-root``.
    metadata : str or None
        ``local`` or ``service``, as given with ``--metadata``; or ``service@`` and the address of the service.
    create : bool
        Whether a directory that does not exist is created; readers say False.

    Returns
    -------
    tuple of Home and bool
        Where it is, and whether this call created the directory.

    Raises
    ------
    DataException
        If there is no such place, or it cannot be created.
    MetaflowException
        If the settings ask for what there is not.
    """
    from metaflow import settings
    from metaflow.datastore.location import check_kind, kind_of_root, location_of
    from metaflow.datastore.root import find_root, resolve_root

    kind = kind_of_root(datastore, datastore_root)
    check_kind(kind)
    service = _service_url(metadata or settings.get("DEFAULT_METADATA"))
    sysroot = settings.get("DATASTORE_SYSROOT_LOCAL")
    location = "" if kind == "local" else location_of(kind, datastore_root)
    explicit = None if location else datastore_root
    if not (explicit or sysroot or find_root()):
        if service and (location or not create):
            return Home(_own_directory(), location, service), False
        if location and not create:
            return Home(_index_directory(location), location), False
    root, created = resolve_root(explicit, sysroot, create)
    return Home(str(root), location, service), created


def _own_directory() -> str:
    """The user's directory of what programs keep; made when there is something to keep."""
    folder = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(folder, "metaflow")


def _index_directory(location: str) -> str:
    """The user's directory for the index of a datastore that is only looked at here; made if it is not there yet."""
    from blake3 import blake3

    from metaflow.datastore.file_errors import file_error

    path = os.path.join(_own_directory(), blake3(location.encode()).hexdigest(8))
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise file_error("create the directory for an index of runs", path, error) from error
    return path


def _service_url(metadata: str) -> str:
    from metaflow import settings
    from metaflow.exception import CommandException

    if metadata == "local":
        return ""
    kind, _, url = metadata.partition("@")
    if kind != "service":
        raise CommandException(f"There is no kind of metadata store called '{metadata}': there are local, service.")
    where = "as given" if url else "METAFLOW_SERVICE_URL"
    url = str(url or settings.get("SERVICE_URL") or "").rstrip("/")
    if not url:
        raise CommandException(
            "The metadata service is asked for, but not where it is. Set METAFLOW_SERVICE_URL to its address, such as "
            "http://metadata.example.com:8080, or use --metadata local."
        )
    scheme, separator, rest = url.partition("://")
    if "@" in (rest if separator else url).partition("/")[0]:
        # It would be recorded with runs, and shown.
        raise CommandException(
            f"The address of the metadata service ({where}) must not hold a password. Give the token of the service "
            "with METAFLOW_SERVICE_AUTH_KEY, and other credentials with METAFLOW_SERVICE_HEADERS."
        )
    if not separator or scheme not in ("http", "https") or not rest:
        raise CommandException(
            f"'{url}' ({where}) is not the address of a metadata service: it begins with http:// or https://."
        )
    return url
