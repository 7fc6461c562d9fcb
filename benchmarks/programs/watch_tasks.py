"""Many simulated tasks on another machine, watched by one run: what the run's process uses meanwhile.

Usage: ``watch_tasks.py run --count N --seconds S``. A second process plays the nodes: for each task it writes what a
node writes to the datastore, a line of log every ten seconds, and after S seconds the result. The engine tells the
state of every task at each poll, as the worst of engines do. The last line that is printed is JSON: processor seconds
of the run's process per second and its memory, while all tasks run; and processor seconds per task in all.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, registry, step
from metaflow.compute.backend import SubmittedJob, TaskState
from metaflow.decorators.remote import RemoteDecorator
from metaflow.flow.decorators import attach

DIRECTORY = Path("engine")


class SimulatedDecorator(RemoteDecorator):
    name = "simulated"
    backend = "simulated"
    defaults = {"cpu": 1, "memory": 1, "max_concurrent_tasks": 1_000_000}


def simulated(f):
    return attach(SimulatedDecorator, f, {})


class SimulatedBackend:
    title = "Simulation"
    largest_job = 500
    shortest_poll = 2.0
    longest_poll = 10.0

    def __init__(self):
        self.submissions = 0
        self.samples = []
        self.ended = set()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self):
        while True:
            self.samples.append((time.time(), time.process_time()))
            time.sleep(0.5)

    def check(self):
        DIRECTORY.mkdir(exist_ok=True)
        subprocess.Popen([sys.executable, __file__, "simulate", str(os.getpid())])

    def submit(self, job):
        self.submissions += 1
        (DIRECTORY / f"{job.name}.new").write_text(json.dumps([job.variables["METAFLOW_JOB"], job.tasks]))
        (DIRECTORY / f"{job.name}.new").rename(DIRECTORY / f"{job.name}.job")
        return SubmittedJob(job.name, job.name, job.tasks)

    def poll(self, jobs, wait):
        return [
            TaskState(task, "running", engine_id=f"{job.engine_id}:{i}")
            for job in jobs
            for i, task in enumerate(job.tasks)
        ]

    def cancel(self, job, tasks):
        pass

    def output(self, job, task):
        return b""

    def find(self, query):
        return []

    def close(self):
        begin, end = json.loads((DIRECTORY / "all-running").read_text())
        inside = [sample for sample in self.samples if begin + 5 <= sample[0] <= end]
        (t0, c0), (t1, c1) = inside[0], inside[-1]
        (DIRECTORY / "report").write_text(
            json.dumps(
                {
                    "cores": (c1 - c0) / (t1 - t0),
                    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                    "seconds_in_all": time.process_time(),
                    "submissions": self.submissions,
                }
            )
        )


registry.BUILT_IN["step_decorators"]["simulated"] = "__main__:SimulatedDecorator"
registry.BUILT_IN["compute_backends"]["simulated"] = "__main__:SimulatedBackend"


class WatchFlow(FlowSpec):
    count = Parameter("count", default=10_000)
    seconds = Parameter("seconds", default=60)

    @step
    def start(self):
        self.next(self.spread)

    @step
    def spread(self):
        DIRECTORY.joinpath("size").write_text(json.dumps([self.count, self.seconds]))
        self.items = range(self.count)
        self.next(self.work, foreach="items")

    @simulated
    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


def simulate(parent):
    """Play the nodes."""
    from metaflow.compute.jobs import read_description
    from metaflow.datastore.layout import AttemptKey, live_key
    from metaflow.datastore.live_tasks import End
    from metaflow.datastore.location import open_store
    from metaflow.datastore.logs import format_lines
    from metaflow.datastore.task_writer import TaskWriter
    from metaflow.runtime.task import make_record

    seen, tasks, store = set(), [], None
    while os.path.exists(f"/proc/{parent}"):
        for path in sorted(DIRECTORY.glob("*.job")):
            if path.name in seen:
                continue
            seen.add(path.name)
            where, _ = json.loads(path.read_text())
            store = store or open_store(json.loads(where)["location"])
            description = read_description(store, json.loads(where)["key"])
            for spec in description.tasks:
                attempt = AttemptKey(
                    description.run.flow, description.run.run_id, spec.step, spec.task_id, spec.attempt
                )
                store.put(live_key(*attempt, "state"), [b"{}"])
                tasks.append((attempt, spec, description.run))
        size = json.loads((DIRECTORY / "size").read_text()) if (DIRECTORY / "size").exists() else None
        if size is not None and len(tasks) == size[0]:
            break
        time.sleep(0.1)
    begin = time.time()
    (DIRECTORY / "all-running").write_text(json.dumps([begin, begin + size[1]]))
    logs = {}
    while time.time() < begin + size[1]:
        for number, (attempt, _, _) in enumerate(tasks):
            if number % 100 == int(time.time() * 10) % 100:
                logs[attempt] = logs.get(attempt, b"") + format_lines(
                    "stdout", [b"still at it"], time.time_ns() // 1000
                )
                store.put(live_key(*attempt, "log_0"), [logs[attempt]])
        time.sleep(0.1)
    for attempt, spec, run in tasks:
        record = make_record(run, spec, begin, ok=True, success=True, error=None)
        record["transition"] = [list(spec.targets), None]
        TaskWriter(store, *attempt).commit(record)
        store.put(live_key(*attempt, End(0, 0).name), [b""])


if __name__ == "__main__":
    if sys.argv[1] == "simulate":
        simulate(int(sys.argv[2]))
    else:
        try:
            WatchFlow()
        finally:
            if (DIRECTORY / "report").exists():
                print((DIRECTORY / "report").read_text())
