"""Servers that tests of all kinds use: one of each for a test process, and a fresh bucket or database for a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest

import servers


class Bucket(NamedTuple):
    """A new, empty place in an object store.

    Attributes
    ----------
    kind : str
        ``s3``, ``azure`` or ``gs``.
    location : str
        As :mod:`metaflow.datastore.location` has it.
    environment : dict
        What a program needs in its environment to use it.
    server : Server
    """

    kind: str
    location: str
    environment: dict[str, str]
    server: servers.Server


def _once(name: str):
    @pytest.fixture(scope="session", name=name)
    def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
        with getattr(servers, name)(tmp_path_factory.mktemp(name)) as server:
            yield server

    return start


s3_server = _once("s3_server")
plain_s3_server = _once("plain_s3_server")
azure_server = _once("azure_server")
gs_server = _once("gs_server")
postgres_server = _once("postgres_server")


def _bucket(kind: str, server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    name = f"test-{uuid.uuid4().hex[:16]}"
    make = servers.create_container if kind == "azure" else servers.create_bucket
    make(server, name)
    location = f"{kind}://{name}/some/prefix"
    root = location.removeprefix("azure://")
    environment = {
        **server.environment,
        "METAFLOW_DEFAULT_DATASTORE": kind,
        f"METAFLOW_DATASTORE_SYSROOT_{kind.upper()}": root,
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return Bucket(kind, location, environment, server)


@pytest.fixture
def s3_bucket(s3_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("s3", s3_server, monkeypatch)


@pytest.fixture
def plain_s3_bucket(plain_s3_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("s3", plain_s3_server, monkeypatch)


@pytest.fixture
def azure_bucket(azure_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("azure", azure_server, monkeypatch)


@pytest.fixture
def gs_bucket(gs_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("gs", gs_server, monkeypatch)


@pytest.fixture(params=["s3", "azure", "gs"])
def any_bucket(request: pytest.FixtureRequest) -> Bucket:
    """The test runs once for each kind of object store."""
    return request.getfixturevalue(f"{request.param}_bucket")


@pytest.fixture
def postgres_url(postgres_server: servers.Server) -> str:
    """A new, empty database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_server.url.rpartition("/")[0] + f"/{name}"
