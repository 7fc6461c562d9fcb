"""Read one artifact of each task of the latest ``ValuesFlow``. Argument: number of tasks."""

import sys
import time

from metaflow import Flow

run = Flow("ValuesFlow").latest_run
began = time.perf_counter()
values = [task.data.square for task in run["body"]]
print("read_seconds", time.perf_counter() - began)
assert sorted(values) == [number**2 for number in range(int(sys.argv[1]))], "the values that were stored"
