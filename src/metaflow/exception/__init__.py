"""Every error a user can meet, on one page.

::

    MetaflowException                         a flow, a command or its data is at fault; shown without traceback
    ├── CommandException                      a command was given something it cannot use
    │   └── RunIdTaken                        the id that was asked for belongs to another run
    ├── InvalidDecoratorAttribute             a decorator got an attribute it does not have, or a wrong value
    ├── UnknownStepDecoratorException, UnknownFlowDecoratorException, DuplicateStepDecoratorException,
    │   DuplicateFlowDecoratorException, BadStepDecoratorException, BadFlowDecoratorException
    ├── ParameterFieldFailed, ParameterFieldTypeMismatch
    ├── ConfigException                       a config is missing or malformed, or does not have what is asked of it
    ├── UserDecoratorException                a decorator or mutator of the user's own does what it cannot do
    ├── InvalidNextException                  self.next() was called wrongly while a step ran
    ├── LintWarn                              the flow's graph breaks a rule
    ├── PyLintWarn                            pylint found an error in the flow's file
    ├── TaskFailed                            a run stopped because a task failed
    ├── GangException                         the nodes of a parallel step could not work together
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
    │   ├── DamagedRecord                     what is kept of a run or of a task cannot be understood
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
from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.exception.datatools import (
        MetaflowS3AccessDenied as MetaflowS3AccessDenied,
        MetaflowS3Exception as MetaflowS3Exception,
        MetaflowS3InsufficientDiskSpace as MetaflowS3InsufficientDiskSpace,
        MetaflowS3InvalidObject as MetaflowS3InvalidObject,
        MetaflowS3InvalidRange as MetaflowS3InvalidRange,
        MetaflowS3NotFound as MetaflowS3NotFound,
        MetaflowS3URLException as MetaflowS3URLException,
    )
    from metaflow.exception.language import (
        BadFlowDecoratorException as BadFlowDecoratorException,
        BadStepDecoratorException as BadStepDecoratorException,
        ConfigException as ConfigException,
        DuplicateFlowDecoratorException as DuplicateFlowDecoratorException,
        DuplicateStepDecoratorException as DuplicateStepDecoratorException,
        InvalidDecoratorAttribute as InvalidDecoratorAttribute,
        InvalidEnvironmentException as InvalidEnvironmentException,
        InvalidNextException as InvalidNextException,
        LintWarn as LintWarn,
        MergeArtifactsException as MergeArtifactsException,
        MissingInMergeArtifactsException as MissingInMergeArtifactsException,
        NonUniqueFileNameToFilePathMappingException as NonUniqueFileNameToFilePathMappingException,
        ParameterFieldFailed as ParameterFieldFailed,
        ParameterFieldTypeMismatch as ParameterFieldTypeMismatch,
        PyLintWarn as PyLintWarn,
        UnhandledInMergeArtifactsException as UnhandledInMergeArtifactsException,
        UnknownFlowDecoratorException as UnknownFlowDecoratorException,
        UnknownStepDecoratorException as UnknownStepDecoratorException,
        UserDecoratorException as UserDecoratorException,
    )
    from metaflow.exception.lookup import (
        InvalidQueryException as InvalidQueryException,
        MetaflowInvalidPathspec as MetaflowInvalidPathspec,
        MetaflowNamespaceMismatch as MetaflowNamespaceMismatch,
        MetaflowNotFound as MetaflowNotFound,
        MetaflowTaggingError as MetaflowTaggingError,
        MetaflowUnknownUser as MetaflowUnknownUser,
    )
    from metaflow.exception.running import (
        ArgoEventException as ArgoEventException,
        CannotCancel as CannotCancel,
        CannotDelete as CannotDelete,
        CannotResume as CannotResume,
        CannotStart as CannotStart,
        CommandException as CommandException,
        ExternalCommandFailed as ExternalCommandFailed,
        FailureHandledByCatch as FailureHandledByCatch,
        GangException as GangException,
        MulticoreException as MulticoreException,
        RunIdTaken as RunIdTaken,
        SecretsException as SecretsException,
        TaskFailed as TaskFailed,
        TimeoutException as TimeoutException,
    )
    from metaflow.exception.storage import (
        AccessDenied as AccessDenied,
        BucketMissing as BucketMissing,
        CorruptedDataException as CorruptedDataException,
        DamagedRecord as DamagedRecord,
        DatabaseUnavailable as DatabaseUnavailable,
        DataException as DataException,
        MetadataException as MetadataException,
        MetaflowDataMissing as MetaflowDataMissing,
        RunDeleted as RunDeleted,
        ServiceException as ServiceException,
        ServiceUnavailable as ServiceUnavailable,
        SkippedArtifactException as SkippedArtifactException,
        StoreUnavailable as StoreUnavailable,
        UnpicklableArtifactException as UnpicklableArtifactException,
        UnrecordableEvent as UnrecordableEvent,
    )

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

    def __init_subclass__(cls) -> None:
        # Where people import it from, and where pickles and records of failures look for it.
        if cls.__module__.startswith(f"{__name__}."):
            cls.__module__ = __name__

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


class MetaflowInternalError(MetaflowException):
    headline = "Internal error"


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


_WHERE = {
    **dict.fromkeys(
        (
            "InvalidDecoratorAttribute",
            "BadStepDecoratorException",
            "BadFlowDecoratorException",
            "UnknownStepDecoratorException",
            "UnknownFlowDecoratorException",
            "DuplicateStepDecoratorException",
            "DuplicateFlowDecoratorException",
            "UserDecoratorException",
            "ParameterFieldFailed",
            "ParameterFieldTypeMismatch",
            "ConfigException",
            "InvalidNextException",
            "LintWarn",
            "PyLintWarn",
            "MergeArtifactsException",
            "UnhandledInMergeArtifactsException",
            "MissingInMergeArtifactsException",
            "NonUniqueFileNameToFilePathMappingException",
            "InvalidEnvironmentException",
        ),
        "metaflow.exception.language",
    ),
    **dict.fromkeys(
        (
            "CommandException",
            "RunIdTaken",
            "ExternalCommandFailed",
            "TaskFailed",
            "GangException",
            "CannotResume",
            "CannotCancel",
            "CannotStart",
            "CannotDelete",
            "TimeoutException",
            "FailureHandledByCatch",
            "MulticoreException",
            "SecretsException",
            "ArgoEventException",
        ),
        "metaflow.exception.running",
    ),
    **dict.fromkeys(
        (
            "MetaflowNotFound",
            "MetaflowNamespaceMismatch",
            "MetaflowInvalidPathspec",
            "InvalidQueryException",
            "MetaflowTaggingError",
            "MetaflowUnknownUser",
        ),
        "metaflow.exception.lookup",
    ),
    **dict.fromkeys(
        (
            "MetaflowDataMissing",
            "RunDeleted",
            "DataException",
            "UnpicklableArtifactException",
            "SkippedArtifactException",
            "CorruptedDataException",
            "AccessDenied",
            "BucketMissing",
            "StoreUnavailable",
            "MetadataException",
            "DatabaseUnavailable",
            "UnrecordableEvent",
            "DamagedRecord",
            "ServiceException",
            "ServiceUnavailable",
        ),
        "metaflow.exception.storage",
    ),
    **dict.fromkeys(
        (
            "MetaflowS3Exception",
            "MetaflowS3URLException",
            "MetaflowS3NotFound",
            "MetaflowS3AccessDenied",
            "MetaflowS3InvalidObject",
            "MetaflowS3InvalidRange",
            "MetaflowS3InsufficientDiskSpace",
        ),
        "metaflow.exception.datatools",
    ),
}

if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)
