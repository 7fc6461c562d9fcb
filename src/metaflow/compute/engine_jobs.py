"""Jobs of runs, as their engine lists them: found and ended without the processes of their runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import registry
from ..exception import DataException, MetaflowException
from .backend import FoundJob, SubmittedJob
from .jobs import known_jobs
from .launch import open_backend
from .placement import placements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..datastore.store import ObjectStore
    from ..decorators.remote import RemoteDecorator
    from ..flow.graph import FlowGraph
    from .backend import Backend, JobQuery


class ListedJob(NamedTuple):
    """A job that an engine has, and by what it can be ended.

    Attributes
    ----------
    backend : Backend
    found : FoundJob
    job : SubmittedJob
    """

    backend: Backend
    found: FoundJob
    job: SubmittedJob

    @property
    def facts(self) -> Mapping[str, str]:
        """Those that the job was submitted with."""
        return self.found.facts


class KilledJob(NamedTuple):
    """What became of a job that was to be ended.

    Attributes
    ----------
    listed : ListedJob
    problem : str
        Why it was not ended; empty if it was.
    """

    listed: ListedJob
    problem: str


def list_jobs(name: str, connections: Iterable[Mapping[str, Any]], query: JobQuery) -> list[ListedJob]:
    """Jobs that wait or run.

    Parameters
    ----------
    name : str
        Name of the engine in the registry.
    connections : iterable of mappings
        What backends of it are made with; jobs that several of them tell of are listed once.
    query : JobQuery

    Raises
    ------
    MetaflowException
        If the engine cannot be used, or does not answer.
    """
    listed: dict[str, ListedJob] = {}
    for connection in connections:
        backend = open_backend(name, connection)
        backend.check()
        for found in backend.find(query):
            listed.setdefault(found.engine_id, ListedJob(backend, found, _as_whole(found)))
    return sorted(listed.values(), key=lambda job: (job.facts.get("run_id", ""), job.found.engine_id))


def kill_jobs(jobs: Sequence[ListedJob]) -> list[KilledJob]:
    """End jobs, other than those that somebody else looks after."""
    return [KilledJob(job, job.found.foreign or _kill(job)) for job in jobs]


def connections_of(name: str, graph: FlowGraph, store: ObjectStore | None, run_id: str | None) -> list[dict[str, Any]]:
    """What backends of an engine are to be made with: what steps of the flow say, what the run used, or the settings.

    Parameters
    ----------
    name : str
        Name of the engine in the registry.
    graph : FlowGraph
    store : ObjectStore or None
        The datastore of the run, if there is one.
    run_id : str or None
    """
    found = [dict(each.connection) for each in placements(graph).values() if each.backend == name]
    if store is not None and run_id is not None:
        found += [dict(each.connection) for each in known_jobs(store, graph.name, run_id) if each.backend == name]
    found = found or [_default_connection(name)]
    return list({json.dumps(each, sort_keys=True, default=str): each for each in found}.values())


def _default_connection(name: str) -> dict[str, Any]:
    for decorator in sorted(registry.names("step_decorators"), key=lambda each: each != name):
        kind: type[RemoteDecorator] = registry.load("step_decorators", decorator)
        if kind.backend == name:
            options = kind().options(())
            return {attribute: options[attribute] for attribute in kind.connection}
    return {}


def _kill(job: ListedJob) -> str:
    try:
        job.backend.cancel(job.job, job.job.tasks)
    except DataException:
        raise
    except MetaflowException as error:
        return error.message
    return ""


def _as_whole(found: FoundJob) -> SubmittedJob:
    """A job that an engine found, as far as its end needs it: as a whole, by what its engine calls it."""
    facts = found.facts
    task = "/".join((facts.get("step", "*"), facts.get("task_id", "*"), facts.get("attempt", "0")))
    return SubmittedJob(found.engine_id, found.engine_id, (task,))
