"""Fill a store with runs of ``ManyFlow`` as the runtime writes them, without running anything.

Arguments: number of runs, number of tasks of the one run of ``ValuesFlow``, and, if wanted, number of larger artifacts
of each run, every one of which is a blob of its own.
"""

import json
import os
import sys
import time
from pathlib import Path

from metaflow import settings
from metaflow.datastore.layout import INDEX_KEY, run_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.root import resolve_root
from metaflow.datastore.task_writer import TaskWriter
from metaflow.metadata_store.events import RunEnded, RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata

TAGS = ("user:benchmark", "runtime:dev", "python_version:3", "metaflow_version:1")
BATCH = 2000


class Filler:
    """Writes files at once, and events in batches."""

    def __init__(self, root: Path) -> None:
        self.store = LocalStore(root)
        self.index = SqliteMetadata(root / INDEX_KEY)
        self.events = []

    def task(self, run: RunRecord, step: str, task_id: int, artifacts: dict, ok: bool = True, **fields) -> None:
        """Commit a task and tell the index of it."""
        names = (run.flow, run.run_id, step, str(task_id), 0)
        writer = TaskWriter(self.store, *names)
        for name, value in artifacts.items():
            writer.save(name, value)
        ended = run.started_at + 1 + task_id / 1000
        task = TaskRecord(
            *names, ended, status="done" if ok else "failed", ok=ok, success=ok, finished_at=ended, **fields
        )._replace(values=writer.values)
        writer.commit({"task": task.to_dict(), "frames": []})
        self.record(TaskEnded(task))

    def run(self, flow: str, number: int, tags: tuple[str, ...] = ()) -> RunRecord:
        """Start a run."""
        started = time.time() - 10_000_000 + number * 100
        run = RunRecord(
            flow, str(int(started * 1e6)), "benchmark", started, tags, TAGS, start_step="start", end_step="end"
        )
        self.record(RunStarted(run))
        return run

    def end(self, run: RunRecord, status: str) -> None:
        """End a run."""
        run = run._replace(status=status, finished_at=run.started_at + 60)
        self.store.put(run_key(run.flow, run.run_id), [json.dumps(run.to_dict()).encode()])
        self.record(RunEnded(run.flow, run.run_id, status, run.started_at + 60))

    def record(self, event) -> None:
        self.events.append(event)
        if len(self.events) >= BATCH:
            self.flush()

    def flush(self) -> None:
        self.index.apply(self.events)
        self.events = []


def main(runs: int, tasks: int, blobs: int = 0) -> None:
    root, _ = resolve_root(None, settings.get("DATASTORE_SYSROOT_LOCAL"), create=True)
    filler = Filler(root)
    for number in range(runs):
        run = filler.run("ManyFlow", number, ("rare",) if number % 100 == 0 else ())
        succeeds = number % 10 != 9
        alpha = number / runs
        filler.task(run, "_parameters", 0, {"alpha": alpha, "name": "ManyFlow"})
        made = {"alpha": alpha, "accuracy": alpha / 2, "name": "ManyFlow"}
        made.update({f"data_{index}": os.urandom(5000) for index in range(blobs)})
        filler.task(run, "start", 1, made, succeeds)
        if succeeds:
            filler.task(run, "end", 2, {"alpha": alpha, "accuracy": alpha / 2, "name": "ManyFlow"})
        filler.end(run, "done" if succeeds else "failed")
    wide = filler.run("ValuesFlow", runs)
    filler.task(wide, "_parameters", 0, {"tasks": tasks, "name": "ValuesFlow"})
    for number in range(tasks):
        filler.task(
            wide,
            "body",
            1 + number,
            {"square": number**2, "name": "ValuesFlow"},
            index_path=(("start", number),),
            foreach_stack=(("elements", str(number), number, tasks),),
            inputs=("start/1/0",),
        )
    filler.task(wide, "end", 1 + tasks, {"name": "ValuesFlow"})
    filler.end(wide, "done")
    filler.flush()


main(*map(int, sys.argv[1:]))
