"""Every kind of metadata store, for one suite of tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import servers
from metaflow.metadata_store.postgres import PostgresMetadata
from metaflow.metadata_store.service import ServiceMetadata
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.testing.memory_metadata import MemoryMetadata
from running_service import Service, running


class BackEnd(NamedTuple):
    """A kind of metadata store.

    Attributes
    ----------
    kind : str
    open : callable
        Opens the test's records once more, also in another process.
    fresh : callable
        Opens them after everything in them was deleted.
    """

    kind: str
    open: Callable[[], Any]
    fresh: Callable[[], Any]


@pytest.fixture
def memory_back_end() -> BackEnd:
    store = MemoryMetadata()
    return BackEnd("memory", lambda: store, MemoryMetadata)


@pytest.fixture
def sqlite_back_end(tmp_path: Path) -> Iterator[BackEnd]:
    opened = []

    def open_file() -> SqliteMetadata:
        opened.append(SqliteMetadata(tmp_path / "service.sqlite", keep_log=True))
        return opened[-1]

    yield BackEnd("sqlite", open_file, lambda: SqliteMetadata(keep_log=True))
    for store in opened:
        store.close()


@pytest.fixture(scope="session")
def postgres_database(postgres_server: servers.Server) -> str:
    """A database for all tests that clean up behind themselves: to create one takes long."""
    return create_database(postgres_server)


def create_database(server: servers.Server) -> str:
    import psycopg

    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.url.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def postgres_back_end(postgres_database: str) -> Iterator[BackEnd]:
    opened = []

    def open_database() -> PostgresMetadata:
        opened.append(PostgresMetadata(postgres_database, keep_log=True))
        return opened[-1]

    store = open_database()

    def fresh() -> PostgresMetadata:
        store._pool.transact(empty)
        return store

    fresh()
    yield BackEnd("postgres", open_database, fresh)
    for each in opened:
        each.close()


def empty(cursor: Any) -> None:
    for table in ("runs", "run_texts", "run_tags", "run_values", "tasks", "events", "documents", "counters"):
        cursor.execute(f"DELETE FROM {table}")


@pytest.fixture(scope="session")
def running_service() -> Iterator[Service]:
    """A service for all tests that clean up behind themselves, over a database in memory."""
    database = SqliteMetadata(keep_log=True)
    settings = ServerSettings(requests_per_second=0, requests_at_once=0)
    with running(database, settings) as service:
        yield service
    database.close()


@pytest.fixture
def service_back_end(running_service: Service) -> Iterator[BackEnd]:
    opened = []

    def connect() -> ServiceMetadata:
        opened.append(ServiceMetadata(running_service.url))
        return opened[-1]

    store = connect()

    def fresh() -> ServiceMetadata:
        running_service.database.close()  # and so it is gone
        return store

    fresh()
    yield BackEnd("service", connect, fresh)
    for each in opened:
        each.close()


#: A new kind of store joins with its name here, and a fixture <name>_back_end.
REAL = ["sqlite", "postgres"]


@pytest.fixture(params=["memory", *REAL])
def any_metadata(request: pytest.FixtureRequest) -> BackEnd:
    """The test runs once for each kind of metadata store."""
    return request.getfixturevalue(f"{request.param}_back_end")


@pytest.fixture(params=REAL)
def real_metadata(request: pytest.FixtureRequest) -> BackEnd:
    """The test runs once for each kind of metadata store that several processes can use."""
    return request.getfixturevalue(f"{request.param}_back_end")


@pytest.fixture(params=[*REAL, "service"])
def shared_metadata(request: pytest.FixtureRequest) -> BackEnd:
    """The test runs once for each way in which processes share records; too slow for random histories."""
    return request.getfixturevalue(f"{request.param}_back_end")


@pytest.fixture(params=["sqlite", "postgres"])
def service_database(request: pytest.FixtureRequest) -> BackEnd:
    """The test runs once for each kind of database that a metadata service can have."""
    return request.getfixturevalue(f"{request.param}_back_end")
