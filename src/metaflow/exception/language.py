"""What is wrong with the code of a flow: its decorators, parameters, configs, graph and transitions."""

from __future__ import annotations

from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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


class InvalidNextException(MetaflowException):
    headline = "Invalid self.next() transition detected"


class LintWarn(MetaflowException):
    headline = "Validity checker found an issue"


class PyLintWarn(MetaflowException):
    headline = "Pylint is not happy"


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


class NonUniqueFileNameToFilePathMappingException(MetaflowException):
    headline = "Non-unique file path for a file name included in code package"

    def __init__(self, filename: str, file_paths: Iterable[str], lineno: int | None = None) -> None:
        super().__init__(
            f"The file {filename} of the code package is wanted by several: {', '.join(sorted(file_paths))}. "
            "Rename or leave out all but one.",
            lineno,
        )


class InvalidEnvironmentException(MetaflowException):
    headline = "Incompatible environment"
