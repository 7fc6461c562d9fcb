"""Fork and wait, in a process that has imported what a run imports. Argument: the flow's file."""

import gc
import importlib
import os
import pkgutil
import runpy
import sys
import time

import metaflow

FORKS = 500

runpy.run_path(sys.argv[1], run_name="flow")
for room in ("cli", "runtime", "datastore", "metadata_store", "client", "flow", "decorators"):
    package = importlib.import_module(f"{metaflow.__name__}.{room}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

gc.collect()
gc.freeze()
began = time.perf_counter()
for _ in range(FORKS):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print("seconds_per_fork", (time.perf_counter() - began) / FORKS)
