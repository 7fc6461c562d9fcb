"""Netflix's Metaflow, unmodified, with our metadata service: it runs a flow and reads everything back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import metaflow
from e2e.reference import reference_python
from metadata_service import WRITER, MetadataService
from metaflow.client import provider_choice
from metaflow.client.home import Home

pytest.importorskip("fastapi")

FLOW = """
import os
from metaflow import FlowSpec, Parameter, retry, step

class Shared(FlowSpec):
    alpha = Parameter("alpha", default=3)

    @step
    def start(self):
        self.outer = ["a", "b"]
        self.next(self.nest, foreach="outer")

    @step
    def nest(self):
        self.inner = [10, 20] if self.input == "a" else [30]
        self.next(self.each, foreach="inner")

    @step
    def each(self):
        self.y = self.input
        self.next(self.inner_join)

    @step
    def inner_join(self, inputs):
        self.total = sum(each.y for each in inputs)
        self.next(self.outer_join)

    @retry(times=1, minutes_between_retries=0)
    @step
    def outer_join(self, inputs):
        from metaflow import current
        if current.retry_count == 0:
            raise ValueError("the first attempt")
        self.totals = [each.total for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        if os.path.exists("fail"):
            raise ValueError("as asked")
        print("all is well")

if __name__ == "__main__":
    Shared()
"""

# What the client of Netflix's Metaflow finds, as JSON.
READ = """
import json, sys
from metaflow import Flow, Metaflow, Run, Task, namespace
from metaflow.exception import MetaflowNotFound, MetaflowTaggingError
namespace(None)
run, first = Run(sys.argv[1]), Run("Shared/1")
each = [task for task in first["each"] if task.data.y == 20][0]
again = first["outer_join"].task
run.add_tag("added"); run.remove_tag("given")
refused = []
for change in (lambda: run.remove_tag("runtime:dev"), lambda: Run("Shared/999"), lambda: Flow("Nope")):
    try:
        change()
    except (MetaflowNotFound, MetaflowTaggingError) as error:
        refused.append(type(error).__name__)
print(json.dumps({
    "flows": sorted(flow.id for flow in Metaflow()),
    "runs": [each_run.id for each_run in Flow("Shared")],
    "state": [run.successful, run.finished],
    "steps": sorted(step.id for step in run),
    "tasks": len(list(run["each"])),
    "tags": sorted(Run(sys.argv[1]).user_tags),
    "parents": [task.data.inner for task in each.parent_tasks],
    "children": sorted(len(list(task.child_tasks)) for task in first["nest"]),
    "joined": sorted(len(list(task.parent_tasks)) for task in first["inner_join"]),
    "totals": sorted(run["outer_join"].task.data.totals),
    "attempts": [again.metadata_dict["attempt"], Task(again.pathspec, attempt=0).successful, again.successful],
    "artifact": sorted(Task(again.pathspec, attempt=1)["totals"].data),
    "stdout": run["end"].task.stdout if "end" in run else "",
    "refused": refused,
}))
"""

READ_OURS = """
import json, sys
from metaflow import Run, namespace
namespace(None)
run = Run(sys.argv[1])
task = run["start"].task
print(json.dumps({
    "steps": sorted(step.id for step in run),
    "tags": sorted(run.user_tags),
    "fields": {name: task.metadata_dict[name] for name in ("attempt_ok", "script-name", "runtime")},
    "artifacts": sorted(artifact.id for artifact in task),
}))
"""


def ours(service: MetadataService, folder: Path) -> None:
    """Point the client in this process at the service."""
    metaflow.namespace(None)
    provider_choice._providers.clear()
    provider_choice.read_from(Home(str(folder / "none"), "", service.url))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = MetadataService(tmp_path / "service")
    made.start()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    before = provider_choice.choose_provider(None)
    yield made
    provider_choice._providers.clear()
    provider_choice.choose_provider(before)
    metaflow.default_namespace()
    made.stop()


@pytest.mark.timeout(400)
def test_metaflow_runs_and_reads(service: MetadataService, tmp_path: Path) -> None:
    python = reference_python()
    folder = tmp_path / "theirs"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METAFLOW_", "PYTHON"))}
    environment = {
        **kept,
        **service.environment,
        "METAFLOW_USER": "tester",
        "METAFLOW_HOME": str(folder / "home"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_CLIENT_CACHE_PATH": str(folder / "cache"),
    }
    (folder / "flow.py").write_text(FLOW)

    def call(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=110
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    (folder / "fail").touch()
    call("flow.py", "run", "--tag", "given", code=1)
    ours(service, tmp_path)
    [failed] = metaflow.Flow("Shared")
    # Nothing tells the service that the run is over, but the missing heartbeats.
    assert failed.status == "running" and failed["end"].task.status == "failed"
    (folder / "fail").unlink()
    call("flow.py", "resume", "--tag", "given")

    read = json.loads(call("-c", READ, "Shared/2"))
    assert read == {
        "flows": ["Shared"],
        "runs": ["2", "1"],
        "state": [True, True],
        "steps": ["each", "end", "inner_join", "nest", "outer_join", "start"],
        "tasks": 3,
        "tags": ["added"],
        "parents": [[10, 20]],
        "children": [1, 2],
        "joined": [1, 2],
        "totals": [30, 30],
        "attempts": ["1", False, True],
        "artifact": [30, 30],
        "stdout": "all is well\n",
        "refused": ["MetaflowTaggingError", "MetaflowNotFound", "MetaflowNotFound"],
    }
    # The same in our own lists.
    resumed = metaflow.Run("Shared/2")
    assert (resumed.status, resumed.user_tags) == ("done", {"added"})
    assert resumed["start"].task.origin_pathspec.startswith("Shared/1/start/")
    first = metaflow.Run("Shared/1")
    assert [task.status for task in first["each"]] == ["done"] * 3 and first["each"].task.index is not None
    with pytest.raises(metaflow.exception.DataException, match="Netflix's Metaflow"):
        first["each"].task["y"].data  # noqa: B018

    # A run of ours, read by theirs.
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/flow.py").write_text(FLOW)
    mine = {
        **kept,
        **service.environment,
        "METAFLOW_USER": "tester",
        "PYTHONPATH": os.pathsep.join(__import__("sys").path),
    }
    subprocess.run(
        [sys.executable, "flow.py", "run", "--tag", "ours", "--run-id-file", "id"],
        cwd=tmp_path / "ours",
        env=mine,
        check=True,
        capture_output=True,
        timeout=100,
    )
    shown = json.loads(call("-c", READ_OURS, f"Shared/{(tmp_path / 'ours/id').read_text()}"))
    assert shown["steps"] == ["each", "end", "inner_join", "nest", "outer_join", "start"] and shown["tags"] == ["ours"]
    assert shown["fields"] == {"attempt_ok": "True", "script-name": "flow.py", "runtime": "dev"}
    assert {"alpha", "name"} <= set(shown["artifacts"])


def test_a_thousand_requests_at_once(service: MetadataService, tmp_path: Path) -> None:
    """Numbers of runs stay unique, and each run is in our lists."""
    start = threading.Barrier(40)

    def create(_: int) -> list[int]:
        start.wait()
        return [
            post(f"{service.url}/flows/Busy/run", {"tags": ["t"], "system_tags": []})["run_number"] for _ in range(25)
        ]

    with ThreadPoolExecutor(40) as pool:
        numbers = sorted(number for batch in pool.map(create, range(40)) for number in batch)
    assert numbers == list(range(1, 1001))
    ours(service, tmp_path)
    assert len(list(metaflow.Flow("Busy").runs("t"))) == 1000


def post(url: str, content: object) -> dict:
    request = urllib.request.Request(
        url, json.dumps(content).encode(), {"Content-Type": "application/json", "x-api-key": WRITER}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())
