"""Clients of each kind of store, on a fresh root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaflow.datatools import DataClient, open_data

Opener = Callable[..., DataClient]


@pytest.fixture(autouse=True)
def _temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_TEMPDIR", str(tmp_path / "temporary"))


@pytest.fixture(params=["local", "s3", "azure", "gs"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty root."""
    if request.param == "local":
        return f"file://{tmp_path}/data"
    return request.getfixturevalue(f"{request.param}_bucket").location


@pytest.fixture
def data(root: str) -> Iterator[DataClient]:
    """The test runs once for each kind of store."""
    with open_data(root) as client:
        yield client
