"""What is found by name: back ends and decorators, as import strings that are loaded when they are first used.

Other packages add to a category through the entry point group ``metaflow.<category>``; a name of theirs never
replaces one of ours.
"""

from __future__ import annotations

from typing import Any

#: Category -> name -> "module:attribute".
BUILT_IN: dict[str, dict[str, str]] = {
    "step_decorators": {
        "catch": "metaflow.decorators.catch:CatchDecorator",
        "environment": "metaflow.decorators.environment:EnvironmentDecorator",
        "parallel": "metaflow.decorators.parallel:ParallelDecorator",
        "pytorch_parallel": "metaflow.decorators.parallel:PytorchParallelDecorator",
        "resources": "metaflow.decorators.resources:ResourcesDecorator",
        "retry": "metaflow.decorators.retry:RetryDecorator",
        "secrets": "metaflow.decorators.secrets:SecretsDecorator",
        "timeout": "metaflow.decorators.timeout:TimeoutDecorator",
    },
    "flow_decorators": {
        "exit_hook": "metaflow.decorators.exit_hook:ExitHookDecorator",
        "project": "metaflow.decorators.project:ProjectDecorator",
        "schedule": "metaflow.decorators.schedule:ScheduleDecorator",
        "trigger": "metaflow.decorators.trigger:TriggerDecorator",
        "trigger_on_finish": "metaflow.decorators.trigger_on_finish:TriggerOnFinishDecorator",
    },
    # Those of single kinds of values, by encoding; what any value may be is registered in datastore/serializer.py.
    "serializers": {
        "pickle-v2": "metaflow.datastore.metaflow_pickle:MetaflowPickleSerializer",
        "pickle-v4": "metaflow.datastore.metaflow_pickle:MetaflowPickleSerializer",
        "source-files-v1": "metaflow.datastore.source_files:SourceFilesSerializer",
    },
    # Kinds of datastores beside directories of this machine, by the scheme of their locations.
    "object_stores": {
        "azure": "metaflow.datastore.remote:open_remote",
        "gs": "metaflow.datastore.remote:open_remote",
        "s3": "metaflow.datastore.remote:open_remote",
    },
    "metadata_stores": {"service": "metaflow.metadata_store.service:ServiceMetadata"},
    "secrets_providers": {"inline": "metaflow.secret_store.inline:InlineSecrets"},
    "client": {
        "Run": "metaflow.client:Run",
        "Task": "metaflow.client:Task",
        "Trigger": "metaflow.client.trigger:Trigger",
    },
    "deployers": {},
    "command_line": {"flow": "metaflow.cli.entry:main"},
}


def load(category: str, name: str) -> Any:
    """Object registered under `name`.

    Raises
    ------
    KeyError
        If nothing of that name is registered.
    """
    target = BUILT_IN[category].get(name)
    if target is None:
        return _entry_points(category)[name].load()
    from importlib import import_module

    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def names(category: str) -> list[str]:
    """All names registered in `category`, sorted."""
    return sorted({*BUILT_IN[category], *_entry_points(category)})


#: What other packages add to each category: finding that means reading the metadata of all of them.
_entry_points_found: dict[str, dict[str, Any]] = {}


def _entry_points(category: str) -> dict[str, Any]:
    found = _entry_points_found.get(category)
    if found is None:
        from importlib.metadata import entry_points

        found = {point.name: point for point in entry_points(group=f"metaflow.{category}")}
        _entry_points_found[category] = found
    return found
