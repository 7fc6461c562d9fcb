"""Ends jobs of a run that nobody looks after any more, and tells what became of their tasks."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.tasks import list_attempts
from ..exception import DataException, MetaflowException
from .backend import EngineUnavailable
from .jobs import known_jobs, unconfirmed_jobs
from .launch import open_backend
from .unnoted import note_taken, unconfirmed_by_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from ..datastore.store import ObjectStore
    from .backend import Backend, Phase, SubmittedJob
    from .jobs import KnownJob
    from .unnoted import Unconfirmed

#: Seconds between two questions to an engine.
_PAUSE_SECONDS = 0.5


class EndedTask(NamedTuple):
    """What became of a task that was on an engine.

    Attributes
    ----------
    task : str
        As ``step/task/attempt``.
    engine : str
        Name of the engine in the registry.
    was : str
        ``pending`` or ``running``.
    is_over : bool
        Whether the engine says that it has ended; if not, it was asked to end it.
    """

    task: str
    engine: str
    was: str
    is_over: bool


class EngineJobs:
    """The jobs of a run on one engine, of which some may go on.

    Parameters
    ----------
    name : str
        Name of the engine in the registry.
    backend : Backend
    jobs : sequence of SubmittedJob
    over : container of str
        Tasks that have left a result, as ``step/task/attempt``.
    """

    def __init__(self, name: str, backend: Backend, jobs: Sequence[SubmittedJob], over: Container[str]) -> None:
        self.name = name
        self.backend = backend
        #: Tasks that have not ended, as far as is known: what is left out of an answer is as it was.
        self.phases: dict[str, Phase] = {task: "running" for job in jobs for task in job.tasks if task not in over}
        self.jobs = [job for job in jobs if any(task in self.phases for task in job.tasks)]

    def look(self) -> None:
        """Ask the engine.

        Raises
        ------
        EngineUnavailable
            If it does not answer.
        """
        for state in self.backend.poll(self.jobs, 0):
            if state.phase == "ended":
                self.phases.pop(state.task, None)
            elif state.task in self.phases:
                self.phases[state.task] = state.phase
        self.jobs = [job for job in self.jobs if any(task in self.phases for task in job.tasks)]

    def cancel(self) -> None:
        """Ask the engine to end all that goes on.

        Raises
        ------
        EngineUnavailable
            If it does not answer.
        """
        for job in self.jobs:
            self.backend.cancel(job, [task for task in job.tasks if task in self.phases])


def _known_by_engine(store: ObjectStore, flow: str, run_id: str, over: Container[str]) -> list[list[KnownJob]]:
    """The jobs of a run that were noted, apart for each engine, without those whose tasks have all left a result."""
    grouped: dict[tuple[str, str], list[KnownJob]] = {}
    for known in known_jobs(store, flow, run_id):
        if not all(task in over for task in known.job.tasks):
            grouped.setdefault((known.backend, repr(sorted(known.connection.items()))), []).append(known)
    return list(grouped.values())


def end_jobs(
    store: ObjectStore, flow: str, run_id: str, say: Callable[[str], None], patience: float
) -> list[EndedTask]:
    """End all tasks of a run that are on engines, and wait until they have ended.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    flow, run_id : str
        The run, whose own process is gone.
    say : callable
        Told what takes long.
    patience : float
        Seconds in which the engine has to answer, and to tell that the tasks have ended.

    Returns
    -------
    list of EndedTask
        Those that had not ended before; none if nothing was on an engine any more.

    Raises
    ------
    DataException
        If the datastore cannot be read.
    MetaflowException
        If an engine cannot be used here, or does not answer; what others had of the run has then been ended.
    """
    ended: list[EndedTask] = []
    problem: MetaflowException | None = None

    def with_engine(name: str, connection: Mapping[str, Any], work: Callable[[Backend], None]) -> None:
        """An engine that does not answer must not keep the tasks on others alive."""
        nonlocal problem
        try:
            backend = open_backend(name, connection)
            try:
                work(backend)
            finally:
                backend.close()
        except DataException:
            raise
        except MetaflowException as error:
            problem = problem or error

    def note(unconfirmed: Unconfirmed, backend: Backend) -> None:
        ask = partial(note_taken, store, flow, run_id, unconfirmed, backend)
        _patiently(ask, time.monotonic() + patience, backend.title, say)

    def end(group: Sequence[KnownJob], backend: Backend) -> None:
        ended.extend(_end(EngineJobs(group[0].backend, backend, [known.job for known in group], over), say, patience))

    for unconfirmed in unconfirmed_by_engine(store, flow, run_id):
        with_engine(unconfirmed.backend, unconfirmed.connection, partial(note, unconfirmed))
    over = {f"{step}/{task_id}/{attempt}" for step, task_id, attempt in list_attempts(store, flow, run_id)}
    for group in _known_by_engine(store, flow, run_id, over):
        with_engine(group[0].backend, group[0].connection, partial(end, group))
    if problem is not None:
        raise problem
    return ended


def await_ends(
    store: ObjectStore, flow: str, run_id: str, say: Callable[[str], None], patience: float
) -> list[EndedTask]:
    """Wait until tasks that are on engines have seen the note that ends them; no engine is asked.

    Parameters and errors are those of :func:`end_jobs`; all tasks that left no result count as running before.
    """
    deadline = time.monotonic() + patience
    before = going_on = _without_result(store, flow, run_id)
    if before:
        say("Tasks on other machines see within half a minute that the run is cancelled...")
    while going_on and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        going_on = _without_result(store, flow, run_id)
    return [EndedTask(task, engine, "running", task not in going_on) for task, engine in before.items()]


def _without_result(store: ObjectStore, flow: str, run_id: str) -> dict[str, str]:
    """The tasks of a run that were sent to engines and have left no result, each with the name of its engine."""
    sent = {task: known.backend for known in known_jobs(store, flow, run_id) for task in known.job.tasks}
    for _, unconfirmed in unconfirmed_jobs(store, flow, run_id):
        sent.update((task.key, unconfirmed.backend) for task in unconfirmed.tasks)
    for step, task_id, attempt in list_attempts(store, flow, run_id) if sent else ():
        sent.pop(f"{step}/{task_id}/{attempt}", None)
    return sent


def _end(engine: EngineJobs, say: Callable[[str], None], patience: float) -> list[EndedTask]:
    deadline = time.monotonic() + patience
    title = engine.backend.title
    _patiently(engine.look, deadline, title, say)
    before = dict(engine.phases)
    if not before:
        return []
    say(f"Ending {len(before)} task{'s' * (len(before) > 1)} on {title}...")
    _patiently(engine.cancel, deadline, title, say)
    while engine.jobs and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        _patiently(engine.look, deadline, title, say)
    return [EndedTask(task, engine.name, phase, task not in engine.phases) for task, phase in before.items()]


def _patiently(ask: Callable[[], None], deadline: float, title: str, say: Callable[[str], None]) -> None:
    """Ask an engine, again and again while it is away."""
    told = False
    while True:
        try:
            ask()
        except EngineUnavailable as error:
            wait = error.retry_after or 2 * _PAUSE_SECONDS
            if time.monotonic() + wait > deadline:
                raise MetaflowException(
                    f"{title} does not answer, so that tasks of the run may still be there: {error.message} "
                    "Cancel the run again once it does. Tasks that can reach the run's datastore end by themselves."
                ) from error
            if not told:
                told = True
                say(f"{title} does not answer; trying again: {error.message}")
            time.sleep(wait)
        else:
            return
