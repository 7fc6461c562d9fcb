from __future__ import annotations

import pytest

from metaflow.client import Run, metadata, namespace
from metaflow.client.namespaces import default_namespace
from metaflow.client.provider_choice import default_metadata
from metaflow.datastore.local import LocalStore
from metaflow.datastore.tasks import open_task
from metaflow.imports.importing import Wanted, import_runs
from unit.imports.metaflow_folder import Folder


class Target:
    """A datastore that is imported into, and read by the client."""

    def __init__(self, root):
        self.root = root

    def take(self, folder, **wanted):
        return import_runs(folder.root, self.root, Wanted(**wanted))

    def run(self, pathspec="F/1700000000000000"):
        return Run(pathspec, _namespace_check=False)

    def record(self, step, task_id, run_id="1700000000000000"):
        """What the manifest of a task's first attempt says beside its artifacts."""
        return open_task(LocalStore(self.root), "F", run_id, step, task_id, 0).manifest.record


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "theirs" / ".metaflow")


@pytest.fixture
def target(tmp_path):
    root = tmp_path / "ours" / ".metaflow"
    root.mkdir(parents=True)
    metadata(f"local@{root.parent}")
    namespace(None)
    yield Target(root)
    default_metadata()
    default_namespace()
