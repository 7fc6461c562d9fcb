"""The scheduler: drives a plan with real tasks until the run is done, has failed or was stopped."""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exception import (
    METAFLOW_EXIT_DISALLOW_RETRY,
    MetaflowException,
    MetaflowInternalError,
    TaskFailed,
)
from ..flow.transition import PARALLEL_ITERATOR
from ..metadata_store.events import TaskEnded, TaskStarted
from ..metadata_store.records import TaskRecord
from .cancel_watch import CancelWatch
from .console import Console
from .death import commit_death, committed_result, words_of_death, words_of_late_death
from .launched_task import LaunchedTask
from .limits import Limits
from .loop import EventLoop
from .plan import Plan, PlannedTask, RetryPolicy
from .planned_spec import spec_of, transition_of
from .process import describe_exit, was_asked_to_end
from .progress import Progress
from .room import room_for
from .run_logs import RunLogs
from .specs import RunSpec, TaskSpec
from .stopping import REMOTE_TIMEOUT_GRACE, STOP_GRACE, TIMEOUT_GRACE, RunStopped
from .task_output import TaskOutput
from .task_sampling import ResourceFiles, TaskSampling

if TYPE_CHECKING:
    from ..datastore.manifest import Manifest
    from ..datastore.store import ObjectStore
    from ..flow.decorators import StepDecorator
    from ..flow.graph import FlowGraph
    from .executor import Executor, MakeExecutor
    from .gang import Gang
    from .recorder import Recorder


#: How often a person interrupts a run that waits for the end of its tasks before it leaves without them.
_INTERRUPTS_TO_LEAVE = 2


class Scheduler:
    """Runs the tasks of one run.

    Parameters
    ----------
    run : RunSpec
    graph : FlowGraph
    plan : Plan
    policies : dict of str to RetryPolicy
        The same that the plan was given.
    store : ObjectStore
    recorder : Recorder
    console : Console
    limits : Limits
    """

    def __init__(
        self,
        run: RunSpec,
        graph: FlowGraph,
        plan: Plan,
        policies: dict[str, RetryPolicy],
        store: ObjectStore,
        recorder: Recorder,
        console: Console,
        limits: Limits,
    ) -> None:
        self._run = run
        self._graph = graph
        self._plan = plan
        self._policies = policies
        self._store = store
        self._recorder = recorder
        self._console = console
        self._limits = limits
        self._room = room_for(graph, limits.max_workers, limits.max_workers_for_all)
        self._progress = Progress(plan.counts)
        self._timeouts = {node.name: _timeout_of(node.decorators) for node in graph}
        self._active: dict[str, LaunchedTask] = {}
        #: Why the last attempt of a task failed that will be tried again.
        self._reasons: dict[int, str] = {}
        self._failure: BaseException | None = None
        self._interrupts = 0
        self._logs = RunLogs(run, store)
        self._began_at = 0.0
        self._sampling: TaskSampling
        self._loop: EventLoop
        self._executor: Executor

    def drive(self, make_executor: MakeExecutor) -> None:
        """Run all tasks.

        Raises
        ------
        TaskFailed
            If a task failed for good.
        RunStopped
            If the process was asked to stop.
        MetaflowException
            If the run cannot go on for another reason.
        """
        # What became ready while a resumed run was planned could not start before.
        self._plan.time = self._began_at = time.time()
        with EventLoop() as self._loop:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._loop.on_signal(number, self._interrupted)
            self._executor = make_executor(self._loop, self.fail)
            self._logs.refresh(self._loop)
            files = ResourceFiles(
                self._run, self._store, self._logs.uploads, lambda text: self._console.say(text, bad=True)
            )
            self._sampling = TaskSampling(self._loop, self._running_here, files.write)
            watch = CancelWatch(self._loop, self._store, self._run.flow, self._run.run_id, self._cancelled)
            self._progress.keep_shown(self._loop, self._console)
            try:
                self._launch()
                # What the first tasks print is shown when the run can be found.
                self._recorder.await_first()
                while not self._is_over():
                    self._launch()
                    self._console.flush()
                    if self._failure is None or self._active:
                        self._loop.step()
            finally:
                watch.close()
                self._executor.close()
                self._sampling.close()
                for task in self._active.values():
                    self._close_output(task)
                self._console.status("")
                self._console.flush()
                self._finish_logs()
        if self._failure is not None:
            raise self._failure

    def fail(self, error: BaseException) -> None:
        """Stop the run because of `error`: launch nothing more, and end what is running."""
        if self._failure is not None:
            return
        self._failure = error
        if not isinstance(error, RunStopped):
            self._console.say("Workflow failed.", bad=True)
        if self._active:
            self._console.say(f"Terminating {len(self._active)} active tasks...")
        self._kill_all(signal.SIGTERM)
        self._loop.call_later(STOP_GRACE, lambda: self._kill_all(signal.SIGKILL))

    def _is_over(self) -> bool:
        if self._failure is not None:
            return not self._active
        if self._plan.active or self._plan.has_ready:
            return False
        if not self._plan.done:
            raise MetaflowInternalError("No task is left to run, but the end of the flow was not reached.")
        return True

    def _launch(self) -> None:
        while self._failure is None and self._plan.has_ready and (held := self._room.held) is not None:
            planned = self._plan.take(held)
            if planned is None:
                return
            if planned.fallback and self._room.is_full_here:
                self._plan.put_back([planned])  # it runs here, also if its step does not
                return
            if planned.gang is None:
                self._submit(planned, self._spec(planned))
            elif not self._launch_gang(planned, planned.gang):
                return

    def _launch_gang(self, planned: PlannedTask, nodes: int) -> bool:
        """Start all nodes of a gang; returns False if it has to wait for others to end, or cannot be started."""
        from .gang import Gang, has_room, node_specs

        is_elsewhere = self._executor.is_elsewhere(planned.step, planned.fallback)
        try:
            if not is_elsewhere and not has_room(planned, len(self._active)):
                self._plan.put_back([planned])
                return False
        except MetaflowException as error:
            self.fail(error)
            return False
        gang = Gang(planned)
        for spec in node_specs(self._spec(planned), nodes):
            gang.running.add(spec.key)
            self._submit(planned, spec, gang)
            if self._failure is not None:
                return False
        return True

    def _submit(self, planned: PlannedTask, spec: TaskSpec, gang: Gang | None = None) -> None:
        is_elsewhere = self._executor.is_elsewhere(spec.step, spec.is_fallback)
        output = TaskOutput(None if is_elsewhere else self._logs.path(spec), self._limits.max_log_bytes, self._console)
        task = self._active[spec.key] = LaunchedTask(self, planned, spec, gang, output, is_elsewhere)
        self._room.entered(spec.step, is_elsewhere)
        try:
            self._executor.submit(task.spec, task)
        except OSError as error:
            del self._active[spec.key]
            self._room.left(spec.step, is_elsewhere)
            self._cannot_launch(planned, error)

    def _cannot_launch(self, planned: PlannedTask, error: OSError) -> None:
        """There are no file descriptors left: go on with as many tasks as there are."""
        if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._active or planned.gang is not None:
            self.fail(MetaflowException(f"The task of step *{planned.step}* cannot be started: {error.strerror}."))
            return
        self._plan.put_back([planned])
        workers = self._room.shrink()
        self._console.say(f"Running {workers} tasks at a time: there are no file descriptors for more (ulimit -n).")

    def _spec(self, planned: PlannedTask) -> TaskSpec:
        spec = spec_of(
            planned,
            self._graph[planned.step],
            self._policies[planned.step].user_retries + 1,
            self._reasons.pop(planned.task_id, None),
        )
        return spec if spec.ready_at is not None else spec._replace(ready_at=self._began_at)

    def task_waits(self, task: LaunchedTask, text: str) -> None:
        self._console.say(text, f"[{self._run.run_id}/{task.spec.step}/{task.spec.task_id}]")

    def task_started(self, task: LaunchedTask, pid: int, place: str, has_run: bool) -> None:
        spec = task.spec
        task.pid = pid
        task.output_.where = f"[{self._run.run_id}/{spec.step}/{spec.task_id} ({place or f'pid {pid}'})]"
        if spec.is_fallback:
            text = "Task fallback is starting to handle the failure."
        elif has_run:
            text = "Task has been started already."
        else:
            text = "Task is starting (retry)." if spec.attempt else "Task is starting."
        self._console.say(text, task.output_.where)
        task.output_.release()
        self._recorder.record(TaskStarted(task.record(self._run)))
        seconds = self._timeouts[spec.step]
        if task.timer is not None:
            task.timer.cancel()  # what was awaited came to nothing, and now it is started here
        if seconds is not None and not spec.is_fallback:
            grace = REMOTE_TIMEOUT_GRACE if place else TIMEOUT_GRACE
            task.timer = self._loop.call_later(seconds + grace, lambda: self._timed_out(task, seconds))
        if self._failure is not None or (task.gang is not None and task.gang.failed_node is not None):
            self._executor.kill([spec.key], signal.SIGTERM)

    def task_code_started(self, task: LaunchedTask) -> None:
        self._recorder.record(TaskStarted(task.record(self._run)))

    def _timed_out(self, task: LaunchedTask, seconds: float) -> None:
        from ..decorators.timeout import timeout_message

        if committed_result(self._store, self._run, task.spec) is not None:
            return  # the step is over; what comes after it, such as cards, has a limit of its own
        task.killed_because = f"{timeout_message(task.spec.step, seconds)}, and had to be killed"
        self._executor.kill([task.spec.key], signal.SIGKILL)

    def task_ended(self, task: LaunchedTask, status: int, why: str | None, retriable: bool) -> None:
        spec = task.spec
        del self._active[spec.key]
        self._sampling.ended(spec.key)
        self._room.left(spec.step, task.is_elsewhere)
        if task.timer is not None:
            task.timer.cancel()
        try:
            self._close_output(task)
        finally:
            manifest = committed_result(self._store, self._run, spec)
        if manifest is None:
            self._died(task, status, why, retriable)
            return
        record = TaskRecord.from_dict(manifest.record["task"])
        self._recorder.record(TaskEnded(record))
        if record.ok:
            self._console.say("Task finished successfully.", task.output_.where)
            if status and self._failure is None:
                self._console.say(words_of_late_death(status, task.killed_because or why), task.output_.where, bad=True)
            self._go_on(task, manifest)
        elif self._failure is None:
            self._console.say("Task failed.", task.output_.where, bad=True)
            reason = record.error[1] if record.error else None
            self._attempt_failed(task, reason, retriable=True, printed=record.error_line)

    def _go_on(self, task: LaunchedTask, manifest: Manifest) -> None:
        """Tell the plan which way a finished task took."""
        transition = transition_of(manifest.record)
        if transition.foreach == PARALLEL_ITERATOR:
            nodes = f"{transition.num_splits} nodes"
            self._console.say(f"Parallel step *{transition.targets[0]}* yields {nodes}.", task.output_.where)
        elif transition.num_splits is not None:
            self._console.say(f"Foreach yields {transition.num_splits} child steps.", task.output_.where)
            if transition.num_splits > self._limits.max_num_splits:
                raise TaskFailed(
                    task.spec.step,
                    task.spec.task_id,
                    f"its foreach over self.{transition.foreach} yields {transition.num_splits} child steps, which is "
                    f"more than the allowed {self._limits.max_num_splits}. Allow more with --max-num-splits.",
                )
        if self._failure is not None:
            return
        self._plan.time = time.time()
        if task.gang is None:
            self._plan.finished(task.planned, transition)
        else:
            task.gang.finished(task.spec, transition)
            self._settle(task.gang)

    def _died(self, task: LaunchedTask, status: int, why: str | None, retriable: bool) -> None:
        """An attempt's process ended without a result: record that, as the process could not."""
        if self._failure is not None:
            self._console.say("Task was stopped.", task.output_.where)
            record = task.record(self._run, "killed")
            self._recorder.record(TaskEnded(record))
            return
        stopped = task.gang.why_stopped if task.gang is not None else None
        reason = task.killed_because or stopped or why or describe_exit(status)
        manifest = commit_death(
            self._store,
            self._run,
            task.spec,
            task.started_at,
            task.pid,
            reason,
            task.killed_because is not None,
            used=task.used,
            code=task.code,
        )
        self._recorder.record(TaskEnded(TaskRecord.from_dict(manifest.record["task"])))
        self._console.say(words_of_death(status, reason), task.output_.where, bad=True)
        retriable = retriable and status != METAFLOW_EXIT_DISALLOW_RETRY
        self._attempt_failed(task, reason, retriable, was_asked=task.is_elsewhere and was_asked_to_end(status))

    def _attempt_failed(
        self, task: LaunchedTask, reason: str | None, retriable: bool, printed: str = "", was_asked: bool = False
    ) -> None:
        """Go on after an attempt that failed: at once, or in a gang when the other nodes have been stopped."""
        gang = task.gang
        if gang is None:
            self._retry_or_fail(task, reason, retriable, printed)
            return

        def conclude() -> None:
            from .gang import remove_notes

            remove_notes(self._store, self._run, task.spec)
            self._retry_or_fail(task, reason, retriable, printed)

        if gang.failed(task.spec, conclude, was_asked):
            self._executor.kill(tuple(gang.running), signal.SIGTERM)
            self._loop.call_later(STOP_GRACE, lambda: self._executor.kill(tuple(gang.running), signal.SIGKILL))
        self._settle(gang)

    def _settle(self, gang: Gang) -> None:
        """Go on after a gang, once all of its nodes are over."""
        if gang.running:
            return
        if gang.conclude_failure is not None:
            gang.conclude_failure()
        elif gang.transition is not None:
            self._plan.finished(gang.planned, gang.transition)

    def _retry_or_fail(self, task: LaunchedTask, reason: str | None, retriable: bool, printed: str) -> None:
        """Arrange the next attempt, or stop the run; `printed` is the error if the task itself has told it."""
        retry = self._plan.failed(task.planned, retriable=retriable)
        if retry is not None:
            if reason:
                self._reasons[task.planned.task_id] = reason
            if retry.delay_seconds:
                self._console.say(f"Task will be tried again in {retry.delay_seconds:g} seconds.", task.output_.where)
            self._loop.call_later(retry.delay_seconds, lambda: self._try_again(task.planned))
            return
        if not retriable:
            self._console.say("This failed task will not be retried.", task.output_.where)
        told = f"{reason}." if reason and not printed else ""
        self.fail(TaskFailed(task.spec.step, task.spec.task_id, told, printed))

    def _try_again(self, planned: PlannedTask) -> None:
        self._plan.time = time.time()
        self._plan.again(planned)

    def _running_here(self) -> dict[str, tuple[int, float]]:
        """Processes of tasks on this machine, and when they started."""
        return {
            k: (task.pid, task.started_at) for k, task in self._active.items() if task.pid and not task.is_elsewhere
        }

    def _interrupted(self) -> None:
        self._interrupts += 1
        if self._interrupts > _INTERRUPTS_TO_LEAVE:
            self._give_up()
            return
        if isinstance(self._failure, RunStopped):
            self._console.say("Tasks are being killed; interrupt again to leave without waiting for their end.")
            self._kill_all(signal.SIGKILL)
            return
        self._console.say("Workflow is stopping; interrupt again to kill its tasks at once.")
        self.fail(RunStopped())
        # A failure that was under way gives way to the wish to stop.
        self._failure = RunStopped()

    def _cancelled(self) -> None:
        if not isinstance(self._failure, RunStopped):
            self._console.say("Workflow is being cancelled.")
            self.fail(RunStopped())
            self._failure = RunStopped()

    def _kill_all(self, number: int) -> None:
        if self._active:
            self._executor.kill(tuple(self._active), number)
            if number == signal.SIGKILL:
                self._loop.call_later(self._executor.stop_seconds, self._give_up)

    def _give_up(self) -> None:
        """Stop waiting for tasks that were killed, but of which nothing is heard; closing the executor ends them."""
        for task in self._active.values():
            if task.is_elsewhere:
                self._console.say(
                    "Nothing confirms that the task has ended. It ends itself once it misses the run's signs of life.",
                    f"[{self._run.run_id}/{task.spec.step}/{task.spec.task_id}]",
                    bad=True,
                )
            self._close_output(task)
            self._recorder.record(TaskEnded(task.record(self._run, "killed")))
        self._active.clear()

    def _close_output(self, task: LaunchedTask) -> None:
        """Nothing more is printed by a task."""
        try:
            task.output_.close()
        finally:
            if not task.is_elsewhere:
                self._logs.finish(task.spec)

    def _finish_logs(self) -> None:
        problem = self._logs.close()
        if problem is not None:
            self._console.say(problem, bad=True)
            self._console.flush()


def _timeout_of(decorators: Iterable[StepDecorator]) -> float | None:
    limits = [limit for d in decorators if (limit := d.timeout_seconds()) is not None]
    return min(limits, default=None)
