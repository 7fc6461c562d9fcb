"""Failures of requests to object stores, as the errors of ``S3``."""

from __future__ import annotations

from metaflow.exception import (
    AccessDenied,
    BucketMissing,
    DataException,
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
)

from .bucket import TryAgain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.remote_errors import Failure

_BUSY_STATUSES = {429, 500, 502, 503, 504}


def told(failure: Failure, action: str, url: str) -> MetaflowS3Exception | TryAgain:
    """The error to raise for a failed request.

    Parameters
    ----------
    failure : Failure
    action : str
        ``read``, ``write`` or ``list``.
    url : str

    Returns
    -------
    MetaflowS3Exception or TryAgain
    """
    from metaflow.datastore.remote_errors import explain

    if failure.status == 416 or failure.code == "InvalidRange" or "Wanted range starting" in failure.text:
        return MetaflowS3InvalidRange(f"There are no such bytes in {url}.")
    if failure.bucket_missing or (failure.object_missing and action != "read"):
        return missing_bucket(action, url)
    error = of_store(explain(failure, action, url))
    if failure.status in _BUSY_STATUSES or failure.passing:
        return TryAgain(error)
    return error


def missing_bucket(action: str, url: str) -> MetaflowS3NotFound:
    """The error for what is in no bucket."""
    scheme, _, rest = url.partition("://")
    container = "container" if scheme == "azure" else "bucket"
    return MetaflowS3NotFound(
        f"Cannot {action} {url}: there is no {container} '{rest.partition('/')[0]}'. Create it, or check the address."
    )


def of_store(error: DataException) -> MetaflowS3Exception:
    """An error of the room of stores, as one of this room."""
    kinds = {AccessDenied: MetaflowS3AccessDenied, BucketMissing: MetaflowS3NotFound}
    make = kinds.get(type(error), MetaflowS3Exception)
    return make(error.message)
