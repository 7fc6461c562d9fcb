"""The executor of a resumed run: tasks that still go on where a dead run sent them are awaited, not started again."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from ..datastore.layout import AttemptKey
from ..datastore.logs import read_log
from ..datastore.tasks import open_task
from ..exception import MetaflowException
from ..runtime.clone import take_over
from ..runtime.clone_plan import OriginTask
from ..runtime.planned_spec import transition_of
from .engine import Engine, EngineListener
from .homecoming import Homecoming, HomeListener
from .left_behind import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..datastore.live_tasks import CodeStart
    from ..datastore.store import ObjectStore
    from ..runtime.executor import Executor, TaskListener
    from ..runtime.loop import EventLoop
    from ..runtime.plan_task import TaskKey
    from ..runtime.specs import RunSpec, TaskSpec
    from .backend import Backend, TaskState
    from .homecoming import Outcome
    from .left_behind import LeftTask

#: Seconds that ending tasks may take, and that an engine gets to finish what is under way.
_STOP_SECONDS, _CLOSE_SECONDS = 60.0, 5.0


class _Adopted:
    """A task of the new run, and its counterpart that is awaited."""

    __slots__ = ("left", "listener", "spec", "started", "wanted")

    def __init__(self, spec: TaskSpec, listener: TaskListener, left: LeftTask) -> None:
        self.spec = spec
        self.listener = listener
        self.left = left
        self.started = False
        self.wanted = True


class AdoptingExecutor:
    """Awaits what was left behind, and gives all other tasks to another executor.

    A task whose counterpart comes to nothing is given to that one too. As long as any is awaited, the dead run gives
    signs of life through us, without which its tasks would end themselves.

    Parameters
    ----------
    loop : EventLoop
    run : RunSpec
        The new run.
    store : ObjectStore
        The datastore of both.
    left : mapping of TaskKey to LeftTask
    backends : mapping of str to Backend
        By :attr:`LeftTask.engine`.
    inner : Executor
        For all other tasks.
    """

    def __init__(
        self,
        loop: EventLoop,
        run: RunSpec,
        store: ObjectStore,
        left: Mapping[TaskKey, LeftTask],
        backends: Mapping[str, Backend],
        inner: Executor,
    ) -> None:
        self.stop_seconds = max(_STOP_SECONDS, inner.stop_seconds)
        self._loop = loop
        self._run = run
        self._store = store
        self._inner = inner
        self._left = dict(left)
        self._adopted: dict[str, _Adopted] = {}
        #: The same by run and key of the counterpart.
        self._awaited: dict[tuple[str, str], _Adopted] = {}
        self._homes: dict[str, Homecoming] = {}
        #: What engines said of tasks whose turn has not come; they do not say it again.
        self._early: dict[tuple[str, str], TaskState] = {}
        self._told: set[str] = set()
        runs = {task.engine: task.run_id for task in left.values()}
        self._engines = {name: self._engine(backends[name], run_id) for name, run_id in runs.items()}
        self._watch_jobs()

    def is_elsewhere(self, step: str, fallback: bool) -> bool:
        """Whether tasks of the step run elsewhere that are not awaited."""
        return self._inner.is_elsewhere(step, fallback)

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Await a task if it goes on, or start it."""
        left = self._left.pop(key_of(spec), None) if spec.attempt == 0 else None
        if left is None:
            self._inner.submit(spec, listener)
        elif left.job.is_gang:
            # Its nodes would fail together with those that came to nothing: all of them start anew.
            self._engines[left.engine].cancel(left.job, left.job.tasks)
            self._inner.submit(spec, listener)
        else:
            self._adopt(_Adopted(spec, listener, left))

    def kill(self, keys: Sequence[str], number: int) -> None:
        """End tasks, also those that are awaited: they are the new run's now."""
        for key in keys:
            task = self._adopted.get(key)
            if task is not None:
                task.wanted = False
                self._homes[task.left.run_id].hurry(task.left.spec.key)
                self._engines[task.left.engine].cancel(task.left.job, [task.left.spec.key])
        self._inner.kill([key for key in keys if key not in self._adopted], number)

    def close(self) -> None:
        """End whatever still runs, and release everything."""
        # Engines that were asked before have had their time, and whoever waits may have had enough.
        is_news = any(task.wanted for task in self._adopted.values())
        self.kill(tuple(self._adopted), signal.SIGTERM)
        self._inner.close()
        for engine in self._engines.values():
            engine.close(self.stop_seconds if is_news else _CLOSE_SECONDS)
        for home in self._homes.values():
            home.close()

    def _engine(self, backend: Backend, run_id: str) -> Engine:
        listener = EngineListener(
            submitted=lambda job: None,
            refused=lambda job, error: None,
            states=lambda states: self._loop.call_from_thread(partial(self._states, run_id, states)),
            say=self._say_from_thread,
        )
        return Engine(backend, listener)

    def _watch_jobs(self) -> None:
        """Watch jobs for as long as one of the tasks goes on that are of use here."""
        jobs = {left.job.name: left for left in self._left.values() if not left.job.is_gang}
        useful: dict[str, int] = {}
        for left in self._left.values():
            useful[left.job.name] = useful.get(left.job.name, 0) + 1
        for name, left in jobs.items():
            self._engines[left.engine].watch(left.job)
            for _ in range(len(left.job.tasks) - useful[name]):
                self._engines[left.engine].task_is_over(left.job)

    def _adopt(self, task: _Adopted) -> None:
        left = task.left
        self._adopted[task.spec.key] = task
        self._awaited[left.run_id, left.spec.key] = task
        if left.job.name not in self._told:
            self._told.add(left.job.name)
            title = self._engines[left.engine].backend.title
            task.listener.waiting(
                f"Waiting for what run {left.run_id} left on {title} (job {left.job.engine_id}) instead of starting it "
                "again."
            )
        home = self._homes.get(left.run_id)
        if home is None:
            home = Homecoming(self._store, self._run.flow, left.run_id, self._home_listener(left.run_id))
            self._homes[left.run_id] = home
        spec = left.spec
        home.expect(spec.key, AttemptKey(self._run.flow, left.run_id, spec.step, spec.task_id, spec.attempt))
        said = self._early.pop((left.run_id, spec.key), None)
        if said is not None:
            self._take_in(task, said)

    def _home_listener(self, run_id: str) -> HomeListener:
        return HomeListener(
            started=lambda key: self._loop.call_from_thread(partial(self._started, run_id, key)),
            code_started=lambda key, code: self._loop.call_from_thread(partial(self._code_started, run_id, key, code)),
            printed=lambda key, data: self._loop.call_from_thread(partial(self._printed, run_id, key, data)),
            ended=partial(self._ended, run_id),
            say=self._say_from_thread,
            engine_output=partial(self._engine_output, run_id),
        )

    def _states(self, run_id: str, states: Sequence[TaskState]) -> None:
        for state in states:
            task = self._awaited.get((run_id, state.task))
            if task is None:
                self._early[run_id, state.task] = state
            else:
                self._take_in(task, state)

    def _take_in(self, task: _Adopted, state: TaskState) -> None:
        if state.phase == "ended":
            self._homes[task.left.run_id].engine_says(state)
        elif state.phase == "running":
            self._start(task, state.metadata)

    def _start(self, task: _Adopted, metadata: Mapping[str, str]) -> None:
        if not task.started:
            task.started = True
            left = task.left
            place = f"job {left.job.engine_id} of run {left.run_id}"
            task.listener.started(0, place, metadata, has_run=True)

    def _started(self, run_id: str, key: str) -> None:
        task = self._awaited.get((run_id, key))
        if task is not None:
            self._start(task, {})

    def _code_started(self, run_id: str, key: str, code: CodeStart) -> None:
        task = self._awaited.get((run_id, key))
        if task is not None:
            task.listener.code_started(code.code_started_at, code.attempt_started_at)

    def _printed(self, run_id: str, key: str, data: bytes) -> None:
        task = self._awaited.get((run_id, key))
        if task is not None:
            self._start(task, {})
            for line in read_log(data):
                task.listener.output(line.stream, line.text + b"\n")

    def _ended(self, run_id: str, key: str, outcome: Outcome) -> None:
        """In a thread: take the result over, if there is a good one."""
        task = self._awaited.get((run_id, key))
        if task is None:
            return
        problem: str | None = outcome.reason or "it left no result"
        try:
            if outcome.status == 0 and outcome.reason is None:
                problem = self._take_over(task)
        except MetaflowException as error:
            problem = error.message
        self._loop.call_from_thread(partial(self._settled, task, outcome, problem))

    def _take_over(self, task: _Adopted) -> str | None:
        """Make the result of the counterpart that of the task; returns why it cannot be used."""
        left, spec = task.left, task.left.spec
        record = open_task(
            self._store, self._run.flow, left.run_id, spec.step, spec.task_id, spec.attempt
        ).manifest.record
        if not record["task"].get("ok"):
            return "it failed"
        old = OriginTask(left.run_id, spec.step, spec.task_id, spec.attempt, True, transition_of(record))
        take_over(self._store, self._run, task.spec, old)
        return None

    def _settled(self, task: _Adopted, outcome: Outcome, problem: str | None) -> None:
        left = task.left
        del self._adopted[task.spec.key]
        del self._awaited[left.run_id, left.spec.key]
        self._engines[left.engine].task_is_over(left.job)
        if problem is None:
            self._start(task, {})
            task.listener.ended(0)
        elif not task.wanted:
            task.listener.ended(outcome.status, outcome.reason, retriable=False)
        else:
            task.listener.waiting(
                f"Task {left.run_id}/{left.spec.key} came to nothing, so that it starts anew: {problem}."
            )
            self._inner.submit(task.spec, task.listener)

    def _engine_output(self, run_id: str, key: str) -> bytes:
        return b""  # what comes to nothing starts anew, and prints it again

    def _say_from_thread(self, text: str) -> None:
        self._loop.call_from_thread(partial(self._say, text))

    def _say(self, text: str) -> None:
        task = next(iter(self._adopted.values()), None)
        if task is not None:
            task.listener.waiting(text)
