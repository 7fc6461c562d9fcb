"""The service, in a thread of the test's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from running_service import Service, Stream, running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service over a new SQLite file (or the database that is given), with these settings."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(database: Any = None, **settings: Any) -> Service:
            if database is None:
                database = SqliteMetadata(tmp_path / "service.sqlite", keep_log=True)
                stack.callback(database.close)
            return stack.enter_context(running(database, ServerSettings(**settings)))

        yield start


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    return serve()


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests of a module that care for nothing but what they wrote themselves."""
    database = SqliteMetadata(tmp_path_factory.mktemp("shared") / "service.sqlite", keep_log=True)
    with running(database, ServerSettings(body_bytes=10**6)) as service:
        yield service
    database.close()


@pytest.fixture
def listen() -> Iterator[Callable[..., Stream]]:
    opened: list[Stream] = []

    def open_stream(*arguments: Any, **headers: str) -> Stream:
        opened.append(Stream(*arguments, **headers))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()
