"""Requests to a metadata service over a bad network, to wrong addresses, and to what is no service at all."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from metaflow.exception import MetadataException, ServiceException, ServiceUnavailable
from metaflow.metadata_store import service_connection
from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.service import ServiceMetadata
from metaflow.metadata_store.service_address import parse_address

OURS = {"Metaflow-Api-Version": "1", "METADATA_SERVICE_VERSION": "2.5.0"}
FLOWS = (200, OURS, {"flows": [{"flow": "F", "created_at": 1.0}]})


class Scripted:
    """Answers requests by a list of what to do, the last entry again and again; notes what it was sent."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers), body))
                todo = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                if todo == "hang up":
                    self.close_connection = True
                    return
                status, headers, content = todo[:3]
                text = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text) + (10 if "cut" in todo else 0)))
                self.end_headers()
                self.wfile.write(text)
                self.close_connection = "cut" in todo or "then close" in todo

            do_GET = do_POST = answer

            def do_CONNECT(self) -> None:
                outer.requests.append(("CONNECT", self.path, dict(self.headers), b""))
                self.send_error(403, "not through me")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited between tries; nobody really waits."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("METAFLOW_SERVICE")]:
        monkeypatch.delenv(name)
    waited: list[float] = []
    monkeypatch.setattr(service_connection.time, "sleep", waited.append)
    return waited


@pytest.fixture
def connect() -> Iterator[Callable[..., ServiceMetadata]]:
    opened: list[ServiceMetadata] = []

    def connect(url: str, **options: Any) -> ServiceMetadata:
        opened.append(ServiceMetadata(url, **options))
        return opened[-1]

    yield connect
    for store in opened:
        store.close()


def test_one_connection_serves_many_requests_and_none_is_made_before_the_first(scripted, connect):
    scripted.script = [FLOWS]
    store = connect(scripted.url + "/some/path/")
    assert scripted.connections == 0
    assert [store.flows("a b/ü")[0].flow for _ in range(5)] == ["F"] * 5
    assert scripted.connections == 1
    assert scripted.requests[0][1] == "/some/path/api/v1/flows?flow=a+b%2F%C3%BC"
    store.close()
    store.flows()
    assert scripted.connections == 2


def test_a_connection_that_was_closed_meanwhile_is_replaced_without_waiting(scripted, connect, waits):
    scripted.script = [FLOWS, "hang up", FLOWS]
    store = connect(scripted.url)
    assert store.flows() == store.flows()
    assert waits == []
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("failure", ["hang up", (*FLOWS, "cut"), (503, {}, b""), (429, {}, b""), (502, {}, b"<html>")])
def test_what_may_pass_is_tried_again_after_ever_longer_waits(scripted, connect, waits, failure):
    scripted.script = [failure, failure, failure, FLOWS]
    assert connect(scripted.url, tries=4).flows()[0].flow == "F"
    assert len(waits) == 3
    assert all(2**i * 0.5 <= wait <= 2**i for i, wait in enumerate(waits))


def test_it_waits_as_long_as_it_is_asked_to(scripted, connect, waits):
    refusal = (503, {**OURS, "Retry-After": "7"}, {"error": {"kind": "x", "message": "The database is away."}})
    scripted.script = [refusal]
    with pytest.raises(ServiceUnavailable, match=r"The database is away\. It was tried 3 times") as failure:
        connect(scripted.url, tries=3).flows()
    assert failure.value.http_code == 503
    assert len(waits) == 2 and all(7 <= wait <= 14 for wait in waits)


def test_the_number_of_tries_is_a_setting(scripted, connect, waits, monkeypatch):
    monkeypatch.setenv("METAFLOW_SERVICE_RETRY_COUNT", "2")
    scripted.script = ["hang up"]
    with pytest.raises(ServiceUnavailable, match="broke off.*tried 2 times"):
        connect(scripted.url).flows()
    assert len(waits) == 1


def test_nobody_there(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServiceUnavailable, match="nothing listens there") as failure:
            connect(url, tries=2).flows()
    assert url in failure.value.message
    with pytest.raises(ServiceUnavailable, match="name is not known"):
        connect("http://no-such-host.invalid", tries=1).flows()


def test_somebody_who_never_answers(connect):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        with pytest.raises(ServiceUnavailable, match="does not answer in time"):
            connect(f"http://127.0.0.1:{deaf.getsockname()[1]}", tries=1, timeout=0.1).flows()


@pytest.mark.parametrize(
    "answer, reason",
    [
        ((200, {}, b"<html>It works!</html>"), "is none: something else answers there"),
        ((404, {}, b""), "is none: something else answers there"),
        ((404, {"METADATA_SERVICE_VERSION": "2.4.0"}, b""), "of version '2.4.0' and lacks the interface"),
        ((200, {"Metaflow-Api-Version": "2"}, {}), "Upgrade this package"),
        ((200, {"Metaflow-Api-Version": "0"}, {}), "Upgrade the service"),
        ((200, OURS, b"no JSON"), "no JSON"),
        ((301, {"Location": "https://elsewhere"}, b""), "https://elsewhere"),
        (
            (401, OURS, {"error": {"kind": "x", "message": "Unknown token."}}),
            "Unknown token.*METAFLOW_SERVICE_AUTH_KEY",
        ),
        ((403, {}, b"forbidden by a proxy"), "forbidden by a proxy.*token with more rights"),
        ((500, OURS, {"error": {"kind": "x", "message": "A bug."}}), "A bug"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_told_at_once(scripted, connect, waits, answer, reason):
    scripted.script = [answer]
    with pytest.raises(ServiceException, match=reason) as failure:
        connect(scripted.url).flows()
    assert not isinstance(failure.value, ServiceUnavailable)
    assert isinstance(failure.value, MetadataException), "whoever uses a metadata store expects these"
    assert failure.value.http_code == answer[0]
    assert scripted.url in failure.value.message
    assert waits == []


def test_another_version_can_be_tried_nevertheless(scripted, connect, monkeypatch):
    monkeypatch.setenv("METAFLOW_SERVICE_VERSION_CHECK", "0")
    scripted.script = [(200, {"Metaflow-Api-Version": "2"}, {"flows": []})]
    assert connect(scripted.url).flows() == []


def test_secrets_are_sent_but_never_shown(scripted, connect, monkeypatch):
    monkeypatch.setenv("METAFLOW_SERVICE_AUTH_KEY", "key-secret")
    monkeypatch.setenv("METAFLOW_SERVICE_HEADERS", '{"X-Team": "header-secret"}')
    scripted.script = [(401, OURS, {"error": {"kind": "x", "message": "No."}})]
    store = connect(scripted.url.replace("//", "//ann:p%40ss-secret@"))
    with pytest.raises(ServiceException) as failure:
        store.flows()
    headers = scripted.requests[0][2]
    assert headers["x-api-key"] == "key-secret" and headers["X-Team"] == "header-secret"
    assert headers["Authorization"] == "Basic YW5uOnBAc3Mtc2VjcmV0"
    assert "secret" not in failure.value.message
    for broken in ("key-secret\n", "key-ü-secret"):
        monkeypatch.setenv("METAFLOW_SERVICE_AUTH_KEY", broken)
        with pytest.raises(ServiceException, match="METAFLOW_SERVICE_AUTH_KEY has a character") as failure:
            connect(scripted.url)
        assert "secret" not in failure.value.message


@pytest.mark.parametrize("url", ["", "metadata:8080", "ftp://x", "http://", "http://u:secret@h:port", "http://h/a b"])
def test_addresses_that_are_none(connect, url):
    with pytest.raises(ServiceException, match="METAFLOW_SERVICE_URL") as failure:
        connect(url)
    assert "secret" not in failure.value.message


@pytest.mark.parametrize(
    "url, shown, is_loopback",
    [
        ("https://u:p@Example.com/x/", "https://example.com/x", False),
        ("http://[::1]:8080", "http://[::1]:8080", True),
        ("http://127.0.0.9:80", "http://127.0.0.9", True),
    ],
)
def test_how_addresses_are_shown(url, shown, is_loopback):
    address = parse_address(url)
    assert (address.shown, address.is_loopback) == (shown, is_loopback)


def test_large_bodies_are_packed_on_the_way_to_other_machines(scripted, connect, monkeypatch):
    """The scripted server plays the proxy of the way there, and so the other machine."""
    import gzip

    monkeypatch.setenv("http_proxy", f"http://ann:pw@127.0.0.1:{scripted.port}")
    events = [RunStarted(RunRecord("F", str(number), "ann", 1.0)) for number in range(100)]
    answer = gzip.compress(json.dumps({"recorded": 100, "last_id": 1}).encode())
    scripted.script = [(200, {**OURS, "Content-Encoding": "gzip"}, answer)]
    connect("http://metadata.example.com:8080/x").apply(events)
    command, path, headers, body = scripted.requests[0]
    assert (command, path) == ("POST", "http://metadata.example.com:8080/x/api/v1/events")
    assert headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(body))["events"]) == 100
    assert headers["Proxy-Authorization"] == "Basic YW5uOnB3"
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{scripted.port}")
    with pytest.raises(ServiceUnavailable, match="403"):
        connect("https://metadata.example.com", tries=1).flows()
    assert scripted.requests[1][:2] == ("CONNECT", "metadata.example.com:443")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    scripted.script = [FLOWS]
    connect(scripted.url).flows()
    assert scripted.requests[2][1] == "/api/v1/flows"


def test_batches_that_are_too_large_are_halved(scripted, connect):
    too_large = (413, OURS, {"error": {"kind": "too_large", "message": "Too large."}})
    fine = (200, OURS, {"recorded": 1, "last_id": 1})
    scripted.script = [too_large, too_large, fine, fine, fine]
    events = [RunStarted(RunRecord("F", str(number), "ann", 1.0)) for number in range(4)]
    connect(scripted.url).apply(events)
    sent = [[event["run"]["run_id"] for event in json.loads(body)["events"]] for *_, body in scripted.requests]
    assert sent == [["0", "1", "2", "3"], ["0", "1"], ["0"], ["1"], ["2", "3"]]
    scripted.script = [too_large]
    with pytest.raises(ServiceException, match="Too large") as failure:
        connect(scripted.url).apply(events[:1])
    assert failure.value.http_code == 413


def test_a_forked_process_uses_connections_of_its_own(scripted, connect):
    scripted.script = [FLOWS]
    store = connect(scripted.url)
    store.flows()
    child = os.fork()
    if not child:
        try:
            os._exit(0 if store.flows()[0].flow == "F" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert scripted.connections == 2
    store.flows()
    assert scripted.connections == 2, "the parent's is as it was"


def test_many_threads(scripted, connect):
    scripted.script = [FLOWS]
    store = connect(scripted.url)
    found = []
    threads = [threading.Thread(target=lambda: found.extend(store.flows() for _ in range(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert scripted.connections <= 8


@pytest.fixture
def secure_port(tmp_path) -> Iterator[int]:
    """A server of HTTPS with a certificate that nobody signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Scripted()
    server.script = [FLOWS]
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    yield server.port
    server.server.shutdown()
    server.server.server_close()


def test_secure_connections(secure_port, scripted, connect, waits, monkeypatch, tmp_path):
    with pytest.raises(ServiceException, match="certificate is not trusted.*SSL_CERT_FILE") as failure:
        connect(f"https://127.0.0.1:{secure_port}").flows()
    assert not isinstance(failure.value, ServiceUnavailable)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    assert connect(f"https://127.0.0.1:{secure_port}").flows()[0].flow == "F"
    with pytest.raises(ServiceException, match=r"If it serves plain HTTP, say http://"):
        connect(f"https://127.0.0.1:{scripted.port}").flows()
    assert waits == []
