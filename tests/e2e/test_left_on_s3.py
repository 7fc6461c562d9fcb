"""A run on an object store whose process died while a task went on elsewhere: what a person sees, and can do."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from conftest import Bucket
from metaflow import Flow
from metaflow.compute.backend import JobQuery
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Project, metaflow
from .test_kill import wait_until

FLOW = """
import os, time
from metaflow import FlowSpec, step
from metaflow.testing.elsewhere import elsewhere

class FarFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.away)

    @elsewhere
    @step
    def away(self):
        print("far away", flush=True)
        while not os.path.exists("WHERE/go"):
            time.sleep(0.05)
        self.x = 17
        self.next(self.end)

    @step
    def end(self):
        print("x is", self.x)
"""


@pytest.fixture
def engine(project: Project, s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessBackend]:
    backend = ProcessBackend(str(project.path / "engine"))
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(backend.directory))
    project.env.update({**s3_bucket.environment, DIRECTORY_VARIABLE: str(backend.directory)})
    project.write(FLOW.replace("WHERE", str(project.path)))
    backend.check()
    yield backend
    backend.clear()


def test_a_run_whose_task_goes_on_is_shown_kept_resumed_and_cancelled(project: Project, engine: ProcessBackend) -> None:
    process = project.start("run")
    assert process.stdout is not None
    for line in process.stdout:
        if "far away" in line:
            break
    project.client()
    run = Flow("FarFlow").latest_run
    assert not run["away"].task.finished and run["away"].task.stdout == "far away\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()

    shown = metaflow(project, "runs", "show", "FarFlow")
    assert (
        f"1 task still runs on other machines. To end what is there:\n  metaflow runs cancel {run.pathspec}"
        in shown.stdout
    )
    assert f"python flow.py resume --origin-run-id {run.id}" in shown.stdout
    assert json.loads(metaflow(project, "runs", "show", "FarFlow", "--json").stdout)["tasks_elsewhere"] == 1
    assert run.status == "failed" and not run["away"].task.finished
    printed = metaflow(project, "logs", f"FarFlow/{run.id}/away")
    assert printed.stdout == "far away\n", printed
    refused = metaflow(project, "runs", "delete", run.pathspec, "--yes")
    assert refused.code == 1 and "1 task of it still runs on other machines" in refused.stderr, refused
    assert not json.loads(metaflow(project, "gc", "--status", "failed", "--yes", "--json").stdout)["runs"]

    unasked = metaflow(project, "runs", "cancel", "FarFlow")
    assert unasked.code == 1 and "Give --yes" in unasked.stderr and engine.find(JobQuery("FarFlow"))

    second = project.start("resume")
    assert second.stdout is not None
    seen = ""
    for line in second.stdout:
        seen += line
        if "far away" in line:
            second.send_signal(signal.SIGKILL)
    second.communicate()
    assert "Task has been started already." in seen
    third = project.start("resume")
    assert third.stdout is not None
    for line in third.stdout:
        if "far away" in line:
            break
    wait_until(lambda: "away" in [step.id for step in Flow("FarFlow").latest_run])
    cancelled = metaflow(project, "runs", "cancel", "FarFlow", "--yes", "--json")
    third.communicate(timeout=60)
    assert cancelled.code == 0, cancelled
    (said,) = json.loads(cancelled.stdout)
    assert said["status"] == "stopped" and said["tasks"][0]["status"] == "killed"
    wait_until(lambda: not engine.find(JobQuery("FarFlow")))
    nothing = metaflow(project, "runs", "cancel", run.pathspec, "--yes")
    assert nothing.code == 0 and "None of its tasks goes on." in nothing.stderr
    deleted = metaflow(project, "runs", "delete", run.pathspec, "--yes")
    assert deleted.code == 0, deleted
