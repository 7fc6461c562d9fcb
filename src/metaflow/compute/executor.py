"""The executor for tasks that run elsewhere: gathers them into jobs, and tells the scheduler what becomes of them."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.layout import AttemptKey, bundle_key
from ..datastore.logs import format_lines, read_log
from ..exception import DataException, MetaflowException, StoreUnavailable
from ..flow.transition import PARALLEL_ITERATOR
from .backend import Job, JobRefused, SubmittedJob
from .engine import Engine, EngineListener
from .homecoming import Homecoming, HomeListener, Outcome
from .jobs import JOB_VARIABLE, JobDescription, KnownJob, job_variable, write_description, write_known_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..datastore.live_tasks import CodeStart
    from ..datastore.store import ObjectStore
    from ..runtime.executor import Executor, TaskListener
    from ..runtime.loop import EventLoop
    from ..runtime.specs import RunSpec, TaskSpec
    from .backend import Backend, TaskState
    from .placement import Placement

#: Seconds in which tasks of a step are gathered before they are submitted together.
_GATHER_SECONDS = 0.05
#: Exit code of attempts that were never started.
_NOT_STARTED = 1
#: Seconds that an engine has at the end to finish what is under way.
_CLOSE_SECONDS = 5.0


class Launch(NamedTuple):
    """What all jobs of a run have in common.

    Attributes
    ----------
    placements : mapping of str to Placement
        The steps that run elsewhere.
    backends : mapping of str to Backend
        By :attr:`Placement.engine`.
    script : tuple of str
        Arguments with which an interpreter runs the flow.
    command : callable
        Gives, for the options of a step, the command that fetches the code and runs a task.
    variables : callable
        Gives, for the name of an engine, the environment variables of every process. It may wait for the datastore.
    facts : mapping of str to str
        Of the run, for people who look at the engine.
    service : str
        Address of the metadata service as it is to be used from where tasks run.
    max_log_bytes : int
        Size of the log of each stream of a task.
    silence_seconds : float
        How long the run's process may give no sign of life before its tasks end themselves.
    """

    placements: Mapping[str, Placement]
    backends: Mapping[str, Backend]
    script: tuple[str, ...]
    command: Callable[[Mapping[str, Any]], tuple[str, ...]]
    variables: Callable[[str], Mapping[str, str]]
    facts: Mapping[str, str]
    service: str
    max_log_bytes: int
    silence_seconds: float


class _Task:
    """A task that is elsewhere, or on its way there."""

    __slots__ = ("job", "listener", "place", "spec", "started", "text", "wanted")

    def __init__(self, spec: TaskSpec, listener: TaskListener) -> None:
        self.spec = spec
        self.listener = listener
        self.job: SubmittedJob | None = None
        self.started = False
        self.wanted = True
        self.place = ""
        #: What a person was last told of why it waits.
        self.text = ""


class RemoteExecutor:
    """Runs the tasks of some steps elsewhere, and those of the others as before.

    Parameters
    ----------
    loop : EventLoop
    run : RunSpec
    store : ObjectStore
        The run's datastore.
    launch : Launch
    local : Executor
        For tasks on this machine.
    """

    stop_seconds = 60.0

    def __init__(self, loop: EventLoop, run: RunSpec, store: ObjectStore, launch: Launch, local: Executor) -> None:
        self._loop = loop
        self._run = run._replace(service=launch.service)
        self._store = store
        self._launch = launch
        self._local = local
        self._tasks: dict[str, _Task] = {}
        self._gathered: dict[str, list[_Task]] = {}
        self._told: set[tuple[str, str]] = set()
        self._engines: dict[str, Engine] = {}
        self._is_closing = False
        self._home = Homecoming(store, run.flow, run.run_id, self._home_listener())

    def is_elsewhere(self, step: str, fallback: bool) -> bool:
        """Whether tasks of the step run elsewhere; what only stands in for the user's code runs here."""
        return step in self._launch.placements and not fallback

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Run a task; one of those elsewhere is submitted a moment later, together with others."""
        if not self.is_elsewhere(spec.step, spec.is_fallback):
            self._local.submit(spec, listener)
            return
        task = self._tasks[spec.key] = _Task(spec, listener)
        if not self._gathered:
            self._loop.call_later(_GATHER_SECONDS, self._submit_gathered)
        self._gathered.setdefault(spec.step, []).append(task)

    def kill(self, keys: Sequence[str], number: int) -> None:
        """End tasks. Engines are asked to; the scheduler hears of each when it has ended."""
        self._local.kill(keys, number)
        by_job: dict[str, tuple[_Task, list[str]]] = {}
        for key in keys:
            task = self._tasks.get(key)
            if task is None:
                continue
            task.wanted = False
            self._home.hurry(key)
            if task.job is not None:
                by_job.setdefault(task.job.name, (task, []))[1].append(key)
        for task, ended in by_job.values():
            assert task.job is not None
            self._engine_of(task).cancel(task.job, ended)

    def close(self) -> None:
        """End whatever still runs, and release everything."""
        self._is_closing = True
        # Engines that were asked before have had their time, and whoever waits may have had enough.
        is_news = any(task.wanted for task in self._tasks.values())
        self.kill(tuple(self._tasks), 15)
        self._local.close()
        for engine in self._engines.values():
            engine.close(self.stop_seconds if is_news else _CLOSE_SECONDS)
        self._home.close()
        if not self._tasks:
            self._remove_addresses()

    def _remove_addresses(self) -> None:
        """No task will fetch the code any more: what lets anybody fetch it need not stay."""
        try:
            self._store.delete(bundle_key(self._run.flow, self._run.run_id))
        except DataException:
            pass  # it is removed with the run, and its addresses end by themselves

    def _engine_of(self, task: _Task) -> Engine:
        name = self._launch.placements[task.spec.step].engine
        engine = self._engines.get(name)
        if engine is None:
            listener = EngineListener(
                submitted=partial(self._submitted, name),
                refused=lambda job, error: self._loop.call_from_thread(partial(self._refused, job.tasks, error)),
                states=lambda states: self._loop.call_from_thread(partial(self._states, states)),
                say=self._say_from_thread,
            )
            engine = self._engines[name] = Engine(self._launch.backends[name], listener)
        return engine

    def _home_listener(self) -> HomeListener:
        def in_loop(callback: Callable[..., None]) -> Callable[..., None]:
            return lambda *arguments: self._loop.call_from_thread(partial(callback, *arguments))

        return HomeListener(
            started=in_loop(self._started),
            code_started=in_loop(self._code_started),
            printed=in_loop(self._printed),
            ended=in_loop(self._ended),
            say=self._say_from_thread,
            engine_output=self._engine_output,
        )

    def _submit_gathered(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for tasks in gathered.values():
            for group in self._groups(tasks):
                for task in group:
                    spec = task.spec
                    attempt = AttemptKey(self._run.flow, self._run.run_id, spec.step, spec.task_id, spec.attempt)
                    self._home.expect(spec.key, attempt)
                self._engine_of(group[0]).submit(partial(self._make_job, group))

    def _groups(self, tasks: Sequence[_Task]) -> list[list[_Task]]:
        """Which tasks of a step to submit together: the nodes of a gang, and of others as many as may be."""
        if _is_gang(tasks[0].spec):
            gangs: dict[tuple[str, int], list[_Task]] = {}
            for task in tasks:
                control = task.spec.task_id.partition("_node_")[0]
                gangs.setdefault((control, task.spec.attempt), []).append(task)
            return [sorted(gang, key=lambda task: task.spec.frames[-1].index) for gang in gangs.values()]
        largest = self._engine_of(tasks[0]).backend.largest_job
        return [list(tasks[start : start + largest]) for start in range(0, len(tasks), largest)]

    def _make_job(self, group: Sequence[_Task]) -> Job | None:
        """In a thread: what to submit, after its processes can find what they have to do."""
        is_gang = _is_gang(group[0].spec)
        wanted = [task for task in group if task.wanted]
        unwanted = [task.spec.key for task in group if not task.wanted]
        if is_gang and unwanted:
            wanted, unwanted = [], [task.spec.key for task in group]
        if unwanted:
            error = JobRefused("it was stopped before it was submitted")
            self._loop.call_from_thread(partial(self._refused, unwanted, error))
        if not wanted:
            return None
        try:
            return self._described(wanted, is_gang)
        except StoreUnavailable:
            raise  # the datastore is waited for
        except Exception as error:  # whatever it is: tasks of which nothing more is heard would be awaited for ever
            refusal = error if isinstance(error, MetaflowException) else JobRefused(f"{type(error).__name__}: {error}")
            self._loop.call_from_thread(partial(self._refused, [task.spec.key for task in wanted], refusal))
            return None

    def _described(self, wanted: Sequence[_Task], is_gang: bool) -> Job:
        """A job of these tasks, whose description is in the datastore."""
        name = f"mf-{os.urandom(8).hex()}"
        step = wanted[0].spec.step
        placement = self._launch.placements[step]
        description = JobDescription(
            self._run,
            tuple(task.spec for task in wanted),
            self._launch.script,
            is_gang,
            placement.timeout_seconds,
            self._launch.max_log_bytes,
            self._launch.silence_seconds,
            placement.backend,
            placement.connection,
        )
        write_description(self._store, name, description)
        variables = self._launch.variables(placement.backend)
        facts = {**self._launch.facts, "run_id": self._run.run_id, "step": step, "job": name}
        if len(wanted) == 1:
            facts.update(task_id=wanted[0].spec.task_id, attempt=str(wanted[0].spec.attempt))
        return Job(
            name=name,
            step=step,
            tasks=tuple(task.spec.key for task in wanted),
            is_gang=is_gang,
            command=self._launch.command(placement.options),
            variables={**variables, JOB_VARIABLE: job_variable(self._run, name)},
            options=placement.options,
            timeout_seconds=placement.timeout_seconds,
            facts=facts,
        )

    def _submitted(self, engine: str, job: SubmittedJob) -> None:
        """In a thread: keep the job for whoever looks after the run next, and watch it."""
        placement = next(each for each in self._launch.placements.values() if each.engine == engine)
        try:
            known = KnownJob(placement.backend, placement.connection, job)
            write_known_job(self._store, self._run.flow, self._run.run_id, known)
        except Exception as error:  # whatever it is, the job runs and has to be watched
            text = error.message if isinstance(error, MetaflowException) else f"{type(error).__name__}: {error}"
            self._say_from_thread(f"Job {job.engine_id} could not be noted in the datastore: {text}")
        # In this order: what the engine says of its tasks must not be heard before it is known whose they are.
        self._loop.call_from_thread(partial(self._is_submitted, engine, job))
        self._engines[engine].watch(job)
        if self._is_closing:  # the event loop hears of it no more
            self._engines[engine].cancel(job, job.tasks)

    def _is_submitted(self, engine: str, job: SubmittedJob) -> None:
        title = self._engines[engine].backend.title
        tasks = [task for key in job.tasks if (task := self._tasks.get(key)) is not None]
        for task in tasks:
            task.job = job
            task.place = task.place or f"job {job.engine_id}"
        if not tasks:
            return
        if len(job.tasks) == 1:
            tasks[0].listener.waiting(f"Task is submitted to {title} (job {job.engine_id}).")
        else:
            what = f"{len(job.tasks)} {'nodes' if job.is_gang else 'tasks'} of step *{tasks[0].spec.step}*"
            tasks[0].listener.waiting(f"{what} are submitted to {title} (job {job.engine_id}).")
        unwanted = [task.spec.key for task in tasks if not task.wanted]
        if unwanted:
            self._engines[engine].cancel(job, unwanted)

    def _refused(self, keys: Sequence[str], error: MetaflowException) -> None:
        for key in keys:
            task = self._tasks.pop(key, None)
            if task is None:
                continue
            self._home.forget(key)
            message = error.message.rstrip(".")
            reason = message if isinstance(error, JobRefused) else f"it could not be submitted. {message}"
            task.listener.ended(_NOT_STARTED, reason, retriable=False)

    def _states(self, states: Sequence[TaskState]) -> None:
        for state in states:
            task = self._tasks.get(state.task)
            if task is None:
                continue
            if state.engine_id:
                task.place = f"job {state.engine_id}"
            if state.phase == "running":
                self._start(task, state.metadata)
            elif state.phase == "ended":
                self._home.engine_says(state)
            elif state.text and state.text != task.text and not task.started:
                task.text = state.text
                self._tell_waiting(task, state.text)

    def _tell_waiting(self, task: _Task, text: str) -> None:
        """Say why a task waits; of many tasks that wait for the same, once."""
        job = task.job.name if task.job is not None else task.spec.key
        if (job, text) not in self._told:
            self._told.add((job, text))
            task.listener.waiting(f"Task is waiting: {text}")

    def _start(self, task: _Task, metadata: Mapping[str, str]) -> None:
        if not task.started:
            task.started = True
            task.listener.started(0, task.place or "elsewhere", metadata)

    def _started(self, key: str) -> None:
        task = self._tasks.get(key)
        if task is not None:
            self._start(task, {})

    def _code_started(self, key: str, code: CodeStart) -> None:
        task = self._tasks.get(key)
        if task is not None:
            task.listener.code_started(code.code_started_at, code.attempt_started_at)

    def _printed(self, key: str, data: bytes) -> None:
        task = self._tasks.get(key)
        if task is not None:
            self._start(task, {})
            for line in read_log(data):
                task.listener.output(line.stream, line.text + b"\n")

    def _ended(self, key: str, outcome: Outcome) -> None:
        task = self._tasks.pop(key, None)
        if task is None:
            return
        if task.job is not None:
            self._engine_of(task).task_is_over(task.job)
        task.listener.ended(outcome.status, outcome.reason, outcome.retriable)

    def _engine_output(self, key: str) -> bytes:
        """In a thread: what the engine has of a task's output, as a log."""
        task = self._tasks.get(key)
        if task is None or task.job is None:
            return b""
        try:
            output = self._engine_of(task).backend.output(task.job, key)
        except MetaflowException:
            return b""  # it is the last resort for a task of which the engine has told why it ended
        return format_lines("stdout", output.splitlines(), 0) if output else b""

    def _say_from_thread(self, text: str) -> None:
        self._loop.call_from_thread(lambda: self._say(text))

    def _say(self, text: str) -> None:
        task = next(iter(self._tasks.values()), None)
        if task is not None:
            task.listener.waiting(text)


def _is_gang(spec: TaskSpec) -> bool:
    return bool(spec.frames) and spec.frames[-1].variable == PARALLEL_ITERATOR
