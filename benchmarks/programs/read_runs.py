"""Ask the client of the runs of ``ManyFlow`` and the tasks of ``ValuesFlow``. Arguments: numbers of runs and tasks."""

import resource
import sys
import time
from itertools import islice

from metaflow import Flow, namespace

namespace(None)
runs, tasks = int(sys.argv[1]), int(sys.argv[2])


def timed(name, question):
    """Print the median time of three answers."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        answer = question()
        times.append(time.perf_counter() - began)
    print(f"{name}_seconds", sorted(times)[1])
    return answer


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


latest = timed("latest", lambda: Flow("ManyFlow").latest_run)
successful = timed("latest_successful", lambda: Flow("ManyFlow").latest_successful_run)
assert latest.successful or successful.id < latest.id, "the latest successful run is older than the latest run"
tagged = timed("tagged", lambda: list(islice(Flow("ManyFlow").runs("rare"), 20)))
assert tagged, "some runs have the tag"
list(islice(Flow("ManyFlow"), 500))
before = peak_bytes()
finished = timed("iterate", lambda: sum(run.successful for run in Flow("ManyFlow")))
assert 0 < finished <= runs, "some runs succeeded"
print("iterate_peak_bytes", peak_bytes() - before)
if tasks:
    step = Flow("ValuesFlow").latest_run["body"]
    total = timed("tasks", lambda: sum(task["square"].data for task in step))
    assert total == sum(number**2 for number in range(tasks)), "the values that were stored"
if "--filters" in sys.argv:
    flow = Flow("ManyFlow")
    timed("failed", lambda: list(flow.runs(status="failed", limit=20)))
    timed("value", lambda: list(flow.runs(artifacts={"accuracy": (">", 0.49)}, limit=20)))
    timed("best", lambda: list(flow.runs(order="-artifact:accuracy", limit=20)))
    timed("table", flow.table)
