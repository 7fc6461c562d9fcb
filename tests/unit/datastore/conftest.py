from __future__ import annotations

import pytest

from metaflow.datastore.local import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)
