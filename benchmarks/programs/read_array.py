"""Load the array of the latest ``ArrayFlow`` through the client."""

import time

import numpy  # noqa: F401 - its import is not the array's cost

from metaflow import Flow

task = Flow("ArrayFlow").latest_run["start"].task
began = time.perf_counter()
last = task.data.array[-1]
print("load_seconds", time.perf_counter() - began)
assert 0 <= last < 1
