"""Every error a user can meet, on one page.

::

    MetaflowException                         a flow, a command or its data is at fault; shown without traceback
    ├── CommandException                      a command was given something it cannot use
    │   └── RunIdTaken                        the id that was asked for belongs to another run
    ├── InvalidDecoratorAttribute             a decorator got an attribute it does not have, or a wrong value
    ├── ParameterFieldFailed, ParameterFieldTypeMismatch
    ├── ConfigException                       a config is missing or malformed, or does not have what is asked of it
    ├── UserDecoratorException                a decorator or mutator of the user's own does what it cannot do
    ├── InvalidNextException                  self.next() was called wrongly while a step ran
    ├── LintWarn                              the flow's graph breaks a rule
    ├── PyLintWarn                            pylint found an error in the flow's file
    ├── TaskFailed                            a run stopped because a task failed
    ├── CannotResume                          a run exists, but cannot be resumed as it is
    ├── CannotCancel                          a run exists, but there is nothing of it that could be ended
    ├── CannotStart                           a run that was asked for has not begun
    ├── CannotDelete                          a run exists, but cannot be deleted now
    ├── TimeoutException                      @timeout interrupted a step
    ├── FailureHandledByCatch                 what @catch stores when the task's process died
    ├── MergeArtifactsException               merge_artifacts() was misused
    │   ├── UnhandledInMergeArtifactsException
    │   └── MissingInMergeArtifactsException
    ├── MetaflowNotFound, MetaflowNamespaceMismatch, MetaflowInvalidPathspec     client lookups
    ├── InvalidQueryException                 a search for runs or tasks asks for what makes no sense
    ├── MetaflowTaggingError, MetaflowUnknownUser
    ├── MetaflowDataMissing                   a task has no such artifact, or left nothing behind
    │   └── RunDeleted                        the run that it belongs to was deleted
    ├── DataException                         artifacts cannot be written or read
    │   ├── UnpicklableArtifactException
    │   ├── SkippedArtifactException          an artifact was left out because it cannot be pickled
    │   ├── CorruptedDataException            stored bytes are missing, cut short or altered
    │   ├── AccessDenied                      an object store does not accept the credentials, or what they ask for
    │   ├── BucketMissing                     an object store has no such bucket or container
    │   └── StoreUnavailable                  an object store cannot be reached, or is too busy
    ├── MetaflowS3Exception                   S3, GS, Azure or Local could not do what was asked
    │   ├── MetaflowS3URLException            an address, a key or a run is not one, or does not fit the others
    │   ├── MetaflowS3NotFound                there is no such object, bucket or local file
    │   ├── MetaflowS3AccessDenied            the credentials are not accepted, or do not allow it
    │   ├── MetaflowS3InvalidObject           what should be stored is neither text, bytes nor a stream
    │   ├── MetaflowS3InvalidRange            the object has no such bytes
    │   └── MetaflowS3InsufficientDiskSpace   there is no room for what is downloaded
    ├── MetadataException                     the index of runs cannot be written or read
    │   ├── DatabaseUnavailable               the database of a metadata service cannot be reached now
    │   ├── UnrecordableEvent                 an event has what no database of records can hold
    │   └── ServiceException                  the metadata service refused, or did not answer
    │       └── ServiceUnavailable            it cannot be reached now, or cannot work now: worth another try later
    ├── InvalidEnvironmentException           steps cannot have the packages that they ask for
    ├── ArgoEventException                    an event could not be sent
    ├── NonUniqueFileNameToFilePathMappingException    two files want one place in a code package
    ├── SecretsException                      a secret cannot be fetched, or cannot be used
    ├── CardException                         a card cannot be made, or not be found
    │   ├── CardClassFoundException           there is no type of cards of that name
    │   ├── TypeRequiredException, IncorrectCardArgsException     @card says something that makes no sense
    │   ├── UnrenderableCardException         the class of a card gave no page
    │   ├── ComponentOverwriteNotSupportedException    a component of a card cannot be put in another one's place
    │   ├── CardNotPresentException           a task has no such card
    │   └── IncorrectArgumentException, IncorrectPathspecException, TaskNotFoundException,
    │       UnresolvableDatastoreException    cards are asked for of what is no task, or cannot be read
    ├── ExternalCommandFailed
    ├── MulticoreException                    a process of parallel_map() failed
    ├── InvalidComponentArgument              a component of a card got an argument that it cannot show
    └── MetaflowInternalError                 a promise of the runtime was broken

``MetaflowExceptionWrapper`` is not one of them: it is the artifact that records any exception of user code.
"""

from __future__ import annotations

from metaflow.error_text import format_error, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Exit status of a task process that failed and must not be retried.
METAFLOW_EXIT_DISALLOW_RETRY = 202
#: Exit status of a task process that failed and may be retried.
METAFLOW_EXIT_ALLOW_RETRY = 203


class MetaflowException(Exception):
    """Base of the errors that are shown to a person as a headline and a message, without a traceback.

    Parameters
    ----------
    msg : str
        What happened, why, and what to do about it.
    lineno : int, optional
        Line of the flow's source that the error is about.
    source_file : str, optional
        File that `lineno` refers to.
    """

    headline = "Flow failed"

    def __init__(self, msg: str = "", lineno: int | None = None, source_file: str | None = None) -> None:
        self.message = msg
        self.line_no = lineno
        self.source_file = source_file
        super().__init__(msg)

    def __str__(self) -> str:
        return f"line {self.line_no}: {self.message}" if self.line_no else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_restore, (type(self), self.args, self.__dict__))


def _restore(cls: type[MetaflowException], args: tuple[object, ...], state: dict[str, object]) -> MetaflowException:
    """Rebuild a pickled exception without calling its constructor, whose signature differs by class."""
    exception = cls.__new__(cls)
    exception.args = args
    exception.__dict__.update(state)
    return exception


class CommandException(MetaflowException):
    headline = "Invalid command"


class RunIdTaken(CommandException):
    """A run has the id that was asked for already."""

    def __init__(self, flow: str, run_id: str) -> None:
        super().__init__(f"There is a run {run_id} of {flow} already. Choose another id.")


class InvalidDecoratorAttribute(MetaflowException):
    headline = "Unknown decorator attribute"


class BadStepDecoratorException(MetaflowException):
    headline = "Syntax error"


class BadFlowDecoratorException(MetaflowException):
    headline = "Syntax error"


class UnknownStepDecoratorException(MetaflowException):
    headline = "Unknown step decorator"


class UnknownFlowDecoratorException(MetaflowException):
    headline = "Unknown flow decorator"


class DuplicateStepDecoratorException(MetaflowException):
    headline = "Duplicate decorators"


class DuplicateFlowDecoratorException(MetaflowException):
    headline = "Duplicate decorators"


class UserDecoratorException(MetaflowException):
    headline = "Invalid user decorator"


class ParameterFieldFailed(MetaflowException):
    headline = "Parameter field failed"


class ParameterFieldTypeMismatch(MetaflowException):
    headline = "Parameter field with a mismatching type"


class ConfigException(MetaflowException):
    headline = "Invalid config"


class ExternalCommandFailed(MetaflowException):
    headline = "External command failed"


class MetaflowNotFound(MetaflowException):
    headline = "Object not found"


class MetaflowNamespaceMismatch(MetaflowException):
    headline = "Object not in the current namespace"

    def __init__(self, namespace: str | None) -> None:
        super().__init__(f"Object not in namespace '{namespace}'")


class MetaflowInvalidPathspec(MetaflowException):
    headline = "Invalid pathspec"


class MetaflowInternalError(MetaflowException):
    headline = "Internal error"


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


class SecretsException(MetaflowException):
    """A secret cannot be fetched or used; the message holds nothing secret."""

    headline = "Secrets"


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


class MetadataException(MetaflowException):
    headline = "Metadata store error"


class DatabaseUnavailable(MetadataException):
    """The database cannot be reached, or has no place for another connection. The same may succeed later."""


class UnrecordableEvent(MetadataException):
    """An event has what the metadata store cannot hold: to record it again is in vain, and others are not concerned."""


class InvalidEnvironmentException(MetaflowException):
    headline = "Incompatible environment"


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


class ArgoEventException(MetaflowException):
    headline = "Argo Event Exception"


class NonUniqueFileNameToFilePathMappingException(MetaflowException):
    headline = "Non-unique file path for a file name included in code package"

    def __init__(self, filename: str, file_paths: Iterable[str], lineno: int | None = None) -> None:
        super().__init__(
            f"The file {filename} of the code package is wanted by several: {', '.join(sorted(file_paths))}. "
            "Rename or leave out all but one.",
            lineno,
        )


class MergeArtifactsException(MetaflowException):
    headline = "Invalid merge"


class UnhandledInMergeArtifactsException(MergeArtifactsException):
    headline = "Unhandled artifacts in merge"

    def __init__(self, msg: str, unhandled: Sequence[str]) -> None:
        super().__init__(msg)
        self.artifact_names = list(unhandled)


class MissingInMergeArtifactsException(MergeArtifactsException):
    headline = "Missing artifacts in merge"

    def __init__(self, msg: str, unhandled: Iterable[str]) -> None:
        super().__init__(msg)
        self.artifact_names = list(unhandled)


class InvalidNextException(MetaflowException):
    headline = "Invalid self.next() transition detected"


class LintWarn(MetaflowException):
    headline = "Validity checker found an issue"


class PyLintWarn(MetaflowException):
    headline = "Pylint is not happy"


class TaskFailed(MetaflowException):
    """A run stopped because one of its tasks failed."""

    headline = "Step failure"

    def __init__(self, step: str, task_id: str, msg: str = "") -> None:
        super().__init__(f"Step *{step}* (task-id {task_id}) failed" + (f": {msg}" if msg else "."))
        self.step = step
        self.task_id = task_id


class GangException(MetaflowException):
    """The nodes of a parallel step could not work together, or what they ran together failed."""

    headline = "Parallel step failed"


class CannotResume(MetaflowException):
    """A run exists, but cannot be resumed: it still runs, or nothing of it fits the flow's code any more."""

    headline = "Cannot resume"


class CannotCancel(MetaflowException):
    """A run exists, but has ended already, or what is left of it cannot be ended from here."""

    headline = "Cannot cancel"


class CannotStart(MetaflowException):
    """A run that was asked for has not begun."""

    headline = "Cannot start"


class CannotDelete(MetaflowException):
    """A run exists, but cannot be deleted now: it still runs, or a run that goes on takes over its results."""

    headline = "Cannot delete"


class TimeoutException(MetaflowException):
    headline = "@timeout"


class FailureHandledByCatch(MetaflowException):
    headline = "Task execution failed but @catch handled it"

    def __init__(self, retry_count: int, reason: str | None = None) -> None:
        why = (
            f"The last time, {reason}."
            if reason
            else "Your code did not raise an exception. Something in the execution environment caused the failure."
        )
        super().__init__(f"Task execution kept failing over {retry_count + 1} attempts. {why}")


class MulticoreException(MetaflowException):
    """A process of ``parallel_map`` failed; its text ends with the traceback of what was raised there.

    Attributes
    ----------
    index : int
        Which item it was about, from 0.
    stacktrace : str or None
        What was raised in the process; None if it died.
    """

    headline = "Child failed"

    def __init__(self, index: int, reason: str, stacktrace: str | None = None) -> None:
        super().__init__(f"Child failed for item {index}: {reason}")
        self.index = index
        self.stacktrace = stacktrace

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.stacktrace}" if self.stacktrace else self.message


class MetaflowExceptionWrapper(Exception):
    """Record of an exception that user code raised, kept as strings so that it can always be loaded.

    Attributes
    ----------
    exception : str
        Text of the original exception.
    type : str
        ``module.Class`` of the original exception.
    stacktrace : str or None
        Formatted traceback, if there was one.
    """

    def __init__(self, exc: BaseException | None = None) -> None:
        super().__init__()
        self.exception = text_of(exc) if exc is not None else ""
        self.type = f"{type(exc).__module__}.{type(exc).__name__}" if exc is not None else ""
        self.stacktrace: str | None = None
        if exc is not None and exc.__traceback__ is not None:
            self.stacktrace = format_error(exc)

    def __reduce__(self) -> tuple[object, ...]:
        return (MetaflowExceptionWrapper, (), self.__dict__)

    def __setstate__(self, state: dict[str, object] | None) -> None:
        self.__dict__.update(state or {})

    def __str__(self) -> str:
        return self.stacktrace or f"[no stacktrace]\n{self.type}: {self.exception}"

    def __repr__(self) -> str:
        return f"MetaflowExceptionWrapper({self.type}: {self.exception})"
