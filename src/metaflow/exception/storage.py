"""What can go wrong with artifacts and with records."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class MetaflowDataMissing(MetaflowException):
    headline = "Data missing"


class RunDeleted(MetaflowDataMissing):
    """What is asked for belongs to a run that was deleted, or is being deleted right now."""

    headline = "Run deleted"


class DataException(MetaflowException):
    headline = "Data store error"


class UnpicklableArtifactException(DataException):
    headline = "Cannot pickle artifact"


class SkippedArtifactException(DataException):
    headline = "Artifact was not stored"


class CorruptedDataException(DataException):
    headline = "Corrupted data"


class AccessDenied(DataException):
    """An object store does not accept the credentials, or does not let them do what was asked."""

    headline = "Access denied"


class BucketMissing(DataException):
    """There is no such bucket or container."""

    headline = "Bucket missing"


class StoreUnavailable(DataException):
    """An object store cannot be reached, does not answer, or has too much to do, also after retries."""

    headline = "Object store unavailable"


class MetadataException(MetaflowException):
    headline = "Metadata store error"


class DatabaseUnavailable(MetadataException):
    """The database cannot be reached, or has no place for another connection. The same may succeed later."""


class UnrecordableEvent(MetadataException):
    """An event has what the metadata store cannot hold: to record it again is in vain, and others are not concerned."""


class DamagedRecord(MetadataException):
    """What is kept of a run or of a task cannot be understood; the metadata store itself works."""


class ServiceException(MetadataException):
    """The metadata service refused, or did not answer.

    Attributes
    ----------
    http_code : int or None
        Status of its answer.
    response : str or None
        Its answer.
    """

    headline = "Metaflow service error"

    def __init__(self, msg: str, http_code: int | None = None, body: str | None = None) -> None:
        super().__init__(msg)
        self.http_code = http_code
        self.response = body


class ServiceUnavailable(ServiceException):
    """The metadata service cannot be reached, or cannot work, at the moment: the same request may succeed later."""

    headline = "Metaflow service unavailable"
