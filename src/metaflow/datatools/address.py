"""Addresses of objects: from what a caller names to URLs, and from these to buckets and keys.

An address of files of this machine has the scheme ``file``, no bucket, and the path without its first slash as its key.
"""

from __future__ import annotations

from operator import index
from typing import NamedTuple

from metaflow import settings
from metaflow.exception import MetaflowS3InvalidRange, MetaflowS3URLException

from .records import S3GetObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Scheme -> name of the class, for messages.
CLASSES = {"s3": "S3", "gs": "GS", "azure": "Azure", "file": "Local"}
#: Schemes that are written in more than one way.
OTHER_SCHEMES = {"az": "azure", "gcs": "gs"}
_ROOT_ARGUMENTS = {"s3": "s3root"}
_EXAMPLES = {"s3": "s3://BUCKET/PREFIX", "gs": "gs://BUCKET/PREFIX", "azure": "azure://CONTAINER/PREFIX"}


class Wanted(NamedTuple):
    """What a caller asked for.

    Attributes
    ----------
    url : str
        Complete address.
    prefix : str or None
        Address that `key` is relative to; None if it is an address itself.
    key : str
    offset : int
    length : int or None
        As in :class:`~metaflow.datatools.records.S3GetObject`.
    """

    url: str
    prefix: str | None
    key: str
    offset: int = 0
    length: int | None = None


def root_of(scheme: str, text: str) -> str:
    """Check the address of a root, and write it in the one way: with its scheme, without slashes at its end.

    Parameters
    ----------
    scheme : str
    text : str
        An address with the scheme. Directories may be written as paths, and for Azure ``CONTAINER/PREFIX`` will do.

    Raises
    ------
    MetaflowS3URLException
        If it is no such address.
    """
    found, separator, rest = text.partition("://") if isinstance(text, str) else ("", "", "")
    if scheme == "file" and not separator:
        import os

        rest = os.path.abspath(os.path.expanduser(text))
    elif scheme == "azure" and not separator:
        rest = text
    elif not separator or OTHER_SCHEMES.get(found, found) != scheme:
        raise MetaflowS3URLException(
            f"{text!r} is not an address for {CLASSES[scheme]}: write it as {_EXAMPLES.get(scheme, 'a directory')}."
        )
    url = f"{scheme}://{rest}".rstrip("/") if rest.strip("/") else f"{scheme}:///"
    split(url)
    return url


def root_of_run(scheme: str, bucket: str | None, prefix: str | None, run: Any) -> str:
    """Where the files of a run are: the configured root, or what is given instead of parts of it, and below it the run.

    Parameters
    ----------
    scheme : str
    bucket, prefix : str or None
        Instead of those of the root that settings name.
    run : FlowSpec or Run
        A flow stands for the run that this task is part of.

    Raises
    ------
    MetaflowS3URLException
        If no root is known, no run is going on, or `run` is neither.
    """
    pathspec = _pathspec(scheme, run)
    configured = _configured_root(scheme)
    if bucket is None and configured is None:
        name = "LOCAL" if scheme == "file" else scheme.upper()
        raise MetaflowS3URLException(
            f"DATATOOLS_{name}ROOT is not configured, so it is not known where {CLASSES[scheme]} should keep the files "
            f"of runs. Set METAFLOW_DATATOOLS_{name}ROOT or METAFLOW_DATASTORE_SYSROOT_{name} to "
            f"{_EXAMPLES.get(scheme, 'a directory')}, or give a bucket."
        )
    default_bucket, default_prefix = split(configured) if configured else ("", "")
    bucket = default_bucket if bucket is None else bucket.partition("://")[2] or bucket
    prefix = default_prefix if prefix is None else prefix
    return root_of(scheme, f"{scheme}://" + "/".join([bucket.strip("/"), *filter(None, [prefix.strip("/")]), pathspec]))


def _configured_root(scheme: str) -> str | None:
    name = "LOCAL" if scheme == "file" else scheme.upper()
    root = settings.get(f"DATATOOLS_{name}ROOT")
    if root:
        return root_of(scheme, root)
    suffix = settings.get("DATATOOLS_SUFFIX")
    if scheme == "file":
        from metaflow.datastore.root import resolve_root

        folder, _ = resolve_root(None, settings.get("DATASTORE_SYSROOT_LOCAL"), create=True)
        return root_of(scheme, f"{folder}/{suffix}")
    root = settings.get(f"DATASTORE_SYSROOT_{name}")
    return root_of(scheme, f"{root.rstrip('/')}/{suffix}") if root else None


def _pathspec(scheme: str, run: Any) -> str:
    from metaflow.flow.spec import FlowSpec

    if isinstance(run, FlowSpec):
        from metaflow.flow.current import current

        if not current.is_running_flow:
            raise MetaflowS3URLException(
                f"{CLASSES[scheme]}(run=self) means the files of the run that is going on, but no run is: "
                "give a Run of the client instead, or a root."
            )
        return f"{current.flow_name}/{current.run_id}"
    pathspec = getattr(run, "pathspec", None)
    if not isinstance(pathspec, str) or pathspec.count("/") != 1:
        raise MetaflowS3URLException(
            f"{CLASSES[scheme]}(run=...) takes `self` in a step, or a Run of the client, not {run!r}."
        )
    return pathspec


def wanted(scheme: str, root: str | None, key: str | S3GetObject | None) -> Wanted:
    """What a caller means by a key.

    Parameters
    ----------
    scheme : str
    root : str or None
        As `root_of` gives it; None if keys are complete addresses.
    key : str, S3GetObject or None
        None means the root itself.

    Raises
    ------
    MetaflowS3URLException
        If it is an address where there is a root, or none where there is no root.
    MetaflowS3InvalidRange
        If the range makes no sense.
    """
    offset: int = 0
    length: int | None = None
    if isinstance(key, S3GetObject):
        given, key = key, key.key
        try:
            offset = 0 if given.offset is None else index(given.offset)
            length = None if given.length is None else index(given.length)
        except TypeError:
            raise MetaflowS3InvalidRange(f"Offset and length are whole numbers, but not in {given}.") from None
        if offset < 0 and not (length is not None and length < 0):
            raise MetaflowS3InvalidRange(
                f"A range of {key!r} cannot begin at {offset}: for the last bytes, give a negative length."
            )
    if key is None and root is not None:
        return Wanted(root, None, root, offset, length)
    if key is not None and not isinstance(key, str):
        raise MetaflowS3URLException(f"A key is text, but {key!r} is of type {type(key).__name__}.")
    if key is not None and not key.isascii():
        _check_text(scheme, key)
    if root is None:
        if key is None or not _is_address(scheme, key):
            example = _EXAMPLES.get(scheme, "file:///DIRECTORY").rpartition("/")[0]
            raise MetaflowS3URLException(
                f"Initialize {CLASSES[scheme]} with '{_ROOT_ARGUMENTS.get(scheme, 'root')}' or 'run' if you don't want "
                f"to specify full {scheme}:// urls. {key!r} is none, such as {example}/KEY."
            )
        url = f"{scheme}://{key.partition('://')[2]}"
        return Wanted(url, None, key, offset, length)
    assert key is not None
    if _is_address(scheme, key):
        raise MetaflowS3URLException(
            f"Don't use absolute {scheme}:// urls when {CLASSES[scheme]} is initialized with a root ({root}). "
            f"URL: {key}"
        )
    relative = key.lstrip("/")
    return Wanted(f"{root.rstrip('/')}/{relative}" if relative else root, root, key, offset, length)


def _check_text(scheme: str, key: str) -> None:
    try:
        # Names of files are bytes, of which those that are no text are in it as surrogates.
        key.encode("utf-8", "surrogateescape" if scheme == "file" else "strict")
    except UnicodeEncodeError:
        raise MetaflowS3URLException(f"A key is text that UTF-8 can express, but {key!r} has surrogates.") from None


def _is_address(scheme: str, key: str) -> bool:
    found, separator, _ = key.partition("://")
    return bool(separator) and OTHER_SCHEMES.get(found, found) == scheme


def split(url: str) -> tuple[str, str]:
    """Bucket and key of a complete address; the key is empty for the bucket itself.

    Raises
    ------
    MetaflowS3URLException
        If there is no bucket in it, or what cannot be the name of one.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "file" and not bucket:
        raise MetaflowS3URLException(f"{url!r} names no bucket: write it as {_EXAMPLES[scheme]}.")
    if scheme == "file" and bucket:
        raise MetaflowS3URLException(f"{url!r} is not an address of files here: write it as file:///DIRECTORY.")
    # The rest of what a name must obey is the server's to say; this is what would become something else in a URL.
    if not bucket.replace("-", "").replace(".", "").replace("_", "").replace("$", "").isalnum() and bucket:
        raise MetaflowS3URLException(f"'{bucket}' in {url!r} cannot be the name of a bucket.")
    return bucket, key


def object_in(url: str) -> tuple[str, str]:
    """Bucket and key of an object.

    Raises
    ------
    MetaflowS3URLException
        If the address names a whole bucket, or none.
    """
    bucket, key = split(url)
    if not key:
        raise MetaflowS3URLException(f"{url!r} names no object, only where objects are: add a key.")
    return bucket, key
