"""What cleans up behind a task is told from what the task has left running."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from metaflow.distributed.outliving import OUTLIVES_VARIABLE
from metaflow.runtime.process_family import TASK_VARIABLE, outlives_task, processes_marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")


def test_what_outlives_its_task_is_not_found_among_what_it_has_left() -> None:
    mark = f"F/1/start/{os.getpid()}"
    ordinary = subprocess.Popen(["sleep", "60"], env={**os.environ, TASK_VARIABLE: mark})
    cleaner = subprocess.Popen(["sleep", "60"], env={**os.environ, TASK_VARIABLE: mark, OUTLIVES_VARIABLE: "1"})
    try:
        assert processes_marked([mark]) == {ordinary.pid: mark}
        assert outlives_task(cleaner.pid) and not outlives_task(ordinary.pid)
    finally:
        for process in (ordinary, cleaner):
            process.kill()
            process.wait()
