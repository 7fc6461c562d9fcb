"""What goes on inside the fork server: waiting for word from the scheduler, forking, reaping."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

from .channel import Channel
from .child import ForkedMain
from .parent_death import die_with_parent
from .process import kill_group
from .random_state import RandomState, main_script_source
from .specs import run_from_list, task_from_list

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec
    from .specs import TaskSpec


def serve(channel: Channel, flow_class: type[FlowSpec], random_state: tuple[Any, ...]) -> None:
    """Serve one run, until the scheduler is gone; `random_state` is what the flow's module-level code left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    generators = RandomState(random_state, main_script_source())
    # Objects that exist now are never collected, so that no child copies their pages to look at them.
    gc.collect()
    gc.freeze()
    received = channel.receive()
    if received is None:
        return  # the command line had nothing to run
    _, run = received[0]
    _Server(channel, ForkedMain(flow_class, run_from_list(run), generators)).serve()


class _Server:
    def __init__(self, channel: Channel, main: ForkedMain) -> None:
        self._channel = channel
        self._main = main
        self._children: dict[int, str] = {}
        self._wakeup_read, self._wakeup_write = os.pipe()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(self._wakeup_write, False)
        self._null = os.open(os.devnull, os.O_RDONLY)

    def serve(self) -> None:
        """Fork and reap until the scheduler is gone."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        poll.register(self._wakeup_read, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wakeup_read in ready:
                self._drain_wakeup()
                self._reap()
            if self._channel.fileno() in ready:
                received = self._channel.receive()
                if received is None:
                    break
                self._handle(*received)
        for pid in self._children:
            kill_group(pid, signal.SIGKILL)

    def _handle(self, message: list[Any], descriptors: list[int]) -> None:
        if message[0] == "start":
            self._fork(task_from_list(message[1]), descriptors)
        else:
            _, pid, number = message
            if pid in self._children:
                kill_group(pid, number)

    def _fork(self, spec: TaskSpec, descriptors: list[int]) -> None:
        self._main.warm(spec)
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_task(spec, descriptors, server)
        # Also in the parent, so that a kill right after the start finds the group whoever comes first.
        try:
            os.setpgid(pid, pid)
        except (PermissionError, ProcessLookupError):
            pass
        for fd in descriptors:
            os.close(fd)
        self._children[pid] = spec.key
        self._tell(["started", spec.key, pid])

    def _become_task(self, spec: TaskSpec, descriptors: list[int], server: int) -> None:
        """In the child: take on the identity of a task, run it, and never return."""
        code = 1
        try:
            os.setpgid(0, 0)
            die_with_parent(server)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(self._null, 0)
            os.dup2(descriptors[0], 1)
            os.dup2(descriptors[1], 2)
            for fd in (*descriptors, self._null, self._wakeup_read, self._wakeup_write):
                os.close(fd)
            self._channel.close()
            self._children.clear()
            code = self._main.run(spec)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _drain_wakeup(self) -> None:
        try:
            os.read(self._wakeup_read, 4096)
        except BlockingIOError:
            pass

    def _reap(self) -> None:
        while True:
            try:
                # Look before reaping: until it is reaped, nobody else can get the id that its group is killed by.
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None:
                return
            kill_group(info.si_pid, signal.SIGKILL)
            pid, status, usage = os.wait4(info.si_pid, 0)
            key = self._children.pop(pid, None)
            if key is not None:
                code = os.waitstatus_to_exitcode(status)
                self._tell(["exited", key, code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss])

    def _tell(self, message: list[Any]) -> None:
        try:
            self._channel.send(message)
        except OSError:
            pass  # the scheduler is gone; the loop will see that next
