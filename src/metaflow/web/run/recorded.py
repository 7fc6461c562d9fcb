"""What a run has left in its datastore of how it was started. What cannot be read is said, and the rest is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.code import code_of_run
from metaflow.client.run_commands import start_in
from metaflow.exception import MetaflowException
from metaflow.metadata_store.sql_queries import PARAMETERS_STEP
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.run.reading import file_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.code import MetaflowCode
    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord, TaskRecord


class RecordedRun(NamedTuple):
    """A run's files, as far as they can be read.

    Attributes
    ----------
    given : TaskRecord or None
        The task that holds its parameters.
    reader : TaskReader or None
        The artifacts of that task.
    graph : mapping
        Its graph and declarations; empty if they are not known.
    start : mapping
        How it was started, see `metaflow.runtime.start_record`; empty for a run of an older version.
    code : MetaflowCode or None
        Its code, which nothing of has been read yet.
    problems : tuple of str
        What cannot be read, and why, in sentences.
    """

    given: TaskRecord | None
    reader: TaskReader | None
    graph: Mapping[str, Any]
    start: Mapping[str, Any]
    code: MetaflowCode | None
    problems: tuple[str, ...]


def recorded_run(provider: Provider, run: RunRecord) -> RecordedRun:
    """Open what a run has left of how it was started.

    Parameters
    ----------
    provider : Provider
        Where to read.
    run : RunRecord
    """
    problems: list[str] = []
    graph: Mapping[str, Any] = {}
    given = next(iter(provider.tasks(TaskQuery(run.flow, run.run_id, PARAMETERS_STEP, limit=1))), None)
    reader: TaskReader | None = None
    code: MetaflowCode | None = None
    try:
        graph = provider.graph(run.flow, run.run_id)
        reader = None if given is None else provider.reader(given)
        code = code_of_run(provider, run.flow, run.run_id)
    except MetaflowException as error:
        problems.append(file_problem(error))
    return RecordedRun(given, reader, graph, {} if reader is None else start_in(reader.manifest), code, tuple(problems))
