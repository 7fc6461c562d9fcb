"""Jobs that an engine took in the moment in which their run's process died, so that nobody has noted them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .backend import JobQuery, SubmittedJob
from .jobs import KnownJob, known_jobs, unconfirmed_jobs, write_known_job

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from ..datastore.store import ObjectStore
    from .backend import Backend, FoundJob
    from .jobs import JobDescription


class Unconfirmed(NamedTuple):
    """Jobs of a run that one engine may or may not have taken.

    Attributes
    ----------
    backend : str
        Name of the engine in the registry.
    connection : mapping of str to object
        What the backend is made with.
    jobs : dict of str to JobDescription
        By the job's name.
    """

    backend: str
    connection: Mapping[str, Any]
    jobs: dict[str, JobDescription]


def unconfirmed_by_engine(store: ObjectStore, flow: str, run_id: str) -> list[Unconfirmed]:
    """The jobs of a run of which it is not known whether they were taken; most often there are none.

    Raises
    ------
    DataException
        If the datastore cannot be read.
    """
    grouped: dict[tuple[str, str], Unconfirmed] = {}
    for name, description in unconfirmed_jobs(store, flow, run_id):
        backend, connection = description.backend, description.connection
        key = backend, repr(sorted(connection.items()))
        grouped.setdefault(key, Unconfirmed(backend, connection, {})).jobs[name] = description
    return list(grouped.values())


def note_taken(store: ObjectStore, flow: str, run_id: str, unconfirmed: Unconfirmed, backend: Backend) -> None:
    """Ask an engine which of the jobs it has, and note those as the run would have done.

    Raises
    ------
    DataException
        If the datastore cannot be read, or not be written.
    MetaflowException
        If the engine cannot be asked.
    """
    found = backend.find(JobQuery(flow, run_id))
    noted = {known.job.engine_id for known in known_jobs(store, flow, run_id)} if found else ()
    for job in recognised(found, unconfirmed.jobs, noted):
        write_known_job(store, flow, run_id, KnownJob(unconfirmed.backend, unconfirmed.connection, job))


def recognised(
    found: Iterable[FoundJob], descriptions: Mapping[str, JobDescription], noted: Container[str]
) -> Iterator[SubmittedJob]:
    """Which of the jobs that an engine found are those that are described.

    Parameters
    ----------
    found : iterable of FoundJob
    descriptions : mapping of str to JobDescription
        By the job's name.
    noted : container of str
        What the engine calls jobs that are known already.
    """
    for job in found:
        if job.foreign or job.engine_id in noted:
            continue
        for name, description in descriptions.items():
            tasks = tuple(task.key for task in description.tasks)
            if _is_of(job, name, tasks):
                yield SubmittedJob(name, job.engine_id, tasks, description.is_gang)
                break


def _is_of(found: FoundJob, name: str, tasks: tuple[str, ...]) -> bool:
    facts = found.facts
    if "job" in facts:
        return facts["job"] == name
    # Many engines call a job by its name; of a single task the facts say which it is.
    single = "/".join(facts.get(fact, "") for fact in ("step", "task_id", "attempt"))
    return name in found.engine_id or tasks == (single,)
