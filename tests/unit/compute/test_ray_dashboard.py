"""Answers of a cluster's dashboard, and of what is taken for one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metaflow.compute.backend import EngineUnavailable, Job, JobRefused, SubmittedJob
from metaflow.compute.ray.backend import RayBackend
from metaflow.compute.ray.dashboard import Dashboard, address_of, extra_headers
from metaflow.compute.ray.driver import SNAPSHOT
from metaflow.decorators.ray_step import RayStepDecorator
from metaflow.exception import MetaflowException


class FakeDashboard:
    """Gives the answers that a test wants, and notes the requests.

    Attributes
    ----------
    answers : dict
        Method and path -> status, body and headers; any other request is answered with 404.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object, dict[str, str]]] = {}
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = f"{self.command} {self.path}"
                fake.requests.append(key)
                fake.headers = dict(self.headers)
                status, body, headers = fake.answers.get(key, (404, "no such thing", {}))
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: str, status: int, body: object, **headers: str) -> None:
        self.answers[request] = (status, body, headers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeDashboard]:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_JOB_HEADERS", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    dashboard = FakeDashboard()
    yield dashboard
    dashboard.close()


def job(name: str = "mf-1") -> Job:
    options = RayStepDecorator().options([])
    return Job(name, "train", ("train/1/0",), False, ("true",), {}, options, None, {"flow": "F"})


def test_what_ray_does_not_take_is_refused_for_good(fake: FakeDashboard) -> None:
    backend = RayBackend(fake.url)
    fake.answer("POST /api/jobs/", 400, "Traceback ...\nTypeError: metadata values must be strings")
    with pytest.raises(JobRefused, match=r"\*train\*.*metadata values must be strings"):
        backend.submit(job())
    fake.answer("POST /api/jobs/", 500, "Traceback ...\nRuntimeError: status code 400: bad runtime_env\n.\n")
    with pytest.raises(JobRefused, match="bad runtime_env"):
        backend.submit(job())


def test_a_job_that_is_there_already_counts_as_submitted(fake: FakeDashboard) -> None:
    fake.answer("POST /api/jobs/", 500, "RuntimeError: status code 400: Job with submission_id mf-1 already exists.")
    fake.answer("GET /api/jobs/mf-1", 200, {"submission_id": "mf-1", "status": "RUNNING"})
    assert RayBackend(fake.url).submit(job()).engine_id == "mf-1"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_cluster_is_asked_again(fake: FakeDashboard, status: int) -> None:
    fake.answer("POST /api/jobs/", status, "busy", **{"Retry-After": "7"})
    with pytest.raises(EngineUnavailable, match="busy") as caught:
        RayBackend(fake.url).submit(job())
    assert caught.value.retry_after == 7


def test_what_is_no_dashboard_is_told(fake: FakeDashboard) -> None:
    fake.answer("GET /api/version", 200, "<html>Welcome</html>")
    with pytest.raises(MetaflowException, match="is not the dashboard"):
        RayBackend(fake.url).check()
    fake.answer("GET /api/version", 403, "no")
    with pytest.raises(MetaflowException, match="RAY_AUTH_TOKEN"):
        RayBackend(fake.url).check()
    fake.answer("GET /api/version", 200, {"ray_version": "2.3.1"})
    with pytest.raises(MetaflowException, match=r"runs Ray 2\.3\.1"):
        RayBackend(fake.url).check()
    fake.answer("GET /api/version", 200, {"ray_version": "3.0.0.dev0"})
    RayBackend(fake.url).check()


def test_many_jobs_are_asked_for_with_one_request(fake: FakeDashboard) -> None:
    jobs = [SubmittedJob(f"mf-{number}", f"mf-{number}", ("train/1/0",)) for number in range(30)]
    infos = [{"submission_id": each.name, "status": "PENDING"} for each in jobs[:-1]]
    fake.answer("GET /api/jobs/", 200, infos)
    backend = RayBackend(fake.url)
    states = backend.poll(jobs, 1)
    assert [state.phase for state in states] == ["pending"] * 29 + ["ended"]
    assert fake.requests == ["GET /api/jobs/"]
    assert [state.phase for state in backend.poll(jobs[:-1], 1)] == [], "nothing is new"


def test_the_word_of_ray_counts_if_the_log_is_out_of_reach(fake: FakeDashboard) -> None:
    submitted = SubmittedJob("mf-1", "mf-1", ("train/1/0", "train/2/0"))
    backend = RayBackend(fake.url)
    info = {"submission_id": "mf-1", "status": "RUNNING", "driver_node_id": "n"}
    fake.answer("GET /api/jobs/mf-1", 200, info)
    log = f"noise\n{SNAPSHOT}" + json.dumps({"phases": "sr", "ended": {}, "text": "", "nodes": ["n"], "places": [0, 0]})
    fake.answer("GET /api/jobs/mf-1/logs", 200, {"logs": log})
    assert [state.phase for state in backend.poll([submitted], 1)] == ["ended", "running"]
    backend.cancel(submitted, ["train/1/0"])
    assert not any("stop" in request for request in fake.requests), "another task of the job still runs"
    fake.answer("GET /api/jobs/mf-1", 200, {**info, "status": "FAILED", "message": "its node died"})
    fake.answer("GET /api/jobs/mf-1/logs", 500, "no such node")
    first, second = backend.poll([submitted], 1)
    assert first.status == 0, "what is known to have succeeded has"
    assert second.phase == "ended" and "its node died" in (second.reason or "") and second.retriable
    fake.answer("POST /api/jobs/mf-1/stop", 200, {"stopped": True})
    backend.cancel(submitted, ["train/1/0", "train/2/0"])
    assert fake.requests[-1] == "POST /api/jobs/mf-1/stop"


def test_tokens_and_headers(fake: FakeDashboard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake.answer("GET /api/version", 200, {"ray_version": "2.60.0"})
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("from home\n")
    RayBackend(fake.url).check()
    assert fake.headers["Authorization"] == "Bearer from home"
    (tmp_path / "token").write_text("from path")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert extra_headers()["Authorization"] == "Bearer from path"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    assert extra_headers()["Authorization"] == "Bearer given"
    monkeypatch.setenv("RAY_JOB_HEADERS", '{"authorization": "Basic x", "X-Team": "a"}')
    assert extra_headers() == {"authorization": "Basic x", "X-Team": "a"}
    monkeypatch.setenv("RAY_JOB_HEADERS", "X-Team: a")
    with pytest.raises(MetaflowException, match="RAY_JOB_HEADERS"):
        extra_headers()
    monkeypatch.delenv("RAY_JOB_HEADERS")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "nothing"))
    with pytest.raises(MetaflowException, match="no file"):
        extra_headers()
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert extra_headers() == {}


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("METAFLOW_RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MetaflowException, match="METAFLOW_RAY_ADDRESS"):
        address_of(None)
    monkeypatch.setenv("RAY_ADDRESS", "https://third/")
    assert address_of(None) == "https://third"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "second:8265")
    assert address_of(None) == "http://second:8265"
    monkeypatch.setenv("METAFLOW_RAY_ADDRESS", "http://first:8265")
    assert address_of(None) == "http://first:8265"
    assert Dashboard(address_of("http://given:1/prefix/")).address == "http://given:1/prefix"
    for wrong in ("ray://host:10001", "http://", "file:///etc/passwd"):
        with pytest.raises(MetaflowException, match="not the address"):
            address_of(wrong)
