"""The process of a spun step, watched from its start to its end."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from ..exception import MetaflowException
from .death import commit_death, committed_result, words_of_death, words_of_late_death
from .loop import EventLoop
from .process import describe_exit
from .stopping import STOP_GRACE, TIMEOUT_GRACE, RunStopped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..datastore.local import LocalStore
    from ..datastore.logs import LogStream
    from ..datastore.manifest import Manifest
    from .console import Console
    from .executor import Executor, MakeExecutor
    from .own_use import Used
    from .specs import RunSpec, TaskSpec
    from .task_output import TaskOutput


class SpunTask:
    """The one task of a spin. It listens to what the executor says of it.

    Parameters
    ----------
    run : RunSpec
    spec : TaskSpec
    store : LocalStore
        Where its result goes.
    console : Console
    output : TaskOutput
    timeout_seconds : float or None
        What its process gets before it is killed.

    Attributes
    ----------
    death : str or None
        Why its process ended, where it could not say so itself.
    """

    def __init__(
        self,
        run: RunSpec,
        spec: TaskSpec,
        store: LocalStore,
        console: Console,
        output: TaskOutput,
        timeout_seconds: float | None,
    ) -> None:
        self._run = run
        self._spec = spec
        self._store = store
        self._console = console
        self._output = output
        self._timeout_seconds = timeout_seconds
        self._started_at = time.time()
        self._pid = 0
        self._manifest: Manifest | None = None
        self._over = False
        self._stop: BaseException | None = None
        self._killed_because: str | None = None
        self.death: str | None = None
        self._loop: EventLoop
        self._executor: Executor

    def drive(self, make_executor: MakeExecutor) -> Manifest:
        """Run the task to its end.

        Returns
        -------
        Manifest
            What it left behind, be it a success or a failure.

        Raises
        ------
        RunStopped
            If the process was asked to stop.
        MetaflowException
            If the task could not be started, or its result not be recorded.
        """
        with EventLoop() as self._loop:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._loop.on_signal(number, self._interrupted)
            self._executor = make_executor(self._loop, self._fail)
            try:
                self._executor.submit(self._spec, self)
                while not self._over:
                    self._console.flush()
                    self._loop.step()
            finally:
                self._executor.close()
                self._output.close()
                self._console.flush()
        if self._stop is not None:
            raise self._stop
        assert self._manifest is not None
        return self._manifest

    def started(
        self, pid: int, place: str = "", metadata: Mapping[str, str] | None = None, has_run: bool = False
    ) -> None:
        """Its process exists."""
        self._pid = pid
        self._output.where = f"[{self._run.run_id}/{self._spec.step}/{self._spec.task_id} (pid {pid})]"
        self._console.say("Task is starting.", self._output.where)
        self._output.release()
        seconds = self._timeout_seconds
        if seconds is not None:
            self._loop.call_later(seconds + TIMEOUT_GRACE, lambda: self._timed_out(seconds))
        if self._stop is not None:
            self._kill(signal.SIGTERM)  # before, there was nothing to end

    def code_started(self, at: float, started_at: float | None = None) -> None:
        """Nobody looks at a spun task from outside while it runs."""

    def waiting(self, text: str) -> None:
        """It has not started, and why."""
        self._console.say(text, f"[{self._run.run_id}/{self._spec.step}/{self._spec.task_id}]")

    def output(self, stream: LogStream, data: bytes) -> None:
        """It printed something."""
        try:
            self._output.feed(stream, data)
        except MetaflowException as error:
            self._fail(error)

    def ended(self, status: int, reason: str | None = None, retriable: bool = True, used: Used | None = None) -> None:
        """It is over, one way or another."""
        self._over = True
        try:
            self._output.close()
            self._manifest = committed_result(self._store, self._run, self._spec)
            if self._manifest is None:
                if self._stop is not None:
                    self._console.say("Task was stopped.", self._output.where)
                    return
                self._manifest = self._died(status, reason)
        except MetaflowException as error:
            self._stop = self._stop or error
            return
        if self._manifest.record["task"]["ok"]:
            self._console.say("Task finished successfully.", self._output.where)
            if status and self._stop is None:
                self._console.say(words_of_late_death(status, reason), self._output.where, bad=True)
        elif self.death is None:
            self._console.say("Task failed.", self._output.where, bad=True)

    def _died(self, status: int, reason: str | None) -> Manifest:
        """The process ended without a result: record that in its stead."""
        self.death = self._killed_because or reason or describe_exit(status)
        self._console.say(words_of_death(status, self.death), self._output.where, bad=True)
        return commit_death(
            self._store,
            self._run,
            self._spec,
            self._started_at,
            self._pid,
            self.death,
            self._killed_because is not None,
            without_inputs=True,
        )

    def _timed_out(self, seconds: float) -> None:
        from ..decorators.timeout import timeout_message

        if committed_result(self._store, self._run, self._spec) is not None:
            return  # the step is over; what comes after it, such as cards, has a limit of its own
        self._killed_because = f"{timeout_message(self._spec.step, seconds)}, and had to be killed"
        self._kill(signal.SIGKILL)

    def _interrupted(self) -> None:
        if isinstance(self._stop, RunStopped):
            self._kill(signal.SIGKILL)
            return
        self._console.say("The step is stopping; interrupt again to kill it at once.")
        self._fail(RunStopped())

    def _fail(self, error: BaseException) -> None:
        """End the task because of `error`, by force if it does not react."""
        if self._stop is not None:
            return
        self._stop = error
        self._kill(signal.SIGTERM)
        self._loop.call_later(STOP_GRACE, lambda: self._kill(signal.SIGKILL))

    def _kill(self, number: int) -> None:
        self._executor.kill([self._spec.key], number)
        if number == signal.SIGKILL:
            self._loop.call_later(STOP_GRACE, self._give_up)

    def _give_up(self) -> None:
        """Stop waiting for a process that was killed, but of which nothing is heard; closing the executor ends it."""
        self._over = True
        self._stop = self._stop or MetaflowException(
            f"The process of step *{self._spec.step}* was killed, but nothing was heard of its end."
        )
