"""Tasks as children of the fork server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from ..exception import MetaflowInternalError
from .executor import TaskListener
from .fork_server import ForkServer
from .local_task import LocalTask
from .loop import EventLoop
from .process import kill_group
from .specs import RunSpec, TaskSpec


class ForkExecutor:
    """Tasks forked from the fork server.

    Parameters
    ----------
    loop : EventLoop
    server : ForkServer
    run : RunSpec
    lost : callable
        Called if the server dies although it should not.
    """

    def __init__(self, loop: EventLoop, server: ForkServer, run: RunSpec, lost: Callable[[Exception], None]) -> None:
        self._loop = loop
        self._channel = server.channel
        self._server = server.pid
        self._lost = lost
        self._tasks: dict[str, LocalTask] = {}
        self._dead = False
        loop.watch(self._channel.fileno(), self._receive)
        try:
            self._channel.send(["run", run])
        except OSError:
            self._server_died()

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Have the server fork a child for the task."""
        task = LocalTask(self._loop, listener)
        writers = task.open_pipes()
        self._tasks[spec.key] = task
        try:
            self._channel.send(["start", spec], writers)
        except OSError:
            self._server_died()
        finally:
            for fd in writers:
                os.close(fd)

    def kill(self, keys: Sequence[str], number: int) -> None:
        """Signal the tasks' process groups; the server does it, because only it knows that they are still theirs."""
        for key in keys:
            task = self._tasks.get(key)
            if task is not None and task.pid:
                try:
                    self._channel.send(["kill", task.pid, number])
                except OSError:
                    self._server_died()
                    return

    def close(self) -> None:
        """End the server, which ends whatever still runs."""
        if not self._dead:
            self._loop.unwatch(self._channel.fileno())
        self._channel.close()
        try:
            os.waitpid(self._server, 0)
        except ChildProcessError:
            pass

    def _receive(self) -> None:
        received = self._channel.receive()
        if received is None:
            self._server_died()
            return
        message = received[0]
        task = self._tasks.get(message[1])
        if task is None:
            return
        if message[0] == "started":
            task.pid = message[2]
            task.listener.started(task.pid)
        else:
            del self._tasks[message[1]]
            task.finish(message[2])

    def _server_died(self) -> None:
        if self._dead:
            return
        self._dead = True
        self._loop.unwatch(self._channel.fileno())
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._lost(
            MetaflowInternalError(
                "The process that starts tasks died, so the run cannot go on. If you did not kill it, the system most "
                "likely ran out of memory."
            )
        )
        for task in tasks:
            if task.pid:
                kill_group(task.pid, signal.SIGKILL)
            task.finish(-signal.SIGKILL)
