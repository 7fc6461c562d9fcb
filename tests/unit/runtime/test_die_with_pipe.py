"""Tasks that are new interpreters end with the run's process, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys

_TASK = """
import os
from metaflow.runtime.child import _die_with_pipe

def end_left(mark):
    raise OSError("no file descriptors left")

reading, writing = os.pipe()
os.close(writing)
_die_with_pipe(reading, end_left)
"""


def test_a_task_dies_with_its_run_also_if_what_it_has_left_cannot_be_ended() -> None:
    task = subprocess.run([sys.executable, "-c", _TASK], start_new_session=True, capture_output=True, text=True)
    assert task.returncode == -signal.SIGKILL, task.stderr
