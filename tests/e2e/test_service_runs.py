"""Runs that are recorded in a metadata service: one that works, one that goes away, one that refuses."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import metaflow
from e2e.conftest import Project
from metadata_service import READER, WRITER, BadConnection, MetadataService
from metaflow.client import provider_choice
from metaflow.compute.backend import JobQuery
from metaflow.metadata_store.events import RunForgotten, RunStarted
from metaflow.metadata_store.store import RunQuery, TaskQuery
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

pytest.importorskip("fastapi")

if TYPE_CHECKING:
    from conftest import Bucket

FLOW = """
from metaflow import FlowSpec, IncludeFile, Parameter, Run, current, namespace, step

class TeamFlow(FlowSpec):
    alpha = Parameter("alpha", default=3)
    fail = Parameter("fail", default=False, type=bool)

    @step
    def start(self):
        self.xs = [1, 2, 3]
        self.seen = Run(f"{current.flow_name}/{current.run_id}").user_tags
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        print("working on", self.input)
        self.y = self.input * self.alpha
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ys = [each.y for each in inputs]
        if self.fail:
            raise ValueError("as asked")
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# It says how far it is, and goes on when it is told to.
GATED_FLOW = """
import os, time
from metaflow import FlowSpec, step

def pause(name):
    open(name + ".here", "w").close()
    while not os.path.exists(name + ".go"):
        time.sleep(0.02)

class GatedFlow(FlowSpec):
    @step
    def start(self):
        pause("one")
        self.next(self.middle, foreach="numbers")
    @step
    def middle(self):
        self.y = self.input
        self.next(self.join)
    @step
    def join(self, inputs):
        self.ys = [each.y for each in inputs]
        pause("two")
        self.next(self.end)
    @step
    def end(self):
        pass
    numbers = list(range(8))
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[MetadataService]:
    made = MetadataService(tmp_path / "service")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def team(project: Project, service: MetadataService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose runs are recorded in the service; the client in this process reads there too."""
    project.env |= {**service.environment, "XDG_STATE_HOME": str(project.path / "state")}
    for name, value in project.env.items():
        if name.startswith(("METAFLOW_", "XDG_")):
            monkeypatch.setenv(name, value)
    before = provider_choice.choose_provider(None)
    provider_choice._providers.clear()
    metaflow.namespace(None)
    yield project
    provider_choice._providers.clear()
    provider_choice.choose_provider(before)
    metaflow.default_namespace()


def cli(project: Project, *arguments: str, **options: object):
    return project.call("metaflow", *arguments, flow="-m", **options)


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_run_and_all_that_reads_it(team: Project, service: MetadataService) -> None:
    team.write(FLOW)
    attributes = team.path / "attributes.json"
    outcome = team.call(
        "run", "--alpha", "5", "--tag", "good", "--fail", "1", "--runner-attribute-file", str(attributes)
    )
    assert outcome.code == 1 and "as asked" in outcome.stdout + outcome.stderr, outcome
    told = json.loads(attributes.read_text())
    assert told["metadata"] == f"service@{service.url}"
    resumed = team.call("resume", "--fail", "0")
    assert resumed.code == 0 and resumed.stderr.count("service") == 0, resumed
    assert not (team.path / ".metaflow/mf-store/index.sqlite").exists()

    from metaflow import Flow, Run, get_metadata, metadata

    assert get_metadata() == f"service@{service.url}" == metadata(service.url)
    failed, done = Run(f"TeamFlow/{told['run_id']}"), Flow("TeamFlow").latest_run
    assert (failed.status, done.status, done.successful) == ("failed", "done", True)
    assert done.data.ys == [5, 10, 15] and failed["start"].task.data.seen == {"good"}
    assert [task.stdout for task in failed["each"]] == [f"working on {number}\n" for number in (3, 2, 1)]
    assert done["each"].task.origin_pathspec.startswith(failed.pathspec)
    assert failed["join"].task.metadata_dict["attempt_ok"] == "False"
    done.add_tag("better")
    assert Run(done.pathspec).user_tags == {"better"}

    listed = json.loads(cli(team, "runs", "list", "--json").stdout)
    assert {run["status"] for run in listed} == {"failed", "done"}, listed
    assert "each" in cli(team, "tasks", "list", done.pathspec).stdout
    assert "working on 1" in cli(team, "logs", failed.pathspec).stdout
    tagged = team.call("tag", "add", "--run-id", told["run_id"], "cli-tag")
    assert tagged.code == 0 and "cli-tag" in Run(failed.pathspec).user_tags, tagged
    spun = team.call("spin", "join", env={"METAFLOW_DATASTORE_SYSROOT_SPIN": str(team.path)})
    assert spun.code == 0, spun
    assert "No records wait" in cli(team, "outbox").stdout
    # The token opens the service to whoever has it.
    assert files_with(team.path / ".metaflow", WRITER) == [] and files_with(team.path / "service", WRITER) == []
    assert WRITER not in outcome.stdout + outcome.stderr

    # What was made on a machine whose files are not here.
    (team.path / ".metaflow").rename(team.path / "elsewhere")
    provider_choice._providers.clear()
    provider_choice.choose_provider(None)
    far = Run(done.pathspec)
    assert far.successful
    assert [step.id for step in far] == ["end", "join", "each", "start"]
    with pytest.raises(metaflow.exception.DataException, match=f"were in {team.path}.*no more"):
        far["join"].task.data.seen  # noqa: B018
    [record] = provider_choice.current_provider().runs(RunQuery("TeamFlow", limit=1))
    provider_choice.current_provider().index.apply(
        [RunForgotten("TeamFlow", far.id), RunStarted(record._replace(host="bigbox/boot/1"))]
    )
    with pytest.raises(metaflow.exception.DataException, match=f"on the machine bigbox, in {team.path}"):
        metaflow.Run(far.pathspec)._provider.store_of("TeamFlow", far.id)
    far.add_tag("from-afar")
    assert "from-afar" in Run(done.pathspec).user_tags


def test_a_service_that_is_killed_during_a_run_and_comes_back(team: Project, service: MetadataService) -> None:
    team.write(GATED_FLOW)
    run = team.start("run", "--max-workers", "2")
    wait_for_file(team.path / "one.here")
    service.stop(signal.SIGKILL)
    (team.path / "one.go").touch()
    wait_for_file(team.path / "two.here")
    service.start()
    deadline = time.monotonic() + 90
    outbox = team.path / ".metaflow/mf-store/outbox"
    while any(path.stat().st_size for path in outbox.iterdir()):  # with the next heartbeat it is tried again
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.05)
    (team.path / "two.go").touch()
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 0, (stdout, stderr)
    assert stderr.count("does not take records now") == 1 and stderr.count("is back") == 1, stderr
    assert list(outbox.iterdir()) == []
    check_complete("done")


def check_complete(status: str, tasks: int = 11) -> None:
    """The service knows all of the latest run, which no file was needed to tell."""
    from metaflow import Flow

    run = Flow("GatedFlow").latest_run
    assert run.status == status
    records = provider_choice.current_provider().index.tasks(TaskQuery("GatedFlow", run.id, all_attempts=True))
    finished = [record for record in records if record.status == "done" and record.step != "_parameters"]
    assert len(finished) == tasks, [(record.step, record.task_id, record.status) for record in records]


def test_a_run_without_a_service_and_its_death(team: Project, service: MetadataService) -> None:
    service.stop(signal.SIGKILL)
    team.write(GATED_FLOW)
    team.env["METAFLOW_SERVICE_RETRY_COUNT"] = "1"
    run = team.start("run")
    wait_for_file(team.path / "one.here")
    (team.path / "one.go").touch()
    wait_for_file(team.path / "two.here")
    run.kill()
    _, stderr = run.communicate(timeout=60)
    assert "starts without the metadata service" in stderr and "nothing listens there" in stderr, stderr
    refused = cli(team, "runs", "list")
    assert refused.code == 1 and "nothing listens there" in refused.stderr + refused.stdout, refused
    [waiting] = json.loads(cli(team, "outbox", "--json").stdout)
    assert waiting["flow"] == "GatedFlow" and waiting["state"] == "waits"
    assert waiting["events"] >= 2  # how it began; what was done since then is in its files in any case
    again = cli(team, "outbox", "send")
    assert again.code == 1 and "nothing listens there" in again.stderr, again
    # A whole run, whose end tells what waits.
    (team.path / "two.go").touch()
    second = team.call("run")
    assert second.code == 0 and "records of this run wait for the metadata service" in second.stderr, second
    service.start()
    sent = cli(team, "outbox", "send")
    assert sent.code == 0 and "0 wait" in sent.stderr, sent
    check_complete("done")
    from metaflow import Flow

    died = list(Flow("GatedFlow"))[1]
    assert died.status == "failed" and len(list(died["middle"])) == 8
    assert all(task.successful for task in died["middle"])


def test_a_run_that_is_cancelled_alive_and_dead(
    team: Project, service: MetadataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(team.path / "engine"))
    team.env[DIRECTORY_VARIABLE] = str(team.path / "engine")
    team.write(GATED_FLOW)
    run = team.start("run")
    wait_for_file(team.path / "one.here")
    index, deadline = provider_choice.current_provider().index, time.monotonic() + 90
    while not [
        task
        for run in index.runs(RunQuery("GatedFlow"))
        for task in index.tasks(TaskQuery("GatedFlow", run.run_id, "start"))
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    cancelled = metaflow.Flow("GatedFlow").latest_run.cancel()
    assert (cancelled.status, cancelled.message) == ("stopped", "cancelled by tester")
    assert [(task.task, task.status) for task in cancelled.tasks] == [("start/1", "killed")]
    assert run.wait(60) == 1

    engine = ProcessBackend(str(team.path / "engine"))
    dead = team.start("run", "--with", "elsewhere")
    try:
        deadline = time.monotonic() + 90
        while not any(job.phase == "running" for job in engine.find(JobQuery("GatedFlow"))):
            assert time.monotonic() < deadline, dead.poll()
            time.sleep(0.05)
        dead.kill()
        dead.wait()
        outcome = cli(team, "runs", "cancel", "GatedFlow", "--yes", "--json")
        assert outcome.code == 0, outcome
        (said,) = json.loads(outcome.stdout)
        assert (said["status"], said["message"]) == ("stopped", "cancelled by tester")
        assert said["tasks"] == [{"task": "start/1", "attempt": 0, "status": "killed", "place": "elsewhere"}]
        assert not engine.find(JobQuery("GatedFlow"))
        assert [run.status for run in metaflow.Flow("GatedFlow")] == ["stopped", "stopped"]
    finally:
        engine.clear()


@pytest.mark.parametrize("token", ["wrong", READER])
def test_a_token_that_may_not_write(team: Project, token: str) -> None:
    team.write(FLOW)
    outcome = team.call("run", env={"METAFLOW_SERVICE_AUTH_KEY": token})
    assert outcome.code == 1 and "METAFLOW_SERVICE_AUTH_KEY" in outcome.stderr, outcome
    assert token not in outcome.stderr + outcome.stdout
    assert "Workflow starting" not in outcome.stdout
    assert not (team.path / ".metaflow/mf-store/runs").exists()
    # What may read, reads.
    listed = cli(team, "runs", "list", env={"METAFLOW_SERVICE_AUTH_KEY": token})
    assert (listed.code == 0) == (token == READER), listed


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "not where it is"),
        ("metadata.example.com", "begins with http"),
        ("http://user:password@127.0.0.1", "must not hold a password"),
        ("user:password@127.0.0.1", "must not hold a password"),
    ],
)
def test_an_address_that_is_none(team: Project, url: str, problem: str) -> None:
    team.write(FLOW)
    outcome = team.call("run", env={"METAFLOW_SERVICE_URL": url})
    assert outcome.code == 1 and problem in outcome.stderr and "password@" not in outcome.stderr, outcome
    if url:
        with pytest.raises(ValueError, match=problem):
            metaflow.metadata(f"service@{url}")


def test_connections_that_are_dropped(team: Project, service: MetadataService) -> None:
    connection = BadConnection(service.port, ["short", "deaf", "refused", "short"])
    team.write(GATED_FLOW)
    for name in ("one.go", "two.go"):
        (team.path / name).touch()
    outcome = team.call("run", env={"METAFLOW_SERVICE_URL": f"http://127.0.0.1:{connection.port}"})
    assert outcome.code == 0 and connection.count > 1, outcome
    # The rest goes with the next one.
    refused = cli(team, "outbox", "send")
    assert refused.code == 1 and "not sent your credentials" in refused.stderr + refused.stdout, refused
    sent = cli(team, "outbox", "send", env={"METAFLOW_SERVICE_URL": f"http://127.0.0.1:{connection.port}"})
    connection.close()
    assert sent.code == 0, sent
    check_complete("done")


def test_reading_leaves_nothing_behind(team: Project, service: MetadataService) -> None:
    empty = team.path / "empty"
    empty.mkdir()
    os.chdir(empty)
    assert metaflow.metadata(f"service@{service.url}/") == f"service@{service.url}"
    assert metaflow.Metaflow().flows == [] and list(empty.iterdir()) == []
    with pytest.raises(metaflow.exception.MetaflowNotFound):
        metaflow.Run("Nope/1")
    service.stop()
    provider_choice._providers.clear()
    os.environ["METAFLOW_SERVICE_RETRY_COUNT"] = "1"
    try:
        with pytest.raises(ValueError, match="cannot be used now"):
            metaflow.metadata(service.url)
    finally:
        del os.environ["METAFLOW_SERVICE_RETRY_COUNT"]


def test_a_shared_datastore_needs_no_directory_of_ours(team: Project, s3_bucket: Bucket) -> None:
    """Runs of one machine, read on another that has only the addresses of the service and of the bucket."""
    team.env |= s3_bucket.environment
    team.write(FLOW)
    outcome = team.call("run", "--alpha", "2")
    assert outcome.code == 0 and not (team.path / ".metaflow").exists(), outcome
    status = cli(team, "status")
    assert status.code == 0 and "TeamFlow" in status.stdout and "usable" in status.stdout, status
    other = {"XDG_STATE_HOME": str(team.path / "other"), "METAFLOW_CLIENT_CACHE_PATH": str(team.path / "other-cache")}
    shown = cli(team, "logs", f"TeamFlow/{outcome.run_id}/each", env=other)
    assert shown.code == 0 and "working on 2" in shown.stdout, shown
    resumed = team.call("resume", "join", env=other)
    assert resumed.code == 0, resumed
    run = metaflow.Flow("TeamFlow").latest_run
    assert (
        run.successful and run.data.ys == [2, 4, 6] and run["each"].task.origin_pathspec.split("/")[1] == outcome.run_id
    )


def test_runs_from_before_the_service_are_brought_along(team: Project, service: MetadataService) -> None:
    team.write(FLOW)
    before = team.call("--metadata", "local", "run", "--tag", "old")
    assert before.code == 0, before
    assert metaflow.Metaflow().flows == []
    done = cli(team, "reindex")
    assert done.code == 0 and f"service at {service.url} knows of 1 runs" in done.stderr, done
    [run] = metaflow.Flow("TeamFlow")
    assert run.user_tags == {"old"} and run.data.ys == [3, 6, 9]
