"""Runs whose files are in an object store, on real servers of each kind; and on this machine, by the same tests."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from metaflow.client.home import resolve_home
from metaflow.datastore.layout import log_key
from metaflow.datastore.location import open_store
from metaflow.datastore.store import ObjectStore
from metaflow.exception import DataException
from servers import free_port

from .conftest import Outcome, Project, metaflow

FLOW = """
    import os
    from metaflow import Config, FlowSpec, IncludeFile, Parameter, Run, current, exit_hook, parallel_map, step

    def tell(run):
        print("hook:", run.data.total, run.successful)

    def wail(run):
        print("hook: failed", run.id)

    @exit_hook(on_success=[tell], on_error=[wail])
    class F(FlowSpec):
        model = Config("model", default_value={"depth": {"max": 3}, "notes": "n" * 6000})
        words = IncludeFile("words", default="words.txt")
        fail = Parameter("fail", default=False)

        @step
        def start(self):
            import numpy

            print("depth", self.model.depth.max, len(self.words))
            self.array = numpy.arange(4_000_000, dtype="int64")
            self.small = "s" * 20_000
            self.text = "some text " * 300_000
            self.items = list(range(6))
            self.next(self.work, foreach="items")

        @step
        def work(self):
            print("working on", self.input)
            self.x = self.input * self.model.depth.max
            self.mine = os.urandom(5000) + bytes([self.input])
            if os.environ.get("METAFLOW_START_METHOD") == "fork":
                # What others are forked from must not use the network: the library that does has threads.
                assert len(os.listdir(f"/proc/{os.getppid()}/task")) == 1
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(each.x for each in inputs)
            self.last_bytes = [each.mine[-1] for each in inputs]
            self.merge_artifacts(inputs, include=["array", "small", "text"])
            if self.fail and current.origin_run_id is None:
                raise ValueError("as asked")
            self.next(self.end)

        @step
        def end(self):
            # One has used the network when the others are forked from it.
            length = len(self.small)
            self.parts = parallel_map(lambda part: int(self.array[part::4].sum()), range(4))
            assert sum(self.parts) == int(self.array.sum()) and length == 20_000
            self.seen = sorted(Run(f"F/{current.run_id}")["work"].task.artifacts._fields)
            print("total", self.total)
"""


PLAIN = """
class F(FlowSpec):
    @step
    def start(self):
        self.items = list(range({tasks}))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.x = self.input
        if self.input == 3:
            print("three")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.x for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("total", self.total)
"""


class Place(NamedTuple):
    """Where runs keep their files.

    Attributes
    ----------
    kind : str
    location : str
        Empty for this machine.
    options : list of str
        What the command line of a flow is given to use it.
    """

    kind: str
    location: str
    options: list[str]


def use_bucket(project: Project, bucket, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Let the project's flows reach a bucket, and give them a cache of their own."""
    kind = f"METAFLOW_DATASTORE_SYSROOT_{bucket.kind.upper()}"
    project.env.update(bucket.environment)
    project.env["METAFLOW_CLIENT_CACHE_PATH"] = str(project.path / "cache")
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_PATH", str(project.path / "cache"))
    options = ["--datastore", bucket.kind, "--datastore-root", bucket.environment[kind]]
    for name in ("METAFLOW_DEFAULT_DATASTORE", kind):
        del project.env[name]
        monkeypatch.delenv(name)
    return Place(bucket.kind, bucket.location, options)


@pytest.fixture(params=["local", "s3", "azure", "gs"])
def place(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Place:
    (project.path / "words.txt").write_text("word " * 50_000)
    if request.param == "local":
        return Place("local", "", [])
    return use_bucket(project, request.getfixturevalue(f"{request.param}_bucket"), monkeypatch)


@pytest.fixture
def s3_place(project: Project, s3_bucket, monkeypatch: pytest.MonkeyPatch) -> Place:
    (project.path / "words.txt").write_text("word " * 50_000)
    return use_bucket(project, s3_bucket, monkeypatch)


def store_of(place: Place, project: Project) -> ObjectStore:
    return open_store(place.location or str(project.path / ".metaflow"))


def good(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome
    return outcome


def unchanged(spun: Outcome) -> list[str]:
    """Artifacts that a spun task made as the task before had."""
    return [words[1] for line in spun.stdout.splitlines() if (words := line.split())[:1] == ["same"]]


def forget_copies(project: Project) -> None:
    shutil.rmtree(project.path / "cache", ignore_errors=True)


def test_a_flow_on_every_kind_of_store(place: Place, project: Project) -> None:
    """Runs, fails, is resumed and spun, and is read, by one who finds nothing of it on this machine."""
    project.write(FLOW, main="F")
    failed = project.call(*place.options, "run", "--fail", "true")
    assert failed.code == 1 and "as asked" in failed.stdout + failed.stderr, failed
    assert f"hook: failed {failed.run_id}" in failed.stdout
    forget_copies(project)  # as if on another machine
    resumed = good(project.call(*place.options, "resume", "--tag", "again"))
    assert "hook: 45 True" in resumed.stdout and "total 45" in resumed.stdout
    # What is inherited is neither read nor written again.
    spun = good(project.call(*place.options, "spin", f"{resumed.run_id}/work/3"))
    assert "working on" in spun.stdout and unchanged(spun) == ["x"], spun

    forget_copies(project)
    project.client()
    from metaflow import Flow, Task

    run = Flow("F").latest_run
    assert run.id == resumed.run_id and run.successful and run._record.origin_run_id == failed.run_id
    assert run.data.total == 45 and run.data.last_bytes == list(range(6)) and run.data.text == "some text " * 300_000
    assert int(run.data.array[-1]) == 3_999_999 and run.data.words == "word " * 50_000
    assert {"x", "mine", "words", "model"} <= set(run.data.seen)
    assert run["start"].task.stdout == "depth 3 250000\n"
    assert sorted(task.stdout for task in run["work"]) == [f"working on {number}\n" for number in range(6)]
    run.add_tag("seen")
    run.remove_tag("again")
    assert Flow("F").latest_run.user_tags == {"seen"}
    assert Task(f"F/{failed.run_id}/join/8").exception is not None

    dumped = good(project.call("--quiet", *place.options, "dump", f"{run.id}/join"))
    assert "total" in dumped.stdout and "45" in dumped.stdout
    shown = good(project.call("--quiet", *place.options, "logs", f"{run.id}/end"))
    assert shown.stdout == "total 45\n"
    tags = good(project.call("--quiet", *place.options, "tag", "list", "--run-id", run.id))
    assert "seen" in tags.stdout
    scrubbed = good(project.call("--quiet", *place.options, "logs", "scrub", f"{failed.run_id}/start"))
    assert "Scrubbed" in scrubbed.stdout
    assert "REDACTED" in Task(f"F/{failed.run_id}/start/1").stdout

    if place.location:
        assert run._record.datastore == place.location
        assert not list((project.path / ".metaflow").rglob("*.manifest")), "all is in the store"
        assert not list((project.path / ".metaflow").rglob("*.log")), "and no log waits"


def test_a_run_that_is_killed_and_resumed(place: Place, project: Project) -> None:
    project.write("""
        import os, time

        class F(FlowSpec):
            @step
            def start(self):
                print("printed before the end")
                self.items = list(range(5))
                self.big = os.urandom(3_000_000)
                self.next(self.work, foreach="items")

            @step
            def work(self):
                if self.input == 4 and current.origin_run_id is None:
                    open("waits", "w").close()
                    time.sleep(600)
                self.x = self.input
                self.next(self.join)

            @step
            def join(self, inputs):
                self.total = sum(i.x for i in inputs)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    process = project.start(*place.options, "run")
    deadline = time.monotonic() + 100
    while not (project.path / "waits").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    store = store_of(place, project)
    while len([key for key in store.list("mf-store/runs/F/") if "/work/" in key and key.endswith("manifest")]) < 4:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.kill()
    run_id = Outcome(0, process.communicate()[0], "").run_id
    resumed = good(project.call(*place.options, "resume"))
    assert resumed.stdout.count("Cloning previously run task") == 5, resumed
    project.client()
    from metaflow import Run

    assert Run(f"F/{resumed.run_id}").data.total == 10
    killed = Run(f"F/{run_id}")
    assert killed.status == "failed" and killed["start"].task.stdout == "printed before the end\n"
    assert [task.status for task in killed["work"]].count("done") == 4


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_a_machine_without_a_cache(s3_place: Place, project: Project, start_method: str) -> None:
    """Configs and inputs come over the network then, also in the process that tasks are forked from."""
    project.write(FLOW, main="F")
    env = {"METAFLOW_CLIENT_CACHE_MAX_SIZE": "0", "METAFLOW_START_METHOD": start_method}
    outcome = good(project.call(*s3_place.options, "run", env=env))
    assert "total 45" in outcome.stdout and "hook: 45 True" in outcome.stdout
    assert not (project.path / "cache").exists()


def test_a_small_task_makes_one_request(s3_place: Place, project: Project) -> None:
    """One write of the manifest, and one for what it printed; no process reads anything."""
    project.write(PLAIN.format(tasks=8))
    with counting_proxy(project) as log:
        good(project.call(*s3_place.options, "run"))
        requests = [line.split(" ", 1) for line in log.read_text().splitlines()]
    of_tasks = [(method, path) for method, path in requests if "/_parameters/" not in path and "/runs/F/" in path]
    assert {method for method, _ in of_tasks} == {"PUT"}, of_tasks
    names = [path.rpartition("/")[2] for _, path in of_tasks]
    assert len([name for name in names if name.endswith(".manifest")]) == 11
    assert sorted(name for name in names if name.endswith(".log")) == ["11.0.log", "5.0.log"]
    assert names.count("run.json") == 2 and len(names) == 15
    assert not [path for method, path in requests if method != "PUT"], requests


class counting_proxy:
    """Passes the project's requests on to its server, and writes method and path of each to a file."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __enter__(self) -> Path:
        import http.client
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        log = self._project.path / "requests"
        target = self._project.env["METAFLOW_S3_ENDPOINT_URL"].removeprefix("http://")
        lock = threading.Lock()
        stopped = self._stopped = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                if stopped.is_set():
                    self.close_connection = True
                    return
                with lock, log.open("a") as file:
                    file.write(f"{self.command} {self.path}\n")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = http.client.HTTPConnection(target)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                connection.close()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._project.env["METAFLOW_S3_ENDPOINT_URL"] = f"http://127.0.0.1:{self._server.server_port}"
        return log

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


def test_a_blob_that_somebody_deleted(place: Place, project: Project) -> None:
    project.write("""
        import os

        class F(FlowSpec):
            @step
            def start(self):
                self.big = os.urandom(200_000)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    run_id = good(project.call(*place.options, "run")).run_id
    forget_copies(project)
    store = store_of(place, project)
    (key,) = [each.key for each in store.scan("mf-store/blobs/") if each.size >= 200_000]
    store.delete(key)
    project.client()
    from metaflow import Run

    with pytest.raises(DataException) as caught:
        _ = Run(f"F/{run_id}")["start"].task.data.big
    message = str(caught.value)
    assert f"'big' of task F/{run_id}/start/1" in message and key in message and "run the step" in message
    assert not place.location or place.location in message
    outcome = project.call(*place.options, "resume", "end")
    assert outcome.code == 0, f"what is not read is not missed: {outcome}"


@pytest.mark.parametrize("what", ["bucket", "server"])
def test_a_datastore_that_cannot_be_written_ends_the_run_before_it_begins(
    s3_place: Place, project: Project, what: str
) -> None:
    project.write(FLOW, main="F")
    options, env = s3_place.options, {"METAFLOW_S3_RETRY_COUNT": "1"}
    if what == "bucket":
        options = ["--datastore-root", "s3://there-is-none/prefix"]
    else:
        env["METAFLOW_S3_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}"
    outcome = project.call(*options, "run", env=env)
    assert outcome.code == 1 and "Workflow starting" not in outcome.stdout
    assert "Traceback" not in outcome.stderr and options[-1] in outcome.stderr, outcome


def test_logs_wait_on_this_machine_while_the_store_is_out_of_reach(s3_place: Place, project: Project) -> None:
    """The run, which can write nothing else either, fails and says where they are; later they are sent."""
    project.write("""
        import os, time

        class F(FlowSpec):
            @step
            def start(self):
                print("printed")
                open("started", "w").close()
                while not os.path.exists("go"):
                    time.sleep(0.02)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    real = project.env["METAFLOW_S3_ENDPOINT_URL"]
    proxy = counting_proxy(project)
    with proxy:
        process = project.start(*s3_place.options, "run", env={"METAFLOW_S3_RETRY_COUNT": "1"})
        while not (project.path / "started").exists():
            assert process.poll() is None
            time.sleep(0.02)
    (project.path / "go").touch()
    stdout, stderr = process.communicate(timeout=60)
    run_id = Outcome(0, stdout, stderr).run_id
    assert process.returncode == 1 and "Traceback" not in stderr, stderr
    (spooled,) = (project.path / ".metaflow/mf-store/spool").rglob("*.log")
    assert str(spooled) in stdout and "reindex" in stdout
    project.env["METAFLOW_S3_ENDPOINT_URL"] = real
    project.client()
    from metaflow import Task

    assert "printed\n" in Task(f"F/{run_id}/start/1").stdout
    reindexed = metaflow(project, "reindex", "--datastore-root", s3_place.options[-1])
    assert reindexed.code == 0 and not spooled.exists(), reindexed
    assert b"printed\n" in store_of(s3_place, project).get(log_key("F", run_id, "start", "1", 0))


def test_another_person_looks_at_a_shared_datastore(
    s3_place: Place, project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(PLAIN.format(tasks=5))
    run_id = good(project.call(*s3_place.options, "run")).run_id
    root = s3_place.options[-1]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    project.env |= {"HOME": str(elsewhere), "METAFLOW_CLIENT_CACHE_PATH": str(elsewhere / "cache")}
    listed = metaflow(project, "runs", "list", "--all-users", "--datastore-root", root, directory=elsewhere)
    assert f"F/{run_id}" in listed.stdout, listed
    assert not (elsewhere / ".metaflow").exists()
    status = metaflow(project, "status", "--datastore-root", root, "--json", directory=elsewhere)
    assert status.code == 0 and json.loads(status.stdout)["datastore"] == s3_place.location
    again = good(project.call(*s3_place.options, "run")).run_id
    stale = metaflow(project, "status", "--datastore-root", root, directory=elsewhere)
    assert stale.code == 1 and "1 runs in the datastore are not known here" in stale.stdout
    shown = metaflow(project, "runs", "show", f"F/{again}", "--datastore-root", root, directory=elsewhere)
    assert shown.code == 0, shown
    rebuilt = metaflow(project, "reindex", "--datastore-root", root, directory=elsewhere)
    assert rebuilt.code == 0 and "2 runs" in rebuilt.stderr + rebuilt.stdout
    assert metaflow(project, "status", "--datastore-root", root, directory=elsewhere).code == 0

    # A flow that ran elsewhere is spun without naming its datastore, and resumed only there.
    assert good(project.call("spin", f"{run_id}/work/5")).stdout.count(" three") == 1
    refused = project.call("resume", "--origin-run-id", run_id)
    assert refused.code == 1 and f"--datastore-root {root}" in refused.stderr
    home, _ = resolve_home("s3", root, "local", create=False)
    assert home.datastore == s3_place.location and os.path.basename(home.root) == ".metaflow"


def test_a_join_of_many_tasks_reads_ahead(s3_place: Place, project: Project) -> None:
    """On another machine than its inputs, their manifests come in batches and not one by one."""
    project.write(PLAIN.format(tasks=70))
    run_id = good(project.call(*s3_place.options, "run", "--max-workers", "4")).run_id
    forget_copies(project)
    resumed = good(project.call(*s3_place.options, "resume", "join", "--origin-run-id", run_id))
    project.client()
    from metaflow import Run

    assert Run(f"F/{resumed.run_id}").data.total == sum(range(70))
    forget_copies(project)
    spun = good(project.call(*s3_place.options, "spin", f"{resumed.run_id}/join"))
    assert unchanged(spun) == ["total"]


def test_runner_reads_a_run_on_an_object_store(s3_place: Place, project: Project, environment_of_project) -> None:
    for name, value in project.env.items():
        if name.startswith(("METAFLOW_", "AWS_")):
            os.environ[name] = value  # restored by the fixture
    from metaflow import Runner

    path = project.write(PLAIN.format(tasks=5))
    with Runner(str(path), datastore="s3", datastore_root=s3_place.options[-1]).run() as running:
        assert running.status == "successful", running.stderr
        assert running.run.data.total == 10 and "total 10" in running.stdout
        assert running.run["end"].task.stdout == "total 10\n"
