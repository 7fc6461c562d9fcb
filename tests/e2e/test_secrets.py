"""``@secrets`` in runs: visible to the step's code, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Project

VALUE = "hunter2-very-secret"

FLOW = """
import os, subprocess, sys
from metaflow import FlowSpec, catch, environment, retry, secrets, step

SOURCE = {"type": "inline", "id": "db", "options": {"env_vars": {"DB_PASSWORD": os.environ["THE_VALUE"]}}}

class F(FlowSpec):
    @secrets(sources=[SOURCE])
    @environment(vars={"OTHER": "1"})
    @step
    def start(self):
        value = os.environ["DB_PASSWORD"]
        code = "import os; print(len(os.environ['DB_PASSWORD']))"
        self.length = int(subprocess.check_output([sys.executable, "-c", code]))
        assert self.length == len(value) and os.environ["OTHER"] == "1"
        self.next(self.clash)

    @catch(var="problem")
    @secrets(sources=[SOURCE])
    @environment(vars={"DB_PASSWORD": "set already"})
    @step
    def clash(self):
        self.never = True
        self.next(self.end)

    @step
    def end(self):
        assert "DB_PASSWORD" not in os.environ
        print(self.problem)
"""


def everything_stored(root: Path) -> bytes:
    """Every byte under the datastore, and what is in it compressed as plain bytes."""
    from metaflow import Flow

    raw = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    run = Flow("F").latest_run
    tasks = [task for step in [*run, run["_parameters"]] for task in step]
    values = [
        (task.metadata_dict, {name: task[name].data for name in task.artifact_names(private=True)}) for task in tasks
    ]
    printed = [task.stdout + task.stderr for task in tasks]
    return raw + repr((values, printed, run.tags)).encode()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_secret_is_seen_by_the_step_and_stored_nowhere(project: Project, method: str) -> None:
    from metaflow import Flow

    # The value is not in the flow's file, so wherever it is found a secret has leaked.
    env = {"THE_VALUE": VALUE, "METAFLOW_START_METHOD": method}
    outcome = project.run(FLOW, env=env)
    root = project.client()
    assert VALUE not in outcome.stdout + outcome.stderr
    assert VALUE.encode() not in everything_stored(root)
    run = Flow("F").latest_run
    assert run["start"].task.data.length == len(VALUE)
    assert not hasattr(run["clash"].task.data, "never")
    assert "Failed to retrieve secret 'db (inline)'" in run.data.problem.exception
    assert "variable DB_PASSWORD, which the environment has already" in run.data.problem.exception
    recorded = run["_parameters"].task["_graph_info"].data["steps"]["start"]["decorators"]
    assert recorded[1]["attributes"]["sources"] == [
        {"type": "inline", "id": "db", "options": {"env_vars": {"DB_PASSWORD": "<redacted>"}}}
    ]
    for command in (["show"], ["output-raw", "--json"], ["output-dot"]):
        shown = project.call(*command, env=env)
        assert shown.code == 0, shown
        assert VALUE not in shown.stdout + shown.stderr


def test_a_back_end_that_is_not_there_is_reported_before_the_run(project: Project) -> None:
    path = project.write(
        """
        from metaflow import FlowSpec, secrets, step

        class F(FlowSpec):
            @secrets(sources=["database-credentials"])
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    outcome = project.call("run")
    assert outcome.code == 1, outcome
    assert "Step start: @secrets cannot use source number 1" in outcome.stderr
    assert "METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE" in outcome.stderr
    assert f"in file {path} on line" in outcome.stderr
    assert not (project.path / ".metaflow").exists()
    outcome = project.call("run", env={"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE": "inline"})
    assert outcome.code == 0, outcome
