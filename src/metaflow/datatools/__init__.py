"""Files in S3, Google Cloud Storage, Azure or a directory: ``S3``, ``GS``, ``Azure`` and ``Local``.

Names are imported when they are first used; the stores' libraries when something is moved.
"""

from __future__ import annotations

from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.exception import (
        MetaflowS3AccessDenied as MetaflowS3AccessDenied,
        MetaflowS3Exception as MetaflowS3Exception,
        MetaflowS3InsufficientDiskSpace as MetaflowS3InsufficientDiskSpace,
        MetaflowS3InvalidObject as MetaflowS3InvalidObject,
        MetaflowS3InvalidRange as MetaflowS3InvalidRange,
        MetaflowS3NotFound as MetaflowS3NotFound,
        MetaflowS3URLException as MetaflowS3URLException,
    )

    from .asynchronous import AsyncData as AsyncData, AsyncS3 as AsyncS3
    from .client import DataClient as DataClient
    from .kinds import GS as GS, Azure as Azure, Local as Local, open_data as open_data
    from .objects import S3Object as S3Object
    from .records import RangeInfo as RangeInfo, S3GetObject as S3GetObject, S3PutObject as S3PutObject
    from .s3 import S3 as S3

_WHERE = {
    "AsyncData": "metaflow.datatools.asynchronous",
    "AsyncS3": "metaflow.datatools.asynchronous",
    "Azure": "metaflow.datatools.kinds",
    "DataClient": "metaflow.datatools.client",
    "GS": "metaflow.datatools.kinds",
    "Local": "metaflow.datatools.kinds",
    "MetaflowS3AccessDenied": "metaflow.exception",
    "MetaflowS3Exception": "metaflow.exception",
    "MetaflowS3InsufficientDiskSpace": "metaflow.exception",
    "MetaflowS3InvalidObject": "metaflow.exception",
    "MetaflowS3InvalidRange": "metaflow.exception",
    "MetaflowS3NotFound": "metaflow.exception",
    "MetaflowS3URLException": "metaflow.exception",
    "RangeInfo": "metaflow.datatools.records",
    "S3": "metaflow.datatools.s3",
    "S3GetObject": "metaflow.datatools.records",
    "S3Object": "metaflow.datatools.objects",
    "S3PutObject": "metaflow.datatools.records",
    "open_data": "metaflow.datatools.kinds",
}

__all__ = [*_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)
