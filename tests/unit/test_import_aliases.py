"""Modules that programs import by the names that they have in Metaflow."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from metaflow import exception
from metaflow.import_aliases import ALIASES

#: Modules whose names stand for what is not there yet. When it is, its test fails, and its line here goes.
NOT_YET = {}
NAMES = [(module, name) for module, names in ALIASES.items() if isinstance(names, dict) for name in names]


def _marked(module: str, name: str) -> object:
    late = name in NOT_YET.get(module, "").split()
    marks = [pytest.mark.xfail(strict=True, raises=AttributeError, reason="not there yet")] if late else []
    return pytest.param(module, name, marks=marks, id=f"{module}.{name}")


@pytest.mark.parametrize(("module", "name"), [_marked(*pair) for pair in NAMES])
def test_every_name_leads_somewhere(module, name):
    assert getattr(import_module(module), name) is not None


def test_every_module_can_be_imported_and_lists_its_names():
    for module, names in ALIASES.items():
        imported = import_module(module)
        if isinstance(names, dict):
            # What only holds further modules may be a directory with their stubs.
            assert set(getattr(imported, "__all__", ())) == set(names) <= set(dir(imported))
            assert module.rpartition(".")[0] == "metaflow" or hasattr(
                sys.modules[module.rpartition(".")[0]], module.rpartition(".")[2]
            )


def test_the_vendored_click_is_the_one_click_also_below():
    import click
    import click.exceptions
    import click.testing

    spec = click.__spec__
    from metaflow._vendor import click as vendored
    from metaflow._vendor.click.exceptions import UsageError
    from metaflow._vendor.click.testing import CliRunner

    assert vendored is click and UsageError is click.exceptions.UsageError and CliRunner is click.testing.CliRunner
    assert click.__spec__ is spec and click.testing.__name__ == "click.testing"


def test_what_is_no_alias_is_an_import_error():
    assert find_spec("metaflow.no_such_module") is None
    with pytest.raises(ModuleNotFoundError, match="metaflow.plugins.no_such_module"):
        import_module("metaflow.plugins.no_such_module")
    with pytest.raises(ImportError, match="cannot import name 'nope'"):
        exec("from metaflow.flowspec import nope")
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        import_module("metaflow.runtime").nope  # noqa: B018


def test_names_in_packages_of_ours():
    assert import_module("metaflow.runtime").TaskFailed is exception.TaskFailed


def test_the_table_is_read_only_when_it_is_needed():
    code = "import sys; from metaflow import FlowSpec, step; print('metaflow.import_aliases' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


HEADLINES = {
    "ParameterFieldFailed": "Parameter field failed",
    "ParameterFieldTypeMismatch": "Parameter field with a mismatching type",
    "ExternalCommandFailed": "External command failed",
    "MetaflowNotFound": "Object not found",
    "MetaflowNamespaceMismatch": "Object not in the current namespace",
    "MetaflowInvalidPathspec": "Invalid pathspec",
    "MetaflowInternalError": "Internal error",
    "MetaflowTaggingError": "Tagging error",
    "MetaflowUnknownUser": "Unknown user",
    "InvalidDecoratorAttribute": "Unknown decorator attribute",
    "CommandException": "Invalid command",
    "MetaflowDataMissing": "Data missing",
    "UnhandledInMergeArtifactsException": "Unhandled artifacts in merge",
    "MissingInMergeArtifactsException": "Missing artifacts in merge",
    "InvalidNextException": "Invalid self.next() transition detected",
    "LintWarn": "Validity checker found an issue",
    "PyLintWarn": "Pylint is not happy",
    "TaskFailed": "Step failure",
    "BadStepDecoratorException": "Syntax error",
    "BadFlowDecoratorException": "Syntax error",
    "UnknownStepDecoratorException": "Unknown step decorator",
    "UnknownFlowDecoratorException": "Unknown flow decorator",
    "DuplicateStepDecoratorException": "Duplicate decorators",
    "DuplicateFlowDecoratorException": "Duplicate decorators",
    "DataException": "Data store error",
    "UnpicklableArtifactException": "Cannot pickle artifact",
    "InvalidEnvironmentException": "Incompatible environment",
    "TimeoutException": "@timeout",
    "FailureHandledByCatch": "Task execution failed but @catch handled it",
    "ServiceException": "Metaflow service error",
    "ArgoEventException": "Argo Event Exception",
    "NonUniqueFileNameToFilePathMappingException": "Non-unique file path for a file name included in code package",
    "MetaflowException": "Flow failed",
}


@pytest.mark.parametrize(("name", "headline"), HEADLINES.items())
def test_exceptions(name, headline):
    cls = getattr(exception, name)
    assert issubclass(cls, exception.MetaflowException) and cls.headline == headline


def test_exceptions_that_say_more():
    assert exception.METAFLOW_EXIT_DISALLOW_RETRY == 202 and exception.METAFLOW_EXIT_ALLOW_RETRY == 203
    error = exception.ServiceException("refused", 409, "taken")
    assert (error.message, error.http_code, error.response) == ("refused", 409, "taken")
    assert exception.MetaflowNamespaceMismatch("x").message == "Object not in namespace 'x'"
    assert "a.py" in str(exception.NonUniqueFileNameToFilePathMappingException("a.py", ["/1/a.py", "/2/a.py"]))
    assert not issubclass(exception.MetaflowExceptionWrapper, exception.MetaflowException)
    located = exception.MetaflowException("broken", 3, "flow.py")
    assert (str(located), located.line_no, located.source_file) == ("line 3: broken", 3, "flow.py")
