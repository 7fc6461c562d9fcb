"""Make a store that is large for the web app: ``python -m benchmarks.web_store DIRECTORY [--runs N] [--tasks N...]``.

There are runs of many flows, users, projects, tags, parameters and states, and runs of ``WideFlow`` with many tasks:
retries, failures, and as many at a time as a cluster runs. Records are written as the runtime writes them, as events
into the index and as the runs' own files; artifacts and logs are not.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow.datastore.layout import INDEX_KEY, run_key
from metaflow.datastore.local import LocalStore
from metaflow.metadata_store.events import Event, RunEnded, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata

if TYPE_CHECKING:
    from metaflow.metadata_store.records import Scalar

_DAY = 86_400.0
_USERS = ("ana", "ben", "chen", "dora", "emil", "fatima", "georg", "hana")
_FLOWS = ("TrainFlow", "ScoreFlow", "IngestFlow", "FeatureFlow", "EvaluateFlow", "BackfillFlow", "ReportFlow")
_TAGS = ("nightly", "prod", "experiment", "baseline", "ablation", "needs-review", "gpu", "backfill")
_MESSAGES = ("Step train (task-id 3) failed.", "Step load (task-id 2) timed out.", "Step end (task-id 4) failed.")
_SYSTEM_TAGS = ("metaflow_version:1.0.0", "python_version:3.11.7", "runtime:dev")
_EVENTS_AT_ONCE = 5_000
# How the runs end, in percent; the newest few still run.
_STATUSES = ("done",) * 88 + ("failed",) * 10 + ("stopped",) * 2
_RUNNING = 5
# Of the wide foreach: tasks that run at once, and one in how many fails once, fails for good.
_AT_ONCE = 64
_ONE_IN_RETRIED = 97
_ONE_IN_FAILED = 499


class WebStore:
    """A datastore directory that is being filled.

    Parameters
    ----------
    root : Path
        What ``.metaflow`` is for a project.
    seed : int
        The same seed makes the same records, but for the time of the newest.
    """

    def __init__(self, root: Path, seed: int = 7) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.index = SqliteMetadata(root / INDEX_KEY)
        self._store = LocalStore(root)
        self._random = random.Random(seed)
        self._now = time.time()
        self._events: list[Event] = []

    def add_runs(self, count: int, days: float = 90.0) -> None:
        """Add runs of four tasks each, spread over the last days; the newest few still run."""
        for number in range(count):
            started = self._now - 600 - (count - 1 - number) * (days * _DAY / count)
            self._add_run(number, started, is_running=count - number <= min(_RUNNING, count // 20))
        self._flush()

    def _add_run(self, number: int, started: float, is_running: bool) -> None:
        pick = self._random
        # Some flows have most of the runs; with many runs there are a hundred flows.
        kind = min(int(pick.paretovariate(1.2)) - 1, 99)
        flow = _FLOWS[kind] if kind < len(_FLOWS) else f"TeamFlow{kind:02}"
        user = pick.choice(_USERS)
        project = f"project_{kind % 4}"
        branch = pick.choice(("prod", f"user.{user}", "test.new_model"))
        run = _run(
            flow,
            str(int(started * 1e6) + number % 7),
            user,
            started,
            tags=tuple(sorted(pick.sample(_TAGS, pick.choice((0, 1, 1, 2, 3))))),
            more_tags=(f"project:{project}", f"project_branch:{branch}"),
            steps=("start", "load", "train", "end"),
        )
        status = "running" if is_running else pick.choice(_STATUSES)
        seconds = pick.lognormvariate(4, 1.2)
        self._begin(run)
        parameters: dict[str, Scalar] = {
            "lr": round(10 ** pick.uniform(-4, -1), 5),
            "epochs": pick.choice((5, 10, 20)),
            "model": pick.choice(("linear", "forest", "transformer")),
            "use_gpu": pick.random() < 0.3,
        }
        self._task(run, "_parameters", 0, started, started, parameters)
        steps = ["start", "load", "train", "end"][: 4 if status == "done" else pick.choice((2, 3))]
        found = {**parameters, "accuracy": round(pick.betavariate(8, 2), 4), "loss": round(pick.expovariate(2), 4)}
        for place, step in enumerate(steps):
            begin = started + place * seconds / len(steps)
            end = started + (place + 1) * seconds / len(steps)
            is_last = place == len(steps) - 1
            if is_running and is_last:
                self._add(TaskStarted(_task(run, step, place + 1, begin, inputs=_input(steps, place))))
            else:
                state = "failed" if is_last and status == "failed" else "done"
                values = found if step == "end" else parameters
                self._task(run, step, place + 1, begin, end, values, state, inputs=_input(steps, place))
        if not is_running:
            message = pick.choice(_MESSAGES) if status == "failed" else None
            self._end(run, status, started + seconds, message)

    def add_wide_run(self, tasks: int, user: str = "ana") -> RunRecord:
        """Add a run of one foreach with so many tasks, some of which failed; it ended a minute ago."""
        pick = self._random
        seconds = 4.0
        began = self._now - 60 - tasks * seconds / _AT_ONCE
        run = _run("WideFlow", str(int(began * 1e6)), user, began, steps=("start", "body", "join", "end"), wide=True)
        self._begin(run)
        self._task(run, "_parameters", 0, began, began, {"tasks": tasks})
        self._task(run, "start", 1, began + 0.1, began + 1, {"tasks": tasks}, inputs=("_parameters/0/0",))
        free = [began + 1.0] * _AT_ONCE
        for number in range(tasks):
            slot = number % _AT_ONCE
            begin = free[slot] + pick.random() * 0.05
            free[slot] = begin + pick.lognormvariate(1.2, 0.5)
            self._body(run, number, tasks, begin, free[slot])
        over = max(free)
        self._task(run, "join", tasks + 2, over + 0.1, over + 3, {"total": tasks}, inputs=("body/2/0",))
        self._end(run, "failed", over + 3, f"{tasks // _ONE_IN_FAILED + 1} tasks of step body failed.")
        self._flush()
        return run

    def _body(self, run: RunRecord, number: int, tasks: int, begin: float, end: float) -> None:
        place: dict[str, Any] = {
            "index_path": (("start", number),),
            "foreach_stack": (("shards", f"shard-{number:06}", number, tasks),),
            "inputs": ("start/1/0",),
        }
        values: dict[str, Scalar] = {"tasks": tasks, "rows": number * 17 % 1009}
        task_id = number + 2
        if number % _ONE_IN_RETRIED == 0:
            middle = (begin + end) / 2
            self._task(run, "body", task_id, begin, middle, {}, "failed", error=("OSError", "shard moved"), **place)
            self._task(run, "body", task_id, middle + 0.2, end, values, attempt=1, **place)
        elif number % _ONE_IN_FAILED == 0:
            error = ("ValueError", f"shard {number} has no rows")
            self._task(run, "body", task_id, begin, end, {}, "failed", error=error, **place)
        else:
            self._task(run, "body", task_id, begin, end, values, **place)

    def _begin(self, run: RunRecord) -> None:
        self._write(run)
        self._add(RunStarted(run))

    def _write(self, run: RunRecord) -> None:
        self._store.put(run_key(run.flow, run.run_id), [json.dumps(run.to_dict()).encode()])

    def _end(self, run: RunRecord, status: Any, finished: float, message: str | None) -> None:
        self._write(run._replace(status=status, finished_at=finished, message=message))
        self._add(RunEnded(run.flow, run.run_id, status, finished, message))

    def _task(
        self,
        run: RunRecord,
        step: str,
        task_id: int,
        begin: float,
        end: float,
        values: dict[str, Scalar],
        status: Any = "done",
        **fields: Any,
    ) -> None:
        is_good = status == "done"
        task = _task(run, step, task_id, begin, **fields)
        self._add(TaskEnded(task._replace(status=status, ok=is_good, success=is_good, finished_at=end, values=values)))

    def _add(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) >= _EVENTS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self.index.apply(self._events)
        self._events = []


def _run(
    flow: str,
    run_id: str,
    user: str,
    started: float,
    *,
    steps: Sequence[str],
    tags: tuple[str, ...] = (),
    more_tags: tuple[str, ...] = (),
    wide: bool = False,
) -> RunRecord:
    host, pid, process_started = process_identity()
    return RunRecord(
        flow,
        run_id,
        user,
        started,
        tags,
        tuple(sorted((*_SYSTEM_TAGS, f"user:{user}", *more_tags))),
        heartbeat_at=started,
        host=host,
        pid=pid,
        process_started=process_started,
        script=f"{flow.lower()}.py",
        start_step=steps[0],
        end_step=steps[-1],
        graph=_graph(steps, wide),
    )


def _graph(steps: Sequence[str], wide: bool) -> dict[str, Any]:
    """A chain of steps; in a wide one the second is a foreach of the first, joined by the third."""
    kinds = {1: "linear", 2: "join"} if wide else {}
    nodes: dict[str, dict[str, Any]] = {}
    for place, step in enumerate(steps):
        kind = "end" if place == len(steps) - 1 else kinds.get(place, "start" if place == 0 else "linear")
        following = list(steps[place + 1 : place + 2])
        nodes[step] = {
            "name": step,
            "type": kind,
            "line": 5 + 4 * place,
            "doc": "",
            "decorators": [],
            "next": following,
        }
    if wide:
        nodes[steps[0]].update(type="split-foreach", foreach_artifact="shards", matching_join=steps[2])
    structure: list[Any] = [steps[0], [[steps[1]]], *steps[2:]] if wide else list(steps)
    return {
        "file": "flow.py",
        "start_step": steps[0],
        "end_step": steps[-1],
        "steps": nodes,
        "graph_structure": structure,
        "doc": "",
        "parameters": [],
        "constants": [],
        "decorators": [],
        "extensions": {},
    }


def _task(run: RunRecord, step: str, task_id: int, begin: float, attempt: int = 0, **fields: Any) -> TaskRecord:
    return TaskRecord(run.flow, run.run_id, step, str(task_id), attempt, begin, pid=run.pid, **fields)


def _input(steps: Sequence[str], place: int) -> tuple[str, ...]:
    return (f"{steps[place - 1]}/{place}/0",) if place else ("_parameters/0/0",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the store that is asked for."""
    parser = argparse.ArgumentParser(description="Make a store that is large for the web app to show.")
    parser.add_argument("directory", type=Path, help="the project's directory; the store is .metaflow in it")
    parser.add_argument("--runs", type=int, default=10_000, help="how many runs of four tasks (default: 10,000)")
    parser.add_argument("--tasks", type=int, nargs="*", default=[10_000], help="for each, a run of so many tasks")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    store = WebStore(options.directory / ".metaflow")
    store.add_runs(options.runs)
    for tasks in options.tasks:
        run = store.add_wide_run(tasks)
        print(f"{run.flow}/{run.run_id}: {tasks:,} tasks")
    store.index.close()
    print(f"{options.runs:,} runs, in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
