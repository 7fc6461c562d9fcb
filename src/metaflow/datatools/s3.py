"""``S3``, and all that Metaflow has in the module of this name."""

from __future__ import annotations

from metaflow.exception import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InsufficientDiskSpace,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
)

from .client import DataClient
from .objects import S3Object
from .records import RangeInfo, S3GetObject, S3PutObject

__all__ = [
    "S3",
    "MetaflowS3AccessDenied",
    "MetaflowS3Exception",
    "MetaflowS3InsufficientDiskSpace",
    "MetaflowS3InvalidObject",
    "MetaflowS3InvalidRange",
    "MetaflowS3NotFound",
    "MetaflowS3URLException",
    "RangeInfo",
    "S3GetObject",
    "S3Object",
    "S3PutObject",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.datastore.remote_config import Opening

    from .bucket import Bucket


class S3(DataClient):
    """Gets, puts and lists objects in Amazon S3 and in servers that speak its language.

    To be used in a ``with`` block, at whose end temporary files are removed.

    Parameters
    ----------
    tmproot : str, optional
        Directory for temporary files; the setting ``TEMPDIR`` if not given.
    bucket, prefix : str, optional
        With `run`, instead of those of the setting ``DATATOOLS_S3ROOT``.
    run : FlowSpec or Run, optional
        Work on the files of a run: `self` in a step for this one, or a Run of the client.
    s3root : str, optional
        Work on what is below this ``s3://`` address; keys are relative to it. Without `run` and `s3root`, keys are
        complete addresses.
    encryption : str, optional
        How S3 encrypts what is put: ``AES256``, ``aws:kms`` or ``aws:kms:KEY``; the setting
        ``S3_SERVER_SIDE_ENCRYPTION`` if not given.
    role : str, optional
        ARN of a role to assume. This needs boto3.
    session_vars : dict, optional
        As ``boto3.Session()`` takes it; the setting ``DATATOOLS_SESSION_VARS`` if not given.
    client_params : dict, optional
        As ``boto3.client()`` takes it; the setting ``DATATOOLS_CLIENT_PARAMS`` if not given. With what only boto3
        knows, such as ``config``, everything goes through boto3, which is slower.
    external_client : object, optional
        A client of boto3 through which everything goes, instead of one of ours.
    inject_failure_rate : float
        Percentage of tries that are made to fail, to test that they are repeated.

    Raises
    ------
    MetaflowS3URLException
        If `s3root` is no such address, `run` is given outside of a run, or no root for the files of runs is configured.
    MetaflowS3Exception
        If another argument cannot be used.

    Examples
    --------
    >>> with S3(s3root="s3://bucket/prefix") as s3:
    ...     s3.put("greeting", "hello")
    ...     s3.get("greeting").text
    's3://bucket/prefix/greeting'
    'hello'
    """

    scheme = "s3"
    _has_odd_keys = True

    def __init__(
        self,
        tmproot: str | None = None,
        bucket: str | None = None,
        prefix: str | None = None,
        run: Any = None,
        s3root: str | None = None,
        encryption: str | None = None,
        *,
        role: str | None = None,
        session_vars: dict[str, Any] | None = None,
        client_params: dict[str, Any] | None = None,
        external_client: Any = None,
        inject_failure_rate: float = 0,
    ) -> None:
        from .s3_options import boto3_client, options_of

        super().__init__(tmproot, bucket, prefix, run, s3root, inject_failure_rate)
        self._options = options_of(role, session_vars, client_params, encryption)
        self._boto: Any = external_client
        if self._boto is None and self._options.only_for_boto:
            self._boto = boto3_client(self._options)

    def _open(self, bucket: str) -> Bucket:
        if self._boto is not None:
            return self._through_boto(bucket)
        from .odd_keys import OddKeysElsewhere
        from .remote_bucket import RemoteBucket
        from .s3_options import opening_for

        def opening(encryption: str | None) -> Opening:
            return opening_for(bucket, self._options, encryption)

        return OddKeysElsewhere(RemoteBucket("s3", bucket, opening), lambda: self._through_boto(bucket))

    def _through_boto(self, bucket: str) -> Bucket:
        from .boto_bucket import BotoBucket
        from .s3_options import boto3_client

        if self._boto is None:
            # Kept for keys that only boto3 can express; the others go on without it.
            return BotoBucket(boto3_client(self._options), bucket, self._options.encryption)
        return BotoBucket(self._boto, bucket, self._options.encryption)
