"""What a process of a job does on its machine: run one task, look after it, and send home what comes of it.

It is started as ``python -m metaflow.compute.node``, in the directory with the flow's code, with the place of its job's
description in the environment. The task itself is a child, so that whatever happens to it can be told.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from ..datastore.layout import AttemptKey, live_key
from ..datastore.live_tasks import CodeStart, End
from ..datastore.location import open_store
from ..exception import DataException, MetaflowException
from ..metadata_store.records import TaskRecord
from ..runtime.code_times import CodeTimes
from ..runtime.death import commit_death, committed_result, words_of_death, words_of_late_death
from ..runtime.loop import EventLoop
from ..runtime.process import describe_exit
from ..runtime.spawn_executor import SpawnExecutor, interpreter_command
from ..runtime.stopping import STOP_GRACE, TIMEOUT_GRACE
from ..runtime.task_sampling import TaskSampling
from .backend import FIRST_FAILURE_VARIABLE, INDEX_VARIABLE, METADATA_VARIABLE
from .jobs import JOB_VARIABLE, TOLD_TO_END, JobDescription, read_description
from .node_log import NodeLog
from .node_reports import NodeReports
from .out_of_memory import count_memory_kills

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..datastore.logs import LogStream
    from ..datastore.store import ObjectStore
    from ..runtime.own_use import Used
    from ..runtime.specs import RunSpec
    from .spot import InstanceMetadata, SpotNotice, SpotWatch

#: Exit code of a process of a job that could not even find out what to do.
_NO_TASK = 70
#: Seconds after a task was ended by a signal in which the same signal may reach its node.
_SIGNAL_SECONDS = 0.5


class Node:
    """One task and its process. It listens to what the executor says of it.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    job : JobDescription
    index : int
        Which of the job's tasks.
    """

    def __init__(self, store: ObjectStore, job: JobDescription, index: int) -> None:
        self._store = store
        self._job = job
        self.run = job.run._replace(root=_root(job.run))
        self._instance = _instance(os.environ)
        facts = {} if self._instance is None else self._instance.facts()
        self._started_at = time.time()
        # The task's process starts later: until it runs the step's code, its attempt is starting up.
        spec = self.spec = job.tasks[index]._replace(
            metadata={**_metadata(os.environ), **facts}, started_at=self._started_at
        )
        self.attempt = AttemptKey(job.run.flow, job.run.run_id, spec.step, spec.task_id, spec.attempt)
        self._log = NodeLog(store, self.attempt, job.max_log_bytes, os.getcwd())
        self._reports = NodeReports(store, self.attempt, self._log, job.silence_seconds, self.stop_because)
        self._pid = 0
        self._code = CodeTimes()
        self._status: int | None = None
        #: Why the task is being ended, if it is; the first reason counts.
        self._stopped_because: str | None = None
        self._timed_out = False
        self._used: Used | None = None
        self._spot: SpotWatch | None = None
        self._is_taken_away = False
        self._memory_kills = count_memory_kills()
        self._sampling: TaskSampling | None = None
        self._loop: EventLoop
        self._executor: SpawnExecutor

    def work(self) -> int:
        """Run the task to its end; returns its exit code."""
        done = self._committed()
        if done is not None:  # the engine has started the process of a finished task again
            return 0 if done.ok else 1
        self._prepare()  # before signals are heard: there is nothing yet that would have to be ended gently
        with EventLoop() as self._loop:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                self._loop.on_signal(number, self._told_to_end)
            command = interpreter_command(list(self._job.script))
            self._executor = SpawnExecutor(self._loop, self.run, command)
            try:
                self._executor.submit(self.spec, self)
                while self._status is None:
                    self._loop.step()
            finally:
                self._executor.close()
        code = self._conclude(self._status)
        if code == 0 and self._job.is_gang and self.spec.task_id == self._job.tasks[0].task_id:
            from .other_nodes import wait_for_other_nodes

            wait_for_other_nodes(self._store, self._job)
        return code

    def started(
        self, pid: int, place: str = "", metadata: Mapping[str, str] | None = None, has_run: bool = False
    ) -> None:
        """The task's process exists."""
        self._pid = pid
        state = {
            "host": socket.gethostname(),
            "pid": pid,
            "started_at": self._started_at,
            "metadata": self.spec.metadata,
        }
        self._reports.start(self._loop, json.dumps(state).encode())
        self._sampling = TaskSampling(
            self._loop, lambda: {self.spec.key: (self._pid, self._started_at)}, self._reports.keep_resources
        )
        limit = self._job.timeout_seconds
        if limit is not None:
            self._loop.call_later(limit + TIMEOUT_GRACE, lambda: self._too_late(limit))
        if self._instance is not None:
            self._watch_instance(self._instance)

    def code_started(self, at: float, started_at: float | None = None) -> None:
        """The step's own code has begun."""
        self._code.started_at = at
        self._reports.keep_code_start(CodeStart(self._started_at, at))

    def waiting(self, text: str) -> None:
        """Does not happen: its process is started at once."""

    def output(self, stream: LogStream, data: bytes) -> None:
        """The task wrote something."""
        self._log.feed(stream, data)

    def ended(self, status: int, reason: str | None = None, retriable: bool = True, used: Used | None = None) -> None:
        """The task's process is over."""
        self._used = used
        if status == -signal.SIGTERM and self._stopped_because is None:
            # Engines that end a job may signal its processes in any order: ours may be the next.
            self._loop.call_later(_SIGNAL_SECONDS, lambda: self._is_over(status))
        else:
            self._is_over(status)

    def _is_over(self, status: int) -> None:
        self._status = status

    def stop_because(self, reason: str) -> None:
        """End the task, gently at first."""
        if self._stopped_because is not None or self._status is not None:
            return
        self._stopped_because = reason
        self._log.say(f"The task is being ended: {reason}.")
        self._executor.kill([self.spec.key], signal.SIGTERM)
        self._loop.call_later(STOP_GRACE, lambda: self._executor.kill([self.spec.key], signal.SIGKILL))

    def _prepare(self) -> None:
        """Tell the task's process what the engine or the other nodes know of where it runs."""
        if self._job.is_gang:
            from .main_address import find_main_address

            find_main_address(self._store, self._job, self.spec)

    def _watch_instance(self, instance: InstanceMetadata) -> None:
        from .spot import SpotWatch

        self._spot = SpotWatch(instance, lambda notice: self._loop.call_from_thread(lambda: self._taken_away(notice)))

    def _taken_away(self, notice: SpotNotice) -> None:
        """The machine is about to go: the task is told, and may use the time that is left."""
        if self._stopped_because is None and self._status is None:
            self._is_taken_away = True
            self._stopped_because = f"its spot instance is taken away at {notice.time or 'short notice'}"
            self.spec = self.spec._replace(metadata={**self.spec.metadata, **notice.metadata()})
            self._log.say(f"The task is told to end: {self._stopped_because}.")
            self._executor.kill([self.spec.key], signal.SIGTERM)

    def _told_to_end(self) -> None:
        self.stop_because(_why_told_to_end(os.environ, self._job.is_gang))

    def _too_late(self, limit: float) -> None:
        from ..decorators.timeout import timeout_message

        if self._status is None and self._committed() is None:  # what comes after the step has limits of its own
            self._timed_out = True
            self._stopped_because = f"{timeout_message(self.spec.step, limit)}, and had to be killed"
            self._executor.kill([self.spec.key], signal.SIGKILL)

    def _conclude(self, status: int) -> int:
        """Commit the attempt if its process could not, and send the rest home, the mark of the end last."""
        reason = ""
        try:
            done = self._committed()
            if done is None:
                reason = self._why(status)
                # One that was ended on purpose is left open: whoever did it says what is to become of it.
                if self._stopped_because is None or self._timed_out or self._is_taken_away:
                    self._log.say(words_of_death(status, reason))
                    self._commit_death(reason)
            elif done.ok and status and self._stopped_because is None:
                self._log.say(words_of_late_death(status, None))
            if self._sampling is not None:
                self._sampling.close()
            self._reports.stop()
            if self._spot is not None:
                self._spot.stop()
            end = End(status, self._log.finish())
            self._store.put(live_key(*self.attempt, end.name), [reason.encode()])
        finally:
            self._log.close()
        if done is not None and done.ok:
            return 0  # whatever came after that: an engine would start the task again, or end its neighbours
        return status if status >= 0 else 128 - status

    def _commit_death(self, reason: str) -> None:
        try:
            commit_death(
                self._store,
                self.run,
                self.spec,
                self._started_at,
                self._pid,
                reason,
                timed_out=self._timed_out,
                used=self._used,
                code=self._code,
            )
        except DataException:
            if self._committed() is None:  # otherwise another process was faster
                raise

    def _why(self, status: int) -> str:
        if self._stopped_because is not None:
            return self._stopped_because
        kills = count_memory_kills()
        if status == -signal.SIGKILL and kills is not None and kills > (self._memory_kills or 0):
            return (
                "its process was killed because the memory of its container ran out. Ask for more, as in "
                "@resources(memory=...), in megabytes"
            )
        return describe_exit(status)

    def _committed(self) -> TaskRecord | None:
        manifest = committed_result(self._store, self.run, self.spec)
        return None if manifest is None else TaskRecord.from_dict(manifest.record["task"])


def main() -> int:
    """Run the task that the environment tells of; returns the exit code of the process."""
    try:
        where = json.loads(os.environ.pop(JOB_VARIABLE))
        store = open_store(where["location"])
        job = read_description(store, where["key"])
        index = int(os.environ.get(os.environ.get(INDEX_VARIABLE, ""), "0"))
    except MetaflowException as error:
        sys.stderr.write(f"The task cannot find out what to do. {error.headline}: {error.message}\n")
        return _NO_TASK
    if index >= len(job.tasks):
        return 0  # some engines want more processes than there are tasks
    # The datastore has answered: if it does not later, it is waited for, here and in the task's own process.
    os.environ.setdefault("METAFLOW_DATASTORE_PATIENCE", str(job.silence_seconds))
    try:
        return Node(store, job, index).work()
    except MetaflowException as error:
        sys.stderr.write(f"{error.headline}: {error.message}\n")
        return 1


def _root(run: RunSpec) -> str:
    """Directory of this machine for what a run keeps on the machine that it runs on."""
    return run.root if not run.datastore else os.path.join(os.getcwd(), ".metaflow")


def _instance(environment: Mapping[str, str]) -> InstanceMetadata | None:
    """What knows of the EC2 instance that this machine is, if it is one."""
    from .spot import ON_EC2_VARIABLE, InstanceMetadata

    return InstanceMetadata() if environment.get(ON_EC2_VARIABLE) else None


def _why_told_to_end(environment: Mapping[str, str], is_gang: bool) -> str:
    """Why an engine ends a process that nobody of us has asked it to end, as far as can be known."""
    if not is_gang:
        return TOLD_TO_END
    try:
        with open(environment.get(FIRST_FAILURE_VARIABLE, ""), encoding="ascii") as file:
            node, code = map(int, file.read().split())
    except (OSError, ValueError):
        return f"{TOLD_TO_END}, perhaps as another node had died"
    return f"it was stopped, because node {node} had failed first: its process ended with exit code {code}"


def _metadata(environment: Mapping[str, str]) -> dict[str, str]:
    names = json.loads(environment.get(METADATA_VARIABLE, "{}"))
    return {name: environment[variable] for name, variable in names.items() if environment.get(variable)}


if __name__ == "__main__":
    sys.exit(main())
