from __future__ import annotations

import pytest

from metaflow.client import provider_choice
from metaflow.client.home import set_home_of_run
from metaflow.client.namespaces import _chosen


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty datastore, found from the working directory, as a new process of the user ann finds it."""
    monkeypatch.setenv("METAFLOW_USER", "ann")
    for name in ("METAFLOW_PRODUCTION_TOKEN", "METAFLOW_DATASTORE_SYSROOT_LOCAL"):
        monkeypatch.delenv(name, raising=False)

    def forget():
        _chosen.clear()
        provider_choice._providers.clear()
        set_home_of_run(None)
        provider_choice.default_metadata()

    forget()
    directory = tmp_path / ".metaflow"
    directory.mkdir()
    monkeypatch.chdir(tmp_path)
    yield directory
    forget()
