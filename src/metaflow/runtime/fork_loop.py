"""What goes on inside the fork server: waiting for word from the scheduler, forking, reaping."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

from ..flow.declaration import steps_of
from ..registry import added_by_packages
from .channel import Channel
from .child import ForkedMain
from .early_imports import EarlyImports
from .left_running import LeftRunning
from .open_files import open_files
from .own_use import used_by_ended
from .parent_death import adopt_orphans, die_with_parent
from .process import kill_group, kill_task
from .process_family import children_of, key_marked_on, outlives_task
from .random_state import RandomState, main_script_source
from .specs import run_from_list, task_from_list
from .stopping import STOP_GRACE

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec
    from .specs import RunSpec, TaskSpec


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def serve(channel: Channel, flow_class: type[FlowSpec], random_state: tuple[Any, ...]) -> None:
    """Serve one run, until the scheduler is gone; `random_state` is what the flow's module-level code left."""
    # As with nohup: what was ignored when the run started stays ignored in its tasks.
    ignored: set[int] = {number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_IGN}
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    adopt_orphans()
    generators = RandomState(random_state, main_script_source())
    files = open_files()
    # Objects that exist now are never collected, so that no child copies their pages to look at them.
    gc.collect()
    gc.freeze()
    gc.enable()
    # Each task would look for it otherwise; here it is done while the scheduler's process gets ready.
    added_by_packages("artifact_serializers")
    imports = EarlyImports()
    for _, step in steps_of(flow_class):
        imports.add(step.decorators)
    while imports and not select.select([channel], [], [], 0)[0]:
        imports.import_next()
    select.select([channel], [], [])
    received = channel.receive()
    if received is None:
        return  # the command line had nothing to run
    (_, run), (starts_fd,) = received
    spec = run_from_list(run)
    main = ForkedMain(flow_class, spec, generators, files, starts_fd)
    imports.add(main.decorators)
    _Server(channel, spec, main, imports, ignored).serve()


class _Server:
    def __init__(
        self, channel: Channel, run: RunSpec, main: ForkedMain, imports: EarlyImports, ignored: set[int]
    ) -> None:
        self._channel = channel
        self._run = run
        self._main = main
        self._imports = imports
        self._ignored = ignored
        self._children: dict[int, str] = {}
        self._failed: set[str] = set()
        self._left = LeftRunning(STOP_GRACE)
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
            poll.modify(self._channel.fileno(), select.POLLIN | (select.POLLOUT if self._channel.is_full else 0))
            spare = self._children and self._imports  # never before the first task
            ready = dict(poll.poll(0 if spare else self._milliseconds_left()))
            if spare and not ready:
                self._imports.import_next()
            self._left.enforce()
            if self._wakeup_read in ready:
                self._drain_wakeup()
                self._reap()
            events = ready.get(self._channel.fileno(), 0)
            try:
                if events & select.POLLOUT:
                    self._channel.flush()
                received = self._channel.receive() if events & ~select.POLLOUT else ([], [])
            except OSError:
                break
            if received is None:
                break
            self._handle(*received)
        self._end()

    def _end(self) -> None:
        """End the tasks, and then what tasks have left."""
        for pid in self._children:
            kill_task(pid, signal.SIGKILL)
        self._reap()
        while self._children or self._left.is_ending:
            select.select([self._wakeup_read], [], [], self._left.seconds_left())
            self._drain_wakeup()
            self._reap()
            self._left.enforce()

    def _milliseconds_left(self) -> float | None:
        seconds = self._left.seconds_left()
        return None if seconds is None else seconds * 1000

    def _handle(self, message: list[Any], descriptors: list[int]) -> None:
        if not message:
            return
        if message[0] == "start":
            self._fork(task_from_list(message[1]), descriptors)
        else:
            _, pid, number = message
            if pid in self._children:
                kill_task(pid, number)

    def _fork(self, spec: TaskSpec, descriptors: list[int]) -> None:
        self._main.warm(spec)
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(["refused", spec.key, error.strerror])
        else:
            if pid == 0:
                self._become_task(spec, descriptors, server)
            # Also in the parent, so that a kill right after the start finds the group whoever comes first.
            try:
                os.setpgid(pid, pid)
            except (PermissionError, ProcessLookupError):
                pass
            self._children[pid] = spec.key
            self._tell(["started", spec.key, pid])
        for fd in descriptors:
            os.close(fd)

    def _become_task(self, spec: TaskSpec, descriptors: list[int], server: int) -> None:
        """In the child: take on the identity of a task, run it, and never return."""
        code = 1
        try:
            os.setpgid(0, 0)
            die_with_parent(server)
            adopt_orphans()  # while the task runs they stay below it, so that it is known whose they are
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in _SIGNALS:
                if number not in self._ignored:
                    default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                    signal.signal(number, default)
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
        """Take note of what has ended, and of what that has left."""
        outcomes: list[bool | None] = []
        while True:
            try:
                # Look before reaping: until it is reaped, nobody else can get the id that its group is killed by.
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None:
                break
            if info.si_pid in self._children:
                kill_group(info.si_pid, signal.SIGKILL)
            pid, status, usage = os.wait4(info.si_pid, 0)
            key = self._children.pop(pid, None)
            if key is None:
                outcomes.append(self._left.gone(pid))
                continue
            code = os.waitstatus_to_exitcode(status)
            outcomes.append(code == 0)
            if code:
                self._failed.add(key)
            self._tell(["exited", key, code, used_by_ended(usage) if code else None])
        if outcomes:
            self._take_in_orphans(outcomes)

    def _take_in_orphans(self, outcomes: list[bool | None]) -> None:
        """Find what was left, and tell by its mark whether it may stay; `outcomes` are of all that has just ended."""
        # A copy of a task's process has no mark. Of several that end in one moment it cannot be told who has left it:
        # what may be meant to stay, stays.
        copies_may_stay = outcomes.count(False) == 0 or True in outcomes
        running = set(self._children.values())
        for pid in children_of(os.getpid()):
            if pid in self._children or outlives_task(pid):
                continue
            key = key_marked_on(pid, self._run)
            if key not in running:  # else the task has died as well, which is heard of next
                self._left.found([pid], may_stay=copies_may_stay if key is None else key not in self._failed)

    def _tell(self, message: list[Any]) -> None:
        try:
            self._channel.send(message)
        except OSError:
            pass  # the scheduler is gone; the loop will see that next
