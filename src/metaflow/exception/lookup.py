"""What is asked of the client and cannot be answered."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class MetaflowNotFound(MetaflowException):
    headline = "Object not found"


class MetaflowNamespaceMismatch(MetaflowException):
    headline = "Object not in the current namespace"

    def __init__(self, namespace: str | None) -> None:
        super().__init__(f"Object not in namespace '{namespace}'")


class MetaflowInvalidPathspec(MetaflowException):
    headline = "Invalid pathspec"


class InvalidQueryException(MetaflowException):
    headline = "Invalid query"


class MetaflowTaggingError(MetaflowException):
    headline = "Tagging error"


class MetaflowUnknownUser(MetaflowException):
    headline = "Unknown user"

    def __init__(self) -> None:
        super().__init__(
            "Metaflow could not determine your user name based on environment variables ($USER etc.). "
            "Set METAFLOW_USER to your name (`root` does not count), for instance: METAFLOW_USER=ada"
        )
