"""A simulated foreach, without processes or disk. Argument: number of tasks."""

import resource
import sys
import time

from metaflow.runtime.plan_graph import PlanGraph, PlanStep
from metaflow.testing.simulator import Simulation


def peak_bytes() -> int:
    """Peak resident memory of this process."""
    if sys.platform == "linux":
        # ru_maxrss would begin at what the process that started this one used.
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


tasks = int(sys.argv[1])
graph = PlanGraph(
    [
        PlanStep("start", ("body",), "foreach"),
        PlanStep("body", ("join",), "linear"),
        PlanStep("join", ("end",), "join"),
        PlanStep("end", (), "end"),
    ]
)
before = peak_bytes()
began = time.perf_counter()
simulation = Simulation(graph, workers=2, splits=lambda _: tasks)
finished = sum(event.kind == "finished" for event in simulation)
elapsed = time.perf_counter() - began
assert simulation.plan.done
assert finished == tasks + 3, f"{finished} tasks ran"
print("seconds_per_task", elapsed / tasks)
print("bytes_per_task", (peak_bytes() - before) / tasks)
