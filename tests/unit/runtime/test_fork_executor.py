"""The end of the process that starts tasks, as the run's process sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from metaflow.runtime.channel import Channel
from metaflow.runtime.fork_executor import ForkExecutor
from metaflow.runtime.fork_server import ForkServer
from metaflow.runtime.loop import EventLoop
from metaflow.runtime.process_family import TASK_VARIABLE, mark_of


class _Run(NamedTuple):
    flow: str
    run_id: str


class _Task(NamedTuple):
    key: str


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of such processes")
def test_what_tasks_have_left_is_ended_if_the_server_is_killed_while_the_run_waits_for_its_end() -> None:
    run: Any = _Run("F", str(os.getpid()))
    task: Any = _Task("start/1/0")
    listener: Any = None
    channel, _of_server = Channel.pair()
    server = subprocess.Popen(["sleep", "60"])
    left = subprocess.Popen(["sleep", "60"], env={**os.environ, TASK_VARIABLE: mark_of(run, task.key)})
    try:
        with EventLoop() as loop:
            executor = ForkExecutor(loop, ForkServer(channel, server.pid), run, lambda error: pytest.fail(str(error)))
            executor.submit(task, listener)
            server.kill()  # the run does not hear of it, as its loop is over
            executor.close()
        assert left.wait(30) == -signal.SIGTERM
    finally:
        left.kill()
        left.wait()
