"""Where a datastore is, as one text: a directory of this machine, or a bucket and what its keys begin with.

A location is an absolute path, or ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``azure://container/prefix``. Kinds
of stores are found by name, so that other packages can add theirs through the entry point group
``metaflow.object_stores``: a function that takes a location and returns an ObjectStore. What is read from them passes
through the cache of this machine.
"""

from __future__ import annotations

from metaflow import settings
from metaflow.exception import DataException, MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore

#: Schemes of locations that people write in more than one way.
_OTHER_SCHEMES = {"az": "azure", "gcs": "gs"}

#: Location of the files of a run that Netflix's Metaflow recorded in our service: wherever it keeps them.
WRITTEN_BY_METAFLOW = "metaflow://"
#: Why these cannot be opened.
FILES_OF_METAFLOW = (
    "This run was made with Netflix's Metaflow: its records are here, but its artifacts, logs and cards can be read "
    "with that package only. `metaflow import-runs` brings along those of a local datastore."
)


def kind_of(location: str) -> str:
    """Kind of store that a location names: its scheme, or ``local``.

    Parameters
    ----------
    location : str
        As :func:`location_of` returns it, or as a person writes it.
    """
    scheme, separator, _ = location.partition("://")
    return _OTHER_SCHEMES.get(scheme, scheme) if separator else "local"


def open_store(location: str) -> ObjectStore:
    """Open the datastore at a location. Nothing is contacted before it is used.

    Parameters
    ----------
    location : str

    Returns
    -------
    ObjectStore

    Raises
    ------
    DataException
        If there is no such kind of store here.
    """
    kind = kind_of(location)
    if kind == "local":
        from metaflow.datastore.local import LocalStore

        return LocalStore(location)
    if location == WRITTEN_BY_METAFLOW:
        raise DataException(FILES_OF_METAFLOW)
    from metaflow.registry import load, names

    try:
        make = load("object_stores", kind)
    except KeyError:
        known = ", ".join(["local", *names("object_stores")])
        raise DataException(f"There is no kind of datastore called '{kind}' here ({known}): {location}.") from None
    from metaflow.datastore.cache import open_cache
    from metaflow.datastore.cached import CachedStore

    return CachedStore(location, make(location), open_cache())


def location_of(kind: str, root: str | None) -> str:
    """Location of a datastore that is not on this machine.

    Parameters
    ----------
    kind : str
        As given with ``--datastore``.
    root : str or None
        As given with ``--datastore-root``; otherwise the setting ``DATASTORE_SYSROOT_<KIND>`` says.

    Returns
    -------
    str
        With the kind as its scheme and without a slash at its end.

    Raises
    ------
    DataException
        If no root is known, or it is not of the form that the kind has.
    """
    where = "--datastore-root"
    if root is None:
        setting = f"DATASTORE_SYSROOT_{kind.upper()}"
        where = f"{settings.PREFIX}{setting}"
        root = settings.get(setting) if setting in settings.SETTINGS else None
        if root is None:
            raise DataException(
                f"It is not known where the {kind} datastore is. Give its root with --datastore-root {_example(kind)} "
                f"or with {where}."
            )
    _, separator, rest = root.partition("://")
    if not separator and kind == "azure":
        rest = root
    elif not separator or kind_of(root) != kind:
        raise DataException(f"'{root}' ({where}) is not the root of a {kind} datastore: write it as {_example(kind)}.")
    if kind != "azure":
        rest = rest.rstrip("/")
    if not rest or rest.startswith("/") or rest.endswith("/") or "//" in rest:
        raise DataException(
            f"'{root}' ({where}) is not the root of a {kind} datastore: write it as {_example(kind)}, without slashes "
            "at the beginning or the end, or two in a row."
        )
    return f"{kind}://{rest}"


def name_of_object(store: ObjectStore, key: str) -> str:
    """What a message calls an object: the path of its file, or its address."""
    from metaflow.datastore.cached import CachedStore
    from metaflow.datastore.local import local_file

    if isinstance(store, CachedStore):
        return f"{store.location}/{key}"
    return str(local_file(store, key) or key)


def split_location(location: str) -> tuple[str, str]:
    """Bucket (or container) and prefix of a location; the prefix is empty, or ends with a slash."""
    bucket, _, prefix = location.partition("://")[2].partition("/")
    return bucket, f"{prefix}/" if prefix else ""


def kind_of_root(kind: str | None, root: str | None) -> str:
    """Kind of the datastore that the options ask for.

    Parameters
    ----------
    kind : str or None
        As given with ``--datastore``; otherwise the root's scheme says, and then the setting ``DEFAULT_DATASTORE``.
    root : str or None
        As given with ``--datastore-root``.

    Raises
    ------
    DataException
        If the root looks like an address, but is none.
    MetaflowException
        If the setting cannot be read.
    """
    if root is not None:
        _refuse_broken_address(root)
    if kind is not None:
        return kind
    if root is not None and (found := kind_of(root)) != "local":
        return found
    default: str = settings.get("DEFAULT_DATASTORE")
    if root is not None and default not in ("local", "azure"):
        return "local"  # a directory was named, whatever the default is
    return default


def _refuse_broken_address(root: str) -> None:
    """Tell somebody who wrote ``s3:/bucket`` before a directory of that name is made."""
    scheme, colon, rest = root.partition(":")
    if colon and not rest.startswith("//"):
        from metaflow.registry import names

        kind = _OTHER_SCHEMES.get(scheme, scheme)
        if kind in names("object_stores"):
            raise DataException(f"'{root}' is not the root of a {kind} datastore: write it as {_example(kind)}.")


def check_kind(kind: str) -> None:
    """See that there is such a kind of datastore.

    Raises
    ------
    MetaflowException
        If there is none.
    """
    from metaflow.registry import names

    known = ["local", *names("object_stores")]
    if kind not in known:
        raise MetaflowException(f"There is no kind of datastore called '{kind}': there are {', '.join(known)}.")


def _example(kind: str) -> str:
    return "CONTAINER/PREFIX" if kind == "azure" else f"{kind}://BUCKET/PREFIX"
