"""Modules that Metaflow has, and that this package has under other names.

Programs import them by name, as in ``from metaflow.includefile import IncludedFile``. This page is the whole list. The
package's finder asks it only after every other one found nothing, so a real module of the same name comes first.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def _from(module: str, names: str) -> dict[str, str]:
    return {name: f"{module}:{name}" for name in names.split()}


#: Module -> what it holds: each name with the "module:attribute" that it stands for, or the one module that it is.
ALIASES: dict[str, dict[str, str] | str] = {
    "metaflow._vendor": {},
    "metaflow._vendor.click": "click",
    "metaflow.client.core": _from(
        "metaflow.client",
        "DataArtifact Flow Metaflow MetaflowData MetaflowObject Run Step Task "
        "default_metadata default_namespace get_metadata get_namespace metadata namespace",
    ),
    "metaflow.datastore.exceptions": _from("metaflow.exception", "DataException UnpicklableArtifactException"),
    "metaflow.events": _from("metaflow.client.trigger", "MetaflowEvent Trigger"),
    "metaflow.flowspec": {
        "FlowSpec": "metaflow.flow.spec:FlowSpec",
        "InvalidNextException": "metaflow.exception:InvalidNextException",
        "ParallelUBF": "metaflow.datastore.metaflow_pickle:ParallelUBF",
    },
    "metaflow.graph": {"FlowGraph": "metaflow.flow.graph:FlowGraph"},
    "metaflow.includefile": _from("metaflow.flow.include_file", "IncludedFile IncludeFile"),
    "metaflow.lint": {"LintWarn": "metaflow.exception:LintWarn"},
    "metaflow.metaflow_environment": _from("metaflow.exception", "InvalidEnvironmentException"),
    "metaflow.multicore_utils": {
        **_from("metaflow.multicore", "parallel_imap_unordered parallel_map"),
        "MulticoreException": "metaflow.exception:MulticoreException",
    },
    "metaflow.package": _from("metaflow.exception", "NonUniqueFileNameToFilePathMappingException"),
    "metaflow.packaging_sys": _from("metaflow.packaging.content_type", "ContentType"),
    "metaflow.parameters": {
        "Parameter": "metaflow.flow.parameters:Parameter",
        "ParameterContext": "metaflow.flow.deploy_time:ParameterContext",
        **_from("metaflow.flow.parameter_types", "JSONType JSONTypeClass"),
    },
    "metaflow.plugins": {},
    "metaflow.plugins.argo": {},
    "metaflow.plugins.argo.argo_events": _from("metaflow.exception", "ArgoEventException"),
    "metaflow.plugins.cards": {},
    "metaflow.plugins.cards.card_client": _from("metaflow.cards.reading", "Card CardContainer get_cards"),
    "metaflow.plugins.cards.card_decorator": _from("metaflow.decorators.card", "CardDecorator"),
    "metaflow.plugins.cards.card_modules": {},
    "metaflow.plugins.cards.card_modules.basic": _from(
        "metaflow.cards", "BlankCard DefaultCard ErrorCard MetaflowCard MetaflowCardComponent PageComponent"
    ),
    "metaflow.plugins.cards.card_modules.card": _from("metaflow.cards", "MetaflowCard MetaflowCardComponent"),
    "metaflow.plugins.cards.card_modules.components": _from(
        "metaflow.cards",
        "Artifact Error EventsTimeline Image JSONViewer Markdown MetaflowCardComponent ProgressBar PythonCode Table "
        "ValueBox VegaChart YAMLViewer",
    ),
    "metaflow.plugins.cards.card_modules.test_cards": _from(
        "metaflow.cards.templates.test_cards",
        "TestEditableCard TestEditableCard2 TestErrorCard TestImageCard TestJSONComponent TestMockCard "
        "TestNonEditableCard TestPathSpecCard TestRefreshCard TestRefreshComponentCard TestStringComponent "
        "TestTimeoutCard",
    ),
    "metaflow.plugins.cards.exception": _from(
        "metaflow.cards.exception",
        "CardClassFoundException CardNotPresentException ComponentOverwriteNotSupportedException "
        "IncorrectArgumentException IncorrectCardArgsException IncorrectPathspecException "
        "TaskNotFoundException TypeRequiredException UnrenderableCardException "
        "UnresolvableDatastoreException",
    ),
    "metaflow.plugins.catch_decorator": _from("metaflow.exception", "FailureHandledByCatch"),
    "metaflow.plugins.datatools": "metaflow.datatools",
    "metaflow.plugins.metadata_providers": {},
    "metaflow.plugins.metadata_providers.service": _from("metaflow.exception", "ServiceException"),
    "metaflow.plugins.package_suffixes_mutator": _from("metaflow.packaging.suffixes_mutator", "package_suffixes"),
    "metaflow.plugins.secrets": _from("metaflow.secret_store", "get_secret"),
    "metaflow.plugins.timeout_decorator": _from("metaflow.exception", "TimeoutException"),
    "metaflow.pylint_wrapper": _from("metaflow.exception", "PyLintWarn"),
    "metaflow.user_configs": {},
    "metaflow.user_configs.config_parameters": {
        "Config": "metaflow.flow.configs:Config",
        "ConfigValue": "metaflow.flow.config_value:ConfigValue",
        "config_expr": "metaflow.flow.deferred:config_expr",
    },
    "metaflow.user_decorators": {},
    "metaflow.user_decorators.mutable_flow": _from("metaflow.flow.mutable_flow", "MutableFlow"),
    "metaflow.user_decorators.mutable_step": _from("metaflow.flow.mutable_step", "MutableStep"),
    "metaflow.user_decorators.user_flow_decorator": _from("metaflow.flow.mutators", "FlowMutator"),
    "metaflow.user_decorators.user_step_decorator": {
        **_from("metaflow.flow.user_step_decorator", "USER_SKIP_STEP UserStepDecorator user_step_decorator"),
        "StepMutator": "metaflow.flow.mutators:StepMutator",
    },
}


def resolve(module: str, name: str) -> object:
    """What `name` in the alias `module` stands for.

    Raises
    ------
    AttributeError
        If there is nothing of that name.
    """
    names = ALIASES[module]
    target = names.get(name) if isinstance(names, dict) else None
    if target is None:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    where, _, attribute = target.partition(":")
    try:
        return getattr(import_module(where), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not where.startswith(error.name):
            raise
        raise AttributeError(f"'{module}.{name}' is not there in this version of the package") from error


def find_spec(name: str) -> ModuleSpec | None:
    """How to import the alias `name`; None if there is no such alias."""
    if name not in ALIASES:
        return None
    is_package = any(other.startswith(f"{name}.") for other in ALIASES)
    return ModuleSpec(name, _AliasLoader(), is_package=is_package)


class _AliasLoader(Loader):
    """Makes the module of an alias; its names are imported when they are used."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        names = ALIASES[name]
        if isinstance(names, str):
            sys.modules[name] = import_module(names)
            sys.meta_path.insert(0, _Submodules(name, names))
            return
        module.__doc__ = "Names that are at home elsewhere in this package."
        module.__dict__["__all__"] = sorted(names)
        module.__dict__["__getattr__"] = lambda attribute: resolve(name, attribute)
        module.__dict__["__dir__"] = lambda: sorted({*vars(module), *names})


class _Submodules(Loader):
    """Finds the submodules of a module that stands for another one.

    It comes before the other finders: they would look in the right directory, and make second copies of what they find.

    Parameters
    ----------
    alias, real : str
        Names of the two modules.
    """

    def __init__(self, alias: str, real: str) -> None:
        self._prefix = f"{alias}."
        self._real = real

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.startswith(self._prefix) else None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        sys.modules[name] = import_module(f"{self._real}.{name.removeprefix(self._prefix)}")
