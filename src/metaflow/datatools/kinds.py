"""Other kinds of stores than S3: ``GS``, ``Azure`` and ``Local``."""

from __future__ import annotations

from metaflow.exception import MetaflowS3URLException

from .address import CLASSES, OTHER_SCHEMES
from .client import DataClient
from .s3 import S3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .bucket import Bucket


class _Remote(DataClient):
    def _open(self, bucket: str) -> Bucket:
        from metaflow.datastore.remote_config import opening_of

        from .odd_keys import OddKeysElsewhere
        from .remote_bucket import RemoteBucket

        return OddKeysElsewhere(RemoteBucket(self.scheme, bucket, lambda _: opening_of(self.scheme, bucket)), None)


class GS(_Remote):
    """Gets, puts and lists objects in Google Cloud Storage. It is used as :class:`S3` is; `root` is ``gs://...``.

    The files of runs are below the setting ``DATATOOLS_GSROOT``.
    """

    scheme = "gs"


class Azure(_Remote):
    """Gets, puts and lists blobs in Azure. It is used as :class:`S3` is; `root` is ``azure://CONTAINER/PREFIX``.

    The files of runs are below the setting ``DATATOOLS_AZUREROOT``.
    """

    scheme = "azure"


class Local(DataClient):
    """Gets, puts and lists files of this machine. It is used as :class:`S3` is; `root` is a directory.

    The files of runs are below the setting ``DATATOOLS_LOCALROOT``. Metadata and content types are kept in hidden
    files beside them.
    """

    scheme = "file"

    def _open(self, bucket: str) -> Bucket:
        from .local_bucket import LocalBucket

        return LocalBucket()


def open_data(url: str, **options: Any) -> DataClient:
    """Open what is below an address, whatever kind of store that is in.

    Parameters
    ----------
    url : str
        ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, ``azure://CONTAINER/PREFIX``, ``file:///DIRECTORY`` or the path
        of a directory.
    options
        What the class for that kind of store takes besides.

    Returns
    -------
    S3, GS, Azure or Local

    Raises
    ------
    MetaflowS3URLException
        If there is no such kind of store.

    Examples
    --------
    >>> with open_data("gs://bucket/prefix") as data:
    ...     tables = data.get_recursive(["tables"])
    """
    scheme, separator, _ = url.partition("://")
    kind = OTHER_SCHEMES.get(scheme, scheme) if separator else "file"
    kinds: dict[str, Callable[..., DataClient]] = {"gs": GS, "azure": Azure, "file": Local}
    if kind == "s3":
        return S3(s3root=url, **options)
    if kind not in kinds:
        known = ", ".join(f"{name}://" for name in CLASSES)
        raise MetaflowS3URLException(f"There is no kind of store for {url!r}: there are {known}.")
    return kinds[kind](root=url, **options)
