"""``metaflow ui``: the web app over the runs of the project in the working directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.home import Home, resolve_home
from metaflow.datastore.root import ROOT_DIRECTORY
from metaflow.exception import DataException, MetadataException, MetaflowUnknownUser
from metaflow.identity import get_username
from metaflow.server.configuration import ServerSettings
from metaflow.server.listening import address_of, allow_many_connections, listen, listen_on_first_free
from metaflow.server.tokens import token_of_person
from metaflow.web.access.project_token import project_name, project_token
from metaflow.web.access.sign_in import OneTimeCodes

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from metaflow.client.provider import Provider
    from metaflow.server.database import Database

#: Where the app is if no port is given; one of the next ones, if that is taken.
PORTS = range(8700, 8750)
#: Days for which events are kept for pages that were away.
_EVENT_DAYS = 1
#: Seconds that answers have to end at Ctrl-C.
_GRACE_SECONDS = 3


class Options(NamedTuple):
    """What ``metaflow ui`` was asked for.

    Attributes
    ----------
    host : str
        Where to listen.
    port : int or None
        The port; 0 for any that is free, None for the usual one or one of the next.
    open_browser : bool
        Whether a browser is opened.
    read_only : bool
        Whether nothing can be changed from a page.
    datastore_root : str or None
        Root of the datastore; None to find it.
    metadata : str or None
        Kind of metadata store; None for what the settings say.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    open_browser: bool = True
    read_only: bool = False
    datastore_root: str | None = None
    metadata: str | None = None


def serve_project(options: Options, announce: Callable[[str], None]) -> None:
    """Serve the app until the process is told to end.

    Parameters
    ----------
    options : Options
    announce : callable
        Told, in lines for people, where the app is.

    Raises
    ------
    CommandException
        It cannot be served there.
    DataException
        The datastore that was named is not there.
    """
    show = _show if options.open_browser else _show_nothing
    home = home_to_show(options)
    if home.service:
        from metaflow.web.service_app import point_to_service

        point_to_service(home.service, show, announce)
        return
    listener = listen_on_first_free(options.host, PORTS) if options.port is None else listen(options.host, options.port)
    try:
        _serve(options, home, listener, show, announce)
    finally:
        listener.close()


def home_to_show(options: Options) -> Home:
    """Where the runs are; where they will be, if none was started here yet.

    Raises
    ------
    DataException
        There is nothing at the place that was named.
    """
    try:
        return resolve_home(None, options.datastore_root, options.metadata, create=False)[0]
    except DataException:
        if options.datastore_root is not None:
            raise
        from metaflow import settings

        place = settings.get("DATASTORE_SYSROOT_LOCAL")
        return Home(str((Path(place) if place else Path.cwd()).absolute() / ROOT_DIRECTORY))


def _serve(
    options: Options,
    home: Home,
    listener: socket.socket,
    show: Callable[[str], None],
    announce: Callable[[str], None],
) -> None:
    token = project_token(home.root)
    codes = OneTimeCodes(token)
    address = f"{address_of(options.host, listener)}/ui/#token="
    # It starts while the libraries are imported. Other users can see what it is started with: a code is of no use to
    # them once it was used.
    show(address + codes.make())
    from metaflow.server.logs import set_up_logs
    from metaflow.server.serving import http_server
    from metaflow.web.pages import DIRECTORY, NOT_BUILT
    from metaflow.web.serving import create_web_app

    set_up_logs("text", "warning")
    allow_many_connections()
    settings = ServerSettings(
        host=options.host,
        tokens=(token_of_person(_user(), token),),
        read_only=options.read_only,
        event_days=_EVENT_DAYS,
        project=project_name(token),
    )
    database, provider = open_project(home, options.read_only)
    documents = own_documents(home)
    try:
        app = create_web_app(database, provider, settings, Path.cwd(), documents, codes)
        text = _announcement(home, options, address + token)
        if not (DIRECTORY / "index.html").exists():
            text += f"\n{NOT_BUILT}"
        http_server(app, lambda: announce(text), _GRACE_SECONDS).run(sockets=[listener])
        announce("The web app has ended.")
    finally:
        documents.close()
        database.close()


def open_project(home: Home, read_only: bool = False) -> tuple[Database, Provider]:
    """Open what the app reads of a project: its index, and what reads the datastores of its runs.

    Parameters
    ----------
    home : Home
        Where the runs are.
    read_only : bool
        Whether nothing may be written there.
    """
    from metaflow.client.provider import Provider
    from metaflow.datastore.layout import INDEX_KEY
    from metaflow.metadata_store.served_index import ServedIndex

    index = ServedIndex(Path(home.root) / INDEX_KEY)
    if home.datastore and not read_only:
        # It is filled while pages are open already, not by whoever asks first; see `web.arrivals`.
        try:
            index.create()
        except MetadataException:
            pass  # told to whoever asks
    provider = Provider(home, index, may_write=not read_only)
    if not read_only:
        return index, provider
    try:
        found: Database = provider.index  # type: ignore[assignment]  # made in memory if the file is missing
    except (DataException, MetadataException):
        found = index  # what is wrong is told to whoever asks
    return found, provider


def own_documents(home: Home) -> Database:
    """What the app keeps that no run has written: who did what, views that were saved. Made when it is first needed."""
    from metaflow.datastore.layout import APP_KEY
    from metaflow.metadata_store.sqlite import SqliteMetadata
    from metaflow.metadata_store.sqlite_file import SERVICE

    purpose = SERVICE._replace(name="What the web app keeps", when_damaged="Move the file away: a new one is begun.")
    return SqliteMetadata(Path(home.root) / APP_KEY, purpose=purpose)


def _announcement(home: Home, options: Options, address: str) -> str:
    mode = ", for reading only" if options.read_only else ""
    text = f"The web app on the runs in {home.location}{mode}:\n\n    {address}\n"
    if not ServerSettings(host=options.host).is_on_loopback:
        text += (
            "\nWhoever has this address can use it from other machines too. It is plain HTTP: across a network that "
            "others can listen to, put a proxy with HTTPS before it.\n"
        )
    return f"{text}\nCtrl-C ends it."


def _user() -> str:
    try:
        return get_username()
    except MetaflowUnknownUser:
        return "you"


def _show(address: str) -> None:
    from threading import Thread

    from metaflow.cards.opening import open_in_browser

    # Some browsers return only when their window is closed.
    Thread(target=open_in_browser, args=(address,), daemon=True).start()


def _show_nothing(_address: str) -> None:
    pass
