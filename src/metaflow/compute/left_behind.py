"""Tasks that a run left on engines when its process died, and that may still go on: what ``resume`` can take over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.recovery import stored_run
from ..client.upkeep.run_life import has_ended
from ..datastore.layout import cancel_key, job_key
from ..datastore.tasks import list_attempts
from ..exception import DataException, MetaflowException
from ..runtime.clone_plan import reached_from
from .jobs import known_jobs, read_description
from .launch import open_backend
from .unnoted import note_taken, unconfirmed_by_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Container, KeysView, Mapping

    from ..datastore.store import ObjectStore
    from ..metadata_store.records import RunRecord
    from ..runtime.executor import Executor, MakeExecutor
    from ..runtime.loop import EventLoop
    from ..runtime.plan import PlanGraph
    from ..runtime.plan_task import TaskKey
    from ..runtime.specs import RunSpec, TaskSpec
    from .backend import Backend, SubmittedJob


class LeftTask(NamedTuple):
    """A task of a run whose process died, of which no result is known.

    Attributes
    ----------
    run_id : str
    spec : TaskSpec
        What its run told it.
    job : SubmittedJob
    engine : str
        Its run, the name of the engine, and what makes it out among those of its kind.
    """

    run_id: str
    spec: TaskSpec
    job: SubmittedJob
    engine: str


class LeftTasks:
    """What a dead run, and those that it resumed in its turn, left on engines.

    Attributes
    ----------
    tasks : dict of TaskKey to LeftTask
    backends : dict of str to Backend
        By :attr:`LeftTask.engine`.
    problems : list of str
        Why some tasks cannot be taken over, for people.
    """

    def __init__(self) -> None:
        self.tasks: dict[TaskKey, LeftTask] = {}
        self.backends: dict[str, Backend] = {}
        self.problems: list[str] = []

    def keys(self) -> KeysView[TaskKey]:
        """What makes out the tasks among all of a run."""
        return self.tasks.keys()

    def executor_maker(
        self, run: RunSpec, store: ObjectStore, make: MakeExecutor, wanted: Container[TaskKey]
    ) -> MakeExecutor:
        """What makes an executor that waits for these tasks instead of starting them, and gives all others to `make`'s.

        Parameters
        ----------
        run : RunSpec
            The new run.
        store : ObjectStore
        make : callable
        wanted : container of TaskKey
            Those of the tasks whose results the new run can use.
        """
        from .adopting import AdoptingExecutor

        adopted = {key: task for key, task in self.tasks.items() if key in wanted}

        def made(loop: EventLoop, lost: Callable[[Exception], None]) -> Executor:
            return AdoptingExecutor(loop, run, store, adopted, self.backends, make(loop, lost))

        return made


def key_of(spec: TaskSpec) -> TaskKey:
    """What makes out a task among all of a run, and its counterpart in another run of the flow."""
    return spec.step, tuple((frame.step, frame.index) for frame in spec.frames), spec.iteration or 0


def left_behind(store: ObjectStore, run: RunRecord, graph: PlanGraph) -> LeftTasks | None:
    """Tasks of a dead run that may still go on.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    run : RunRecord
        As its own file has it.
    graph : PlanGraph
        The flow's graph as it is now.

    Returns
    -------
    LeftTasks or None
        None if there is nothing to be taken over.

    Raises
    ------
    DataException
        If the datastore cannot be read.
    """
    left = LeftTasks()
    rerun: set[str] = set()
    before: RunRecord | None = run
    while before is not None and not has_ended(before):
        if store.stat(cancel_key(before.flow, before.run_id)) is None:
            for key, task in _tasks_left(store, before, left).items():
                if key[0] not in rerun:
                    left.tasks.setdefault(key, task)
        rerun |= reached_from(graph, graph.steps.keys() & set(before.rerun_steps))
        before = stored_run(store, before.flow, before.origin_run_id) if before.origin_run_id else None
    return left if left.tasks or left.problems else None


def _tasks_left(store: ObjectStore, run: RunRecord, left: LeftTasks) -> dict[TaskKey, LeftTask]:
    """Of each task of a run the latest attempt that was sent to an engine, if neither it nor a later one is known to
    have ended.
    """
    engines = _Engines(run, left)
    for unconfirmed in unconfirmed_by_engine(store, run.flow, run.run_id):
        engine = engines.name_of(unconfirmed.backend, unconfirmed.connection)
        if engine is not None:
            try:
                note_taken(store, run.flow, run.run_id, unconfirmed, left.backends[engine])
            except DataException:
                raise
            except MetaflowException as error:
                engines.refuse(engine, unconfirmed.backend, error)
    attempts = list(list_attempts(store, run.flow, run.run_id))
    over = {f"{step}/{task_id}/{attempt}" for step, task_id, attempt in attempts}
    latest: dict[tuple[str, str], tuple[int, LeftTask | None]] = {}
    for known in known_jobs(store, run.flow, run.run_id):
        if over.issuperset(known.job.tasks):
            continue
        engine = engines.name_of(known.backend, known.connection)
        if engine is None:
            continue
        for spec in read_description(store, job_key(run.flow, run.run_id, known.job.name)).tasks:
            if spec.attempt >= latest.get((spec.step, spec.task_id), (-1, None))[0]:
                latest[spec.step, spec.task_id] = spec.attempt, LeftTask(run.run_id, spec, known.job, engine)
    for step, task_id, attempt in attempts:
        if attempt >= latest.get((step, task_id), (attempt + 1, None))[0]:
            latest.pop((step, task_id), None)
    return {key_of(task.spec): task for _, task in latest.values() if task is not None}


class _Engines:
    """The engines of a dead run, each opened once, when it is needed."""

    def __init__(self, run: RunRecord, left: LeftTasks) -> None:
        self._run_id = run.run_id
        self._left = left
        self._refused: set[str] = set()

    def name_of(self, backend: str, connection: Mapping[str, Any]) -> str | None:
        """By what the engine is found in ``left.backends``; None if it cannot be used, which is then among the
        problems.
        """
        # Apart for each run: what engines say of tasks does not tell of which run they are.
        engine = f"{self._run_id} {backend} {sorted(connection.items())}"
        if engine not in self._left.backends and engine not in self._refused:
            try:
                opened = open_backend(backend, connection)
                opened.check()
            except MetaflowException as error:
                self.refuse(engine, backend, error)
            else:
                self._left.backends[engine] = opened
        return None if engine in self._refused else engine

    def refuse(self, engine: str, backend: str, error: MetaflowException) -> None:
        """Note that an engine does not answer."""
        self._refused.add(engine)
        self._left.backends.pop(engine, None)
        self._left.problems.append(f"What run {self._run_id} left on {backend} is not known: {error.message}")
