"""Which records and datastores the client reads from."""

from __future__ import annotations

import os

from metaflow.client.home import Home, home_of_run, resolve_home
from metaflow.client.provider import Provider
from metaflow.datastore.root import SPIN_DIRECTORY
from metaflow.exception import CommandException, DataException, MetaflowNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_providers: dict[Home, Provider] = {}
# What metadata() was called with.
_chosen: Provider | None = None


def provider_at(home: Home) -> Provider:
    """The provider of a place, one for each."""
    known = _providers.get(home)
    if known is None:
        if home.service:
            from metaflow.client.service_provider import ServiceProvider

            known = ServiceProvider(home)
        elif os.path.basename(home.root) == SPIN_DIRECTORY:
            from metaflow.client.spins import SpinProvider

            known = SpinProvider(home)
        else:
            known = Provider(home)
        _providers[home] = known
    return known


def current_provider() -> Provider:
    """The provider that new client objects read from.

    Raises
    ------
    MetaflowNotFound
        There is no datastore in the working directory or above it, nor was one named.
    """
    if _chosen is not None:
        return _chosen
    own = home_of_run()
    if own is not None:
        return provider_at(own)
    try:
        home, _ = resolve_home(None, None, None, create=False)
    except DataException as error:
        raise MetaflowNotFound(error.message) from error
    return provider_at(home)


def choose_provider(provider: Provider | None) -> Provider | None:
    """Have new client objects read from `provider`, or from the default one if it is None; gives the one before."""
    global _chosen
    before, _chosen = _chosen, provider
    return before


def metadata(ms: str) -> str:
    """Choose the datastore that the client reads from.

    Parameters
    ----------
    ms : str
        The directory that contains a ``.metaflow`` directory, with or without ``local@`` before it; or the address of
        a metadata service, with or without ``service@`` before it.

    Returns
    -------
    str
        Description of the datastore, which can be given to this function again.

    Raises
    ------
    ValueError
        There is no datastore at that place, or no metadata service that can be used.

    Examples
    --------
    >>> metadata("/projects/forecast")
    'local@/projects/forecast'
    >>> metadata("http://metadata.example.com:8080")
    'service@http://metadata.example.com:8080'
    """
    global _chosen
    provider = provider_of(ms)
    provider.check()
    _chosen = provider
    return provider.description


def read_from(home: Home) -> None:
    """Choose what the client reads from."""
    global _chosen
    _chosen = provider_at(home)


def provider_of(description: str) -> Provider:
    """The provider that a description names.

    Raises
    ------
    ValueError
        There is no datastore at that place.
    """
    from pathlib import Path

    if description.startswith(("http://", "https://", "service@")):
        service = f"service@{description.removeprefix('service@')}"
        try:
            return provider_at(resolve_home(None, None, service, create=False)[0])
        except CommandException as error:
            raise ValueError(error.message) from error
    if description.startswith("spin@"):
        return _provider_of_spins(Path(os.path.abspath(Path(description.removeprefix("spin@")).expanduser())))
    place = Path(os.path.abspath(Path(description.removeprefix("local@")).expanduser()))
    for root in (place / ".metaflow", place):
        if root.is_dir() and (root.name == ".metaflow" or (root / "mf-store").is_dir()):
            return provider_at(Home(str(root)))
    raise ValueError(
        f"There is no datastore at '{place}': it has no .metaflow directory. "
        "Give the directory in which the flow was run."
    )


def _provider_of_spins(place: Path) -> Provider:
    root = place if place.name == SPIN_DIRECTORY else place / SPIN_DIRECTORY
    if not root.is_dir():
        raise ValueError(
            f"No step was spun in '{place}': it has no {SPIN_DIRECTORY} directory. Give the directory that contains it."
        )
    return provider_at(Home(str(root)))


def inspect_spin(datastore_root: str = ".") -> str:
    """Let the client read what the ``spin`` command left, instead of the runs; :func:`default_metadata` goes back.

    Parameters
    ----------
    datastore_root : str
        The directory that contains ``.metaflow_spin``.

    Returns
    -------
    str
        Description of the datastore, which can be given to :func:`metadata`.

    Raises
    ------
    ValueError
        No step was spun there.

    Examples
    --------
    >>> inspect_spin(".")
    'spin@/projects/forecast'
    >>> Flow("Training").latest_run.data.accuracy
    0.97
    """
    return metadata(f"spin@{datastore_root}")


def get_metadata() -> str:
    """Describe the datastore that the client reads from.

    Returns
    -------
    str
        ``local@`` and the directory that contains ``.metaflow``, or the working directory if there is none;
        ``service@`` and its address for a metadata service.
    """
    try:
        return current_provider().description
    except MetaflowNotFound:
        return f"local@{os.getcwd()}"


def default_metadata() -> str:
    """Go back to the datastore that is found without :func:`metadata`; inside a task, that of its run.

    Returns
    -------
    str
        Its description.
    """
    global _chosen
    _chosen = None
    return get_metadata()
