"""What a task's machine learns of the EC2 instance that it is, from a metadata service on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metaflow import current
from metaflow.compute.spot import InstanceMetadata, SpotNotice, SpotWatch

ACTION = json.dumps({"action": "terminate", "time": "2026-01-02T03:04:05Z"})


class Service:
    """What the metadata service knows, and what it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.tokens: list[str] = []
        self.asked: list[str] = []
        self.address = ""


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as service:
        yield service


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            assert self.path == "/latest/api/token" and int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 0
            service.tokens.append(f"token-{len(service.tokens)}")
            self._answer(200, service.tokens[-1])

        def do_GET(self) -> None:
            name = self.path.removeprefix("/latest/meta-data/")
            service.asked.append(name)
            if self.headers["X-aws-ec2-metadata-token"] not in service.tokens[-1:]:
                self._answer(401, "")
            elif name in service.answers:
                self._answer(200, service.answers[name])
            else:
                self._answer(404, "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def test_facts_of_an_instance(service: Service) -> None:
    service.answers = {"instance-id": "i-1", "instance-type": "m5.large", "placement/region": "eu-west-1"}
    instance = InstanceMetadata(service.address)
    assert instance.facts() == {
        "ec2-instance-id": "i-1",
        "ec2-instance-type": "m5.large",
        "ec2-region": "eu-west-1",
    }
    assert len(service.tokens) == 1, "a token is used more than once"


def test_a_machine_that_is_no_instance_is_asked_once() -> None:
    with running_service() as service:
        assert InstanceMetadata(service.address).facts() == {}
        assert service.asked == ["instance-id"]
    assert InstanceMetadata(service.address).facts() == {}, "nobody listens there any more"


def test_a_token_that_is_not_accepted_any_more_is_renewed(service: Service) -> None:
    service.answers = {"instance-id": "i-1"}
    instance = InstanceMetadata(service.address)
    assert instance.get("instance-id") == "i-1"
    service.tokens.append("another one, so that the first one is no longer valid")
    assert instance.get("instance-id") is None
    assert instance.get("instance-id") == "i-1"


def test_the_address_can_be_that_of_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.address)
    service.answers = {"instance-id": "i-1"}
    assert InstanceMetadata().get("instance-id") == "i-1"


@pytest.mark.parametrize(("text", "time"), [(ACTION, "2026-01-02T03:04:05Z"), ("no JSON", ""), ("[]", "")])
def test_a_notice_is_heard_even_if_it_does_not_say_when(service: Service, text: str, time: str) -> None:
    instance = InstanceMetadata(service.address)
    assert instance.spot_notice() is None
    service.answers["spot/instance-action"] = text
    notice = instance.spot_notice()
    assert notice is not None and notice.time == time
    assert notice.metadata() == {
        "spot-termination-received-at": notice.received_at,
        "spot-termination-time": time,
    }


def test_a_watch_leaves_a_file_and_tells_once(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_SPOT_TERMINATION_NOTICE", str(tmp_path / "notice"))
    heard: list[tuple[SpotNotice, bool]] = []
    told = threading.Event()

    def tell(notice: SpotNotice) -> None:
        heard.append((notice, Path(current.spot_termination_notice).exists()))
        told.set()

    watch = SpotWatch(InstanceMetadata(service.address), tell, poll_seconds=0.02)
    assert not told.wait(0.1)
    service.answers["spot/instance-action"] = ACTION
    assert told.wait(60)
    (notice, was_there) = heard[0]
    assert was_there, "the file is there when the task is told"
    assert json.loads((tmp_path / "notice").read_text())["time"] == notice.time == "2026-01-02T03:04:05Z"
    watch.stop()
    assert len(heard) == 1
