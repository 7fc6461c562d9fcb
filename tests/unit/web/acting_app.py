"""The app with all of its routes in a thread of the test's process, over a store of the test's own."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, blobs_prefix
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.server.serving import http_server
from metaflow.web.serving import create_web_app
from running_service import Reply, Service

#: Seconds for which an operation is waited for: more than any takes on a busy machine.
_PATIENCE = 60.0


class ActingApp:
    """An app that runs, asked as a program asks it."""

    def __init__(self, service: Service, token: str | None) -> None:
        self._service = service
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Reply:
        return self._service.ask("GET", f"/api/v1{path}", headers=self._headers)

    def post(self, path: str, content: Any) -> Reply:
        return self._service.ask("POST", f"/api/v1{path}", content, self._headers)

    def done(self, reply: Reply) -> dict[str, Any]:
        """What became of an operation, once it has ended."""
        assert reply.status == 202, reply
        operation = reply.json
        deadline = time.monotonic() + _PATIENCE
        while operation["state"] == "going":
            assert time.monotonic() < deadline, operation
            time.sleep(0.02)
            operation = self.get(f"/actions/operation?id={operation['id']}").json
        return operation

    def log(self, query: str = "") -> list[dict[str, Any]]:
        return self.get(f"/actions/log?{query}").json["entries"]


@contextmanager
def acting_app(
    root: Path, project: Path | None = None, token: str | None = None, documents: Any = None, **settings: Any
) -> Iterator[ActingApp]:
    """Serve the app over a datastore; `project` is where flows can be started."""
    database = SqliteMetadata(root / INDEX_KEY, keep_log=True)
    app = create_web_app(database, Provider(Home(str(root))), ServerSettings(**settings), project, documents)
    server = http_server(app)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield ActingApp(Service(listener.getsockname()[1], database, app), token)
    finally:
        server.should_exit = True
        thread.join(30)
        database.close()
        assert not thread.is_alive(), "the app did not end"


def named(*runs: Any) -> list[dict[str, str]]:
    """Runs as requests name them."""
    return [{"flow": run.record.flow, "run_id": run.record.run_id} for run in runs]


def age_chunks(root: Path, seconds: float = 7200.0) -> None:
    """Let all chunks look as if they had been saved so long ago."""
    for path in (root / blobs_prefix()).rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime_ns - int(seconds) * 1_000_000_000
            os.utime(path, ns=(moment, moment))
