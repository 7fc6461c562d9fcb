"""``S3`` in flows."""

from __future__ import annotations

import subprocess
import sys

import pytest

FLOW = """
import os
from metaflow import S3, FlowSpec, current, parallel_map, step


class FilesFlow(FlowSpec):
    @step
    def start(self):
        with S3(run=self) as s3:
            self.url = s3.put("greeting.txt", "hello", metadata={"step": current.step_name})
            s3.put_many((f"part/{n}", str(n)) for n in range(3))
        self.parts = [0, 1, 2]
        self.next(self.part, foreach="parts")

    @step
    def part(self):
        with S3(run=self) as s3:
            self.found = s3.get(f"part/{self.input}").text
            # Processes that are forked after S3 was used can use it too.
            self.forked = parallel_map(lambda n: s3.get(f"part/{n}").text, range(2))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.url = inputs[0].url
        self.found = [each.found for each in inputs]
        self.forked = [each.forked for each in inputs]
        self.kept = S3(run=self)
        self.object = self.kept.get("greeting.txt")
        assert os.path.basename(os.path.dirname(self.object.path)).startswith("metaflow.s3.")
        self.next(self.end)

    @step
    def end(self):
        with S3(s3root=self.url) as s3:
            self.text = s3.get().text


if __name__ == "__main__":
    FilesFlow()
"""


@pytest.fixture
def s3_project(project, s3_bucket):
    """The files are in S3, but the runs on this machine."""
    project.env |= s3_bucket.environment | {"METAFLOW_DEFAULT_DATASTORE": "local"}
    return project


def test_files_of_a_run(s3_project, s3_bucket, monkeypatch):
    outcome = s3_project.run(FLOW)
    run_id = outcome.run_id
    monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "local")
    s3_project.client()
    from metaflow import S3, Run

    run = Run(f"FilesFlow/{run_id}")
    assert run.data.text == "hello" and run.data.url == f"{s3_bucket.location}/data/FilesFlow/{run_id}/greeting.txt"
    join = run["join"].task.data
    assert (join.found, join.forked) == (["0", "1", "2"], [["0", "1"]] * 3)
    assert join.object.size == 5 and join.kept.get("part/1").text == "1", "clients and objects can be artifacts"
    with S3(run=run) as s3:
        assert [each.key for each in s3.list_recursive()] == ["greeting.txt", "part/0", "part/1", "part/2"]
        assert s3.get("greeting.txt").metadata == {"step": "start"}
    assert not list(s3_project.path.glob("metaflow.s3.*")), "temporary files go with their tasks"


TEST = """
from metaflow import S3
from metaflow.testing import run_step

from flow import FilesFlow

def test_steps():
    with S3(s3root="ROOT") as s3:
        url = s3.put("x", "from a test")
    assert run_step(FilesFlow, "end", artifacts={"url": url})["text"] == "from a test"
    assert run_step(FilesFlow, "start")["url"].endswith("greeting.txt")
"""


def test_steps_in_tests_and_errors_in_runs(s3_project, s3_bucket):
    s3_project.write(FLOW)
    (s3_project.path / "test_flow.py").write_text(TEST.replace("ROOT", s3_bucket.location))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_flow.py"]
    done = subprocess.run(command, cwd=s3_project.path, env=s3_project.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    source = FLOW.replace('s3.get(f"part/{self.input}")', 's3.get("nowhere")')
    outcome = s3_project.run(source, code=1)
    assert "S3 object not found" in str(outcome) and f"{s3_bucket.location}/data/FilesFlow/" in str(outcome)
