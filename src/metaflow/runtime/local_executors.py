"""Tasks as processes on this machine: forked from the fork server, or started as new interpreters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..exception import MetaflowInternalError
from .executor import TaskListener
from .fork_server import ForkServer
from .loop import EventLoop
from .process import kill_group
from .specs import RunSpec, TaskSpec, encode

if TYPE_CHECKING:
    from ..datastore.logs import LogStream

_STREAMS: tuple[LogStream, LogStream] = ("stdout", "stderr")
_READ_SIZE = 256 * 1024
#: Reads of one pipe in one round of the loop, so that a task that never stops printing cannot starve the others.
_READS_PER_ROUND = 4


class _LocalTask:
    """Pipes and process of one running task."""

    __slots__ = ("_loop", "_open", "_readers", "listener", "pid")

    def __init__(self, loop: EventLoop, listener: TaskListener) -> None:
        self._loop = loop
        self._readers: dict[LogStream, int] = {}
        self.listener = listener
        self.pid = 0

    def open_pipes(self) -> tuple[int, int]:
        """Make both pipes and watch them; returns the ends that the task writes to."""
        writers = []
        for stream in _STREAMS:
            read, write = os.pipe()
            os.set_blocking(read, False)
            self._readers[stream] = read
            self._loop.watch(read, self._reader(stream))
            writers.append(write)
        return writers[0], writers[1]

    def _reader(self, stream: LogStream) -> Callable[[], None]:
        return lambda: self._read(stream, _READS_PER_ROUND)

    def _read(self, stream: LogStream, rounds: int | None) -> None:
        """Pass on what can be read now; without a limit of `rounds`, all of it."""
        fd = self._readers.get(stream)
        while fd is not None and rounds != 0:
            rounds = None if rounds is None else rounds - 1
            try:
                data = os.read(fd, _READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close(stream)
                return
            self.listener.output(stream, data)
            if rounds is not None and len(data) < _READ_SIZE:
                return  # most likely empty by now; the loop will tell

    def finish(self, status: int) -> None:
        """The process is gone: read what is left in the pipes, and do not wait for others that hold them."""
        for stream in tuple(self._readers):
            self._read(stream, None)
            self._close(stream)
        self.listener.ended(status)

    def _close(self, stream: LogStream) -> None:
        fd = self._readers.pop(stream, None)
        if fd is not None:
            self._loop.unwatch(fd)
            os.close(fd)


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
        self._tasks: dict[str, _LocalTask] = {}
        self._dead = False
        loop.watch(self._channel.fileno(), self._receive)
        try:
            self._channel.send(["run", run])
        except OSError:
            self._server_died()

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Have the server fork a child for the task."""
        task = _LocalTask(self._loop, listener)
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


class SpawnExecutor:
    """Tasks as new interpreters that run the flow's script: slower to start, and safe wherever a fork is not."""

    def __init__(self, loop: EventLoop, run: RunSpec) -> None:
        self._loop = loop
        self._run = run
        self._tasks: dict[str, tuple[_LocalTask, subprocess.Popen[bytes], int]] = {}
        loop.on_signal(signal.SIGCHLD, self._reap)

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Start an interpreter for the task."""
        task = _LocalTask(self._loop, listener)
        writers = task.open_pipes()
        # The task reads its specification from here, and then waits for the end of the file: it comes when we die.
        spec_read, spec_write = os.pipe()
        process = subprocess.Popen(
            [*_script_command(), "task", "--spec-fd", str(spec_read)],
            stdin=subprocess.DEVNULL,
            stdout=writers[0],
            stderr=writers[1],
            pass_fds=(spec_read,),
            start_new_session=True,
        )
        for fd in (*writers, spec_read):
            os.close(fd)
        try:
            _write_all(spec_write, encode(self._run, spec) + b"\n")
        except BrokenPipeError:
            pass  # it died already, which will be noticed
        task.pid = process.pid
        self._tasks[spec.key] = (task, process, spec_write)
        listener.started(process.pid)

    def kill(self, keys: Sequence[str], number: int) -> None:
        """Signal the tasks' process groups."""
        for key in keys:
            if key in self._tasks:
                kill_group(self._tasks[key][1].pid, number)

    def close(self) -> None:
        """End whatever still runs."""
        self.kill(tuple(self._tasks), signal.SIGKILL)
        for _, process, spec_write in self._tasks.values():
            process.wait()
            os.close(spec_write)
        self._tasks.clear()

    def _reap(self) -> None:
        for key, (task, process, spec_write) in tuple(self._tasks.items()):
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            kill_group(process.pid, signal.SIGKILL)
            status = process.wait()
            os.close(spec_write)
            del self._tasks[key]
            task.finish(status)


def _script_command() -> list[str]:
    """Command that runs the flow's script again, as this process was started."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    script = ["-m", spec.name.removesuffix(".__main__")] if spec is not None else [os.path.abspath(sys.argv[0])]
    return [sys.executable, *subprocess._args_from_interpreter_flags(), *script, "--quiet"]  # type: ignore[attr-defined]


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
