"""Writes runs into a datastore as the runtime does, but without running anything."""

from __future__ import annotations

import json
import os

from metaflow.datastore.layout import INDEX_KEY, log_key, run_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.logs import LogWriter
from metaflow.datastore.task_writer import TaskWriter
from metaflow.metadata_store.events import RunEnded, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata

GRAPH = {
    "steps": {
        "start": {"next": ["work"], "type": "split-foreach"},
        "work": {"next": ["join"], "type": "linear"},
        "join": {"next": ["end"], "type": "join"},
        "end": {"next": [], "type": "end"},
    }
}


class StoredRun:
    """A run being written. `indexed` False leaves the index behind, as a killed process does."""

    def __init__(self, root, flow="F", run_id="1", user="ann", started_at=None, **fields):
        self.root = root
        self.store = LocalStore(root)
        self.index = SqliteMetadata(root / INDEX_KEY)
        host, pid, process_started = process_identity()
        self.record = RunRecord(
            flow=flow,
            run_id=run_id,
            user=user,
            started_at=1000.0 + int(run_id) if started_at is None else started_at,
            **{
                "system_tags": (f"user:{user}", "runtime:dev", "python_version:3"),
                "host": host,
                "pid": pid,
                "process_started": process_started,
                "script": "flow.py",
                "start_step": "start",
                "end_step": "end",
                "graph": GRAPH,
                **fields,
            },
        )
        self.clock = self.record.started_at
        self._write_file()
        self.index.apply([RunStarted(self.record)])

    def _write_file(self):
        data = json.dumps(self.record.to_dict()).encode()
        self.store.put(run_key(self.record.flow, self.record.run_id), [data])

    def running(self, step, task_id, attempt=0, **fields):
        self.clock += 1
        names = (self.record.flow, self.record.run_id, step, str(task_id), attempt)
        task = TaskRecord(*names, started_at=self.clock, pid=os.getpid(), **fields)
        self.index.apply([TaskStarted(task)])
        return task

    def finished(
        self, step, task_id, attempt=0, artifacts=None, status="done", indexed=True, transition=None, **fields
    ):
        task = self.running(step, task_id, attempt, **fields) if indexed else None
        self.clock += 1
        names = (self.record.flow, self.record.run_id, step, str(task_id), attempt)
        task = task or TaskRecord(*names, started_at=self.clock - 0.5, **fields)
        good = status == "done"
        task = task._replace(status=status, ok=good, success=good, finished_at=self.clock)
        writer = TaskWriter(self.store, *names)
        for name, value in (artifacts or {}).items():
            writer.save(name, value)
        task = task._replace(values=writer.values)
        writer.commit({"task": task.to_dict(), "transition": transition or [[], None]})
        if indexed:
            self.index.apply([TaskEnded(task)])
        return task

    def printed(self, task, stream, *lines):
        path = self.root / log_key(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        writer = LogWriter(path, 10**6)
        writer.write(stream, list(lines), int(self.clock * 1e6))
        writer.close()

    def ended(self, status="done", message=None):
        self.clock += 1
        self.record = self.record._replace(status=status, finished_at=self.clock, message=message)
        self._write_file()
        self.index.apply([RunEnded(self.record.flow, self.record.run_id, status, self.clock, message)])
        return self


def foreach_run(root, width=3, **fields):
    """A finished run: start, `width` times work, join, end."""
    run = StoredRun(root, **fields)
    run.finished("_parameters", 0, artifacts={"alpha": 0.5})
    run.finished("start", 1, artifacts={"xs": list(range(width)), "name": "F"}, inputs=("_parameters/0/0",))
    for i in range(width):
        run.finished(
            *("work", 2 + i),
            artifacts={"x": i * i, "_hidden": "h", "name": "F"},
            inputs=("start/1/0",),
            index_path=(("start", i),),
            foreach_stack=(("xs", f"value {i}", i, width),),
            transition=[["join"], None],
        )
    run.finished("join", 2 + width, artifacts={"total": 5}, inputs=tuple(f"work/{2 + i}/0" for i in range(width)))
    run.finished("end", 3 + width, artifacts={"total": 5, "name": "F"}, inputs=(f"join/{2 + width}/0",))
    return run.ended()


def dead_process():
    """Fields of a run whose process was here and is gone."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    host, _, process_started = process_identity(pid)
    os.waitpid(pid, 0)
    return {"host": host, "pid": pid, "process_started": process_started}
