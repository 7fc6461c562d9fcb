"""What a job's processes are told, and what is kept of it for whoever looks after the run next: objects of the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.layout import job_key
from ..runtime.specs import RunSpec, TaskSpec, run_from_list, task_from_list
from .backend import SubmittedJob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..datastore.store import ObjectStore

#: Environment variable with where a process of a job finds its description.
JOB_VARIABLE = "METAFLOW_JOB"
#: Why a task ended whose process was asked to; the engine may know more.
TOLD_TO_END = "its process was told to end, by a person or by the system that it runs on"
_SUBMITTED = ".submitted"


class JobDescription(NamedTuple):
    """What every process of a job is told.

    Attributes
    ----------
    run : RunSpec
    tasks : tuple of TaskSpec
        The process with index i runs the i-th.
    script : tuple of str
        Arguments with which an interpreter runs the flow: its file, relative to the directory of the code package, or
        ``-m`` and its module.
    is_gang : bool
        Whether they are the nodes of a parallel step.
    timeout_seconds : float or None
        How long the step's code may take, and a while longer, before the process is killed.
    max_log_bytes : int
        Size of the log of each stream.
    silence_seconds : float
        How long the run's process may give no sign of life before the task ends itself.
    backend : str
        Name of the engine that the job is submitted to; for whoever looks for a job whose submission was not noted,
        as its run's process died in that moment.
    connection : mapping of str to object
        What the backend is made with.
    """

    run: RunSpec
    tasks: tuple[TaskSpec, ...]
    script: tuple[str, ...]
    is_gang: bool
    timeout_seconds: float | None
    max_log_bytes: int
    silence_seconds: float
    backend: str = ""
    connection: Mapping[str, Any] = {}


class KnownJob(NamedTuple):
    """A job that was submitted, and to whom.

    Attributes
    ----------
    backend : str
        Name of the engine in the registry.
    connection : mapping of str to object
        What the backend is made with.
    job : SubmittedJob
    """

    backend: str
    connection: Mapping[str, Any]
    job: SubmittedJob


def job_variable(run: RunSpec, name: str) -> str:
    """Value of the environment variable by which a process finds the description of its job."""
    location = run.datastore or run.root
    return json.dumps({"location": location, "key": job_key(run.flow, run.run_id, name)}, separators=(",", ":"))


def write_description(store: ObjectStore, name: str, description: JobDescription) -> None:
    """Put the description where the job's processes find it.

    Raises
    ------
    DataException
        If the datastore cannot be written.
    """
    run = description.run
    store.put(job_key(run.flow, run.run_id, name), [json.dumps(description, separators=(",", ":")).encode()])


def read_description(store: ObjectStore, key: str) -> JobDescription:
    """What :func:`write_description` wrote.

    Raises
    ------
    DataException
        If it is not there, or cannot be read.
    """
    run, tasks, script, *rest = json.loads(store.get(key))
    return JobDescription(run_from_list(run), tuple(task_from_list(task) for task in tasks), tuple(script), *rest)


def write_known_job(store: ObjectStore, flow: str, run_id: str, known: KnownJob) -> None:
    """Keep that a job was submitted.

    Raises
    ------
    DataException
        If the datastore cannot be written.
    """
    content = {"backend": known.backend, "connection": dict(known.connection), "job": known.job._asdict()}
    store.put(job_key(flow, run_id, known.job.name + _SUBMITTED), [json.dumps(content).encode()])


def known_jobs(store: ObjectStore, flow: str, run_id: str) -> Iterator[KnownJob]:
    """All jobs of a run that were submitted, those that have ended included.

    Raises
    ------
    DataException
        If the datastore cannot be read.
    """
    for key in store.list(job_key(flow, run_id)):
        if key.endswith(f"{_SUBMITTED}.json"):
            content = json.loads(store.get(key))
            job = SubmittedJob(**{**content["job"], "tasks": tuple(content["job"]["tasks"])})
            yield KnownJob(content["backend"], content["connection"], job)


def unconfirmed_jobs(store: ObjectStore, flow: str, run_id: str) -> Iterator[tuple[str, JobDescription]]:
    """Jobs of a run of which it is not known whether the engine has taken them, by name.

    Raises
    ------
    DataException
        If the datastore cannot be read.
    """
    keys = set(store.list(job_key(flow, run_id)))
    for key in sorted(keys):
        name = key.rpartition("/")[2].removesuffix(".json")
        if not name.endswith(_SUBMITTED) and job_key(flow, run_id, name + _SUBMITTED) not in keys:
            yield name, read_description(store, key)
