"""``metaflow server`` as a process: started, used, stopped, killed, and set up wrongly."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow.exception import ServiceException
from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.service import ServiceMetadata
from metaflow.metadata_store.store import RunQuery

from .conftest import Project, metaflow


class Server:
    """A service that was started in a project's directory."""

    def __init__(self, project: Project, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "metaflow", "server", "--port", "0", *arguments],
            cwd=project.path,
            env={**project.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._announced = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._announced.wait(60)
        found = re.search(r"at (http://\S+)", "".join(self.lines))
        assert found, "".join(self.lines)
        self.url = found[1]

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            if "Metadata service at" in line:
                self._announced.set()
        self._announced.set()

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        self._reader.join(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def serve(project: Project) -> Iterator[type[Server]]:
    started: list[Server] = []

    def start(*arguments: str, **options: dict[str, str]) -> Server:
        started.append(Server(project, *arguments, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


def started(run_id: str) -> RunStarted:
    return RunStarted(RunRecord("F", run_id, "ann", 1000.0))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, project: Project) -> str:
    if request.param == "sqlite":
        return str(project.path / "service.sqlite")
    return request.getfixturevalue("postgres_url")


def test_a_service_with_tokens_from_its_start_to_its_end(project, serve, database, monkeypatch):
    made = metaflow(project, "server", "token", "ann")
    token = re.search(r"METAFLOW_SERVICE_AUTH_KEY=(\S+)", made.stderr)[1]
    assert re.fullmatch(r"ann:write:sha256:[0-9a-f]{64}\n", made.stdout) and token not in made.stdout
    (project.path / "tokens").write_text(made.stdout + metaflow(project, "server", "token", "b", "--scope=read").stdout)

    server = serve("--database", database, "--tokens", "tokens", "--log-format", "json", "--host", "0.0.0.0")
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    with pytest.raises(ServiceException, match="METAFLOW_SERVICE_AUTH_KEY"):
        ServiceMetadata(url).flows()
    monkeypatch.setenv("METAFLOW_SERVICE_AUTH_KEY", token)
    store = ServiceMetadata(url)
    store.apply([started("1"), started("2")])
    stream = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=60)
    stream.request("GET", "/api/v1/events/stream?after=0", headers={"x-api-key": token})
    answer = stream.getresponse()
    text = b""
    while b"event: ready" not in text:
        text += answer.readline()
    assert text.count(b"event: run_started") == 2

    assert server.stop() == 0
    assert b"event: closing" in answer.read(), "listeners are told"
    stream.close()
    store.close()
    lines = [json.loads(line) for line in server.lines[1:]]
    facts = [(line["token"], line["method"], line["status"]) for line in lines if "path" in line]
    assert facts == [("", "GET", 401), ("ann", "POST", 200), ("ann", "GET", 200)]
    assert token not in "".join(server.lines)

    # Killed without warning: what it has confirmed is there when it is started again.
    again = serve("--database", database, "--tokens", "tokens")
    store = ServiceMetadata(again.url)
    store.apply([started("3")])
    again.stop(signal.SIGKILL)
    store.close()
    last = serve("--database", database, "--tokens", "tokens", "--read-only")
    store = ServiceMetadata(last.url)
    assert [run.run_id for run in store.runs(RunQuery())] == ["3", "2", "1"]
    with pytest.raises(ServiceException, match="reading only"):
        store.apply([started("4")])
    store.close()
    assert last.stop(signal.SIGINT) == 0


def test_a_request_that_is_being_served_is_finished_when_the_service_ends(project, serve):
    server = serve("--database", "x.sqlite")
    body = json.dumps({"events": [{"kind": "run_started", "run": started("1").run.to_dict()}]}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        head = f"POST /api/v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
        urllib.request.urlopen(f"{server.url}/healthz").close()  # so that the first part has arrived
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(OSError):
            while True:  # until it accepts nothing any more
                urllib.request.urlopen(f"{server.url}/healthz", timeout=30).close()
        client.sendall(body[20:])
        assert client.makefile("rb").readline().split()[1] == b"200"
    assert server.stop() == 0
    again = serve("--database", "x.sqlite")
    assert ServiceMetadata(again.url).run("F", "1") is not None


def test_set_up_wrongly_it_says_what_is_wrong(project, tmp_path):
    (project.path / "damaged.sqlite").write_text("this is no database at all, however long it may be" * 10)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, reason in (
            (["--host", "0.0.0.0"], "there are no tokens"),
            (["--port", port], "cannot listen on 127.0.0.1:" + port),
            (["--host", "no-such-host.invalid", "--insecure"], "cannot listen on no-such-host.invalid"),
            (["--database", "mysql://u:secret@h/d"], "no kind of database called 'mysql'"),
            (["--database", "damaged.sqlite"], "damaged"),
            (["--database", "/proc/nothing/x.sqlite"], "/proc/nothing"),
        ):
            given = arguments if "--port" in arguments else [*arguments, "--port", "0"]
            refused = metaflow(project, "server", *given)
            assert refused.code == 1, (arguments, refused)
            assert reason in refused.stderr
            assert "Traceback" not in refused.stderr and "secret" not in refused.stderr


def test_where_it_keeps_records_if_nobody_says(project, serve):
    server = serve(env={"XDG_DATA_HOME": str(project.path / "data")})
    store = ServiceMetadata(server.url)
    store.apply([started("1")])
    store.close()
    assert Path(project.path / "data/metaflow/service.sqlite").is_file()
    assert "service.sqlite" in server.lines[0] and "no tokens" in server.lines[0]
