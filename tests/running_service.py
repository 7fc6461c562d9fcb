"""The metadata service in a thread of the test's own process, and a listener to its live events."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from metaflow.server.app import create_app
from metaflow.server.configuration import ServerSettings
from metaflow.server.serving import http_server


class Reply(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.json["error"]["kind"]


class Service(NamedTuple):
    """A service that runs.

    Attributes
    ----------
    port : int
    database : SqliteMetadata
    app : FastAPI
    """

    port: int
    database: Any
    app: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """Content that is not bytes is sent as JSON."""
        body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, content: Any, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, content, named)


class Stream:
    """A listener to server-sent events."""

    def __init__(self, service: Service, path: str = "/api/v1/events/stream", **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self._connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        self.answer = self._connection.getresponse()

    def next(self) -> tuple[str, int | None, Any]:
        """Kind, id and data of the next event."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
            elif "event" in fields:
                return fields["event"], int(fields["id"]) if "id" in fields else None, json.loads(fields["data"])
            else:
                fields = {}

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@contextmanager
def running(database: Any, settings: ServerSettings) -> Iterator[Service]:
    with running_app(create_app(database, database, database, settings), database) as service:
        yield service


@contextmanager
def running_app(app: Any, database: Any) -> Iterator[Service]:
    """Any application that `create_app` made, such as the web app."""
    server = http_server(app)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Service(listener.getsockname()[1], database, app)
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), f"the service did not end:\n{_what_it_does(server, thread)}"


def _what_it_does(server: Any, thread: threading.Thread) -> str:
    """What a service that does not end waits for."""
    state = server.server_state
    frames = sys._current_frames()
    stacks = [
        f"{other.name}:\n{''.join(traceback.format_stack(frames[other.ident]))}"
        for other in threading.enumerate()
        if other.ident in frames and other is not threading.current_thread()
    ]
    tasks = [f"{task!r}" for task in [*state.tasks]]
    return "\n".join([f"connections: {[vars(each).get('scope') for each in state.connections]}", *tasks, *stacks])
