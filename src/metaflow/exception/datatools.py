"""What ``S3``, ``GS``, ``Azure`` and ``Local`` raise."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class MetaflowS3Exception(MetaflowException):
    """``S3``, ``GS``, ``Azure`` or ``Local`` could not do what was asked: the base of all that they raise."""

    headline = "S3 access failed"


class MetaflowS3URLException(MetaflowS3Exception):
    """An address, a key or a run is not one, or does not fit how the client was made."""

    headline = "Invalid address"


class MetaflowS3NotFound(MetaflowS3Exception):
    """There is no such object, bucket or local file."""

    headline = "S3 object not found"


class MetaflowS3AccessDenied(MetaflowS3Exception):
    """The credentials are not accepted, or do not allow what was asked."""

    headline = "S3 access denied"


class MetaflowS3InvalidObject(MetaflowS3Exception):
    """What should be stored is neither text, bytes nor a binary stream that can be rewound."""

    headline = "Not a string-like object"


class MetaflowS3InvalidRange(MetaflowS3Exception):
    """The object has none of the bytes that were asked for."""

    headline = "S3 invalid range"


class MetaflowS3InsufficientDiskSpace(MetaflowS3Exception):
    """There is no room on disk for what is downloaded."""

    headline = "Insufficient disk space"
