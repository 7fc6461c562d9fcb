"""What is found by name: back ends and decorators, as import strings that are loaded when they are first used.

Other packages add to a category through the entry point group ``metaflow.<category>``; a name of theirs never
replaces one of ours.
"""

from __future__ import annotations

import os
import sys
from typing import Any

#: Category -> name -> "module:attribute".
BUILT_IN: dict[str, dict[str, str]] = {
    "step_decorators": {
        "batch": "metaflow.decorators.batch:BatchDecorator",
        "card": "metaflow.decorators.card:CardDecorator",
        "catch": "metaflow.decorators.catch:CatchDecorator",
        "deepspeed": "metaflow.decorators.deepspeed:DeepspeedDecorator",
        # For tests: another machine that is this one.
        "elsewhere": "metaflow.testing.elsewhere:ElsewhereDecorator",
        "environment": "metaflow.decorators.environment:EnvironmentDecorator",
        "kubernetes": "metaflow.decorators.kubernetes:KubernetesDecorator",
        "metaflow_ray": "metaflow.decorators.metaflow_ray:MetaflowRayDecorator",
        "mpi": "metaflow.decorators.mpi:MpiDecorator",
        "parallel": "metaflow.decorators.parallel:ParallelDecorator",
        "pytorch_parallel": "metaflow.decorators.parallel:PytorchParallelDecorator",
        "ray_parallel": "metaflow.decorators.metaflow_ray:RayParallelDecorator",
        "ray_step": "metaflow.decorators.ray_step:RayStepDecorator",
        "resources": "metaflow.decorators.resources:ResourcesDecorator",
        "retry": "metaflow.decorators.retry:RetryDecorator",
        "secrets": "metaflow.decorators.secrets:SecretsDecorator",
        "slurm": "metaflow.decorators.slurm:SlurmDecorator",
        "tensorflow": "metaflow.decorators.tensorflow:TensorflowDecorator",
        "timeout": "metaflow.decorators.timeout:TimeoutDecorator",
        "torchrun": "metaflow.decorators.torchrun:TorchrunDecorator",
    },
    "flow_decorators": {
        "exit_hook": "metaflow.decorators.exit_hook:ExitHookDecorator",
        "project": "metaflow.decorators.project:ProjectDecorator",
        "schedule": "metaflow.decorators.schedule:ScheduleDecorator",
        "trigger": "metaflow.decorators.trigger:TriggerDecorator",
        "trigger_on_finish": "metaflow.decorators.trigger_on_finish:TriggerOnFinishDecorator",
    },
    # What decodes stored bytes, by encoding; what any value may be is in datastore/serializer.py itself.
    "decoders": {
        "pickle-v2": "metaflow.datastore.metaflow_pickle:load_pickle",
        "pickle-v4": "metaflow.datastore.metaflow_pickle:load_pickle",
        "skipped-v1": "metaflow.datastore.skipped:refuse_skipped",
        "source-files-v1": "metaflow.datastore.source_files:load_source_files",
    },
    # Serializers in the sense of metaflow.datastore.artifacts, by their TYPE.
    "artifact_serializers": {"pickle": "metaflow.datastore.artifacts.pickle_serializer:PickleSerializer"},
    # How values of a library are pickled without copying them, by the name of the library as it is imported.
    "pickle_reducers": {
        "numpy": "metaflow.datastore.numpy_arrays:reducers",
        "polars": "metaflow.datastore.polars_frames:reducers",
        "pyarrow": "metaflow.datastore.arrow_data:reducers",
        "torch": "metaflow.datastore.torch_tensors:reducers",
    },
    # Kinds of datastores beside directories of this machine, by the scheme of their locations.
    "object_stores": {
        "azure": "metaflow.datastore.remote:open_remote",
        "gs": "metaflow.datastore.remote:open_remote",
        "s3": "metaflow.datastore.remote:open_remote",
    },
    "compute": {
        "cancel_run": "metaflow.compute.cancelling:cancel_run",
        "elsewhere": "metaflow.compute.launch:Elsewhere",
        "left_behind": "metaflow.compute.left_behind:left_behind",
    },
    # Engines that run tasks elsewhere, see metaflow.compute.backend.
    "compute_backends": {
        "batch": "metaflow.compute.batch.backend:BatchBackend",
        "elsewhere": "metaflow.testing.process_backend:ProcessBackend",
        "slurm": "metaflow.compute.slurm.backend:SlurmBackend",
        "kubernetes": "metaflow.compute.kubernetes.backend:KubernetesBackend",
        "ray": "metaflow.compute.ray.backend:RayBackend",
    },
    # Types of cards.
    "cards": {
        "blank": "metaflow.cards.templates.blank:BlankCard",
        "default": "metaflow.cards.templates.default:DefaultCard",
        "default_json": "metaflow.cards.templates.data:DefaultJsonCard",
        "error": "metaflow.cards.templates.error:ErrorCard",
        "html": "metaflow.cards.templates.html:HtmlCard",
        "taskspec_card": "metaflow.cards.templates.data:TaskspecCard",
        "test_component_refresh_card": "metaflow.cards.templates.test_cards:TestRefreshComponentCard",
        "test_editable_card": "metaflow.cards.templates.test_cards:TestEditableCard",
        "test_editable_card_2": "metaflow.cards.templates.test_cards:TestEditableCard2",
        "test_error_card": "metaflow.cards.templates.test_cards:TestErrorCard",
        "test_image_card": "metaflow.cards.templates.test_cards:TestImageCard",
        "test_mock_card": "metaflow.cards.templates.test_cards:TestMockCard",
        "test_non_editable_card": "metaflow.cards.templates.test_cards:TestNonEditableCard",
        "test_pathspec_card": "metaflow.cards.templates.test_cards:TestPathSpecCard",
        "test_refresh_card": "metaflow.cards.templates.test_cards:TestRefreshCard",
        "test_timeout_card": "metaflow.cards.templates.test_cards:TestTimeoutCard",
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


def added_by_packages(category: str) -> dict[str, Any]:
    """What other packages add to `category`: the entry points, none of them loaded, by name."""
    return _entry_points(category)


def packages_add_something() -> bool:
    """Tell whether any package that can be imported adds to any category.

    Only the names of directories and their ``entry_points.txt`` are read, which takes a tenth of the time that
    `importlib.metadata` needs to be imported. Each directory of ``sys.path`` is looked at once in a process.
    """
    return any(_adds_something(folder) for folder in sys.path)


#: What other packages add to each category.
_entry_points_found: dict[str, dict[str, Any]] = {}
#: Directories of ``sys.path`` that were looked at, and whether a package in them adds something.
_looked_at: dict[str, bool] = {}


def _entry_points(category: str) -> dict[str, Any]:
    found = _entry_points_found.get(category)
    if found is None:
        if not packages_add_something():
            return {}
        from importlib.metadata import entry_points

        found = {point.name: point for point in entry_points(group=f"metaflow.{category}")}
        _entry_points_found[category] = found
    return found


def _adds_something(folder: str) -> bool:
    found = _looked_at.get(folder)
    if found is None:
        found = _looked_at[folder] = _has_entry_points(folder or ".")
    return found


def _has_entry_points(folder: str) -> bool:
    try:
        names = os.listdir(folder)
    except NotADirectoryError:
        return True  # packages in an archive: importlib.metadata can tell
    except OSError:
        return False
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                    if b"[metaflow." in file.read():
                        return True
            except OSError:
                continue  # most packages have no such file
    return False
