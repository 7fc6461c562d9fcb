"""The beginning of a run: its id is claimed, and its record and its parameters are saved."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.layout import START_FIELD, deletion_key, run_key
from ..datastore.manifest import ArtifactEntry
from ..datastore.task_writer import TaskWriter
from ..exception import MetaflowException, RunIdTaken
from ..identity import get_username
from ..metadata_store.liveness import process_identity
from ..metadata_store.records import RunRecord, TaskRecord
from .declared import graph_info
from .run_files import record_to_json, tags_of_system
from .run_namespace import namespace_of_runs, namespace_tags
from .specs import PARAMETERS_STEP, RunSpec, TaskSpec
from .start_record import start_record
from .stored_configs import save_values
from .task import make_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from .resume import Resumption
    from .run import RunOptions


class _Beginning(NamedTuple):
    """What a run begins with, whatever its id will be."""

    store: ObjectStore
    declaration: FlowDeclaration
    graph: FlowGraph
    parameters: Mapping[str, Any]
    options: RunOptions
    resumption: Resumption | None


def create_run(
    store: ObjectStore,
    declaration: FlowDeclaration,
    graph: FlowGraph,
    parameters: dict[str, Any],
    options: RunOptions,
    resumption: Resumption | None = None,
) -> tuple[RunRecord, TaskRecord]:
    """Claim a run id, and save the record of the run and its parameters.

    Raises
    ------
    RunIdTaken
        If another run has the id that was asked for.
    MetaflowException
        If something cannot be saved, or the run that is to be resumed is not there any more.
    """
    beginning = _Beginning(store, declaration, graph, parameters, options, resumption)
    record, writer = _claim(beginning)
    if resumption is not None:
        _hold_sources(store, record, resumption)
    content = _record_of_parameters(beginning, record)
    content["task"]["values"] = writer.values
    manifest = writer.commit(content)
    return record, TaskRecord.from_dict(manifest.record["task"])


def _claim(beginning: _Beginning) -> tuple[RunRecord, TaskWriter]:
    """Write the run's own file under an id that nobody has; the artifacts of its parameters are there by then."""
    store, declaration, resumption = beginning.store, beginning.declaration, beginning.resumption
    wanted = resumption.request.run_id if resumption is not None else None
    info = graph_info(declaration, beginning.graph)
    template = _record_without_id(beginning, info)
    while True:
        started = time.time()
        run_id = wanted or str(int(started * 1_000_000))
        writer = TaskWriter(store, declaration.name, run_id, PARAMETERS_STEP, "0", 0)
        _save_parameters(writer, beginning, info)
        record = template._replace(run_id=run_id, started_at=started, heartbeat_at=started)
        if store.put_new(run_key(record.flow, run_id), [record_to_json(record)]):
            return record, writer
        if wanted is not None:
            raise RunIdTaken(record.flow, run_id)


def _record_without_id(beginning: _Beginning, info: dict[str, Any]) -> RunRecord:
    declaration, graph = beginning.declaration, beginning.graph
    options, resumption = beginning.options, beginning.resumption
    host, pid, process_started = process_identity()
    system_tags = tags_of_system(options.facts.system_tags) | namespace_tags(namespace_of_runs(declaration.flow_class))
    return RunRecord(
        flow=declaration.name,
        run_id="",
        user=get_username(),
        tags=tuple(sorted(set(options.tags) - system_tags)),
        system_tags=tuple(sorted(system_tags)),
        status="running",
        started_at=0.0,
        host=host,
        pid=pid,
        process_started=process_started,
        script=os.path.basename(sys.argv[0]),
        origin_run_id=resumption.origin.run_id if resumption is not None else None,
        rerun_steps=resumption.request.steps if resumption is not None else (),
        is_cloning=resumption is not None,
        start_step=graph.start_step,
        end_step=graph.end_step,
        datastore=options.home.recorded_datastore,
        graph=info,
    )


def _save_parameters(writer: TaskWriter, beginning: _Beginning, info: dict[str, Any]) -> None:
    save_values(writer, beginning.declaration)
    writer.save_by_pickle("_graph_info", info)
    for name, value in {"name": beginning.declaration.name, **beginning.parameters}.items():
        if isinstance(value, ArtifactEntry):
            writer.forward(name, value)
        else:
            writer.save(name, value)


def _hold_sources(store: ObjectStore, record: RunRecord, resumption: Resumption) -> None:
    """See that nobody deletes what the run takes over; if that is too late, there is no run."""
    try:
        # Whoever deletes a run of this id right now would take ours for what is left of that.
        if store.stat(deletion_key(record.flow, record.run_id)) is not None:
            raise RunIdTaken(record.flow, record.run_id)
        resumption.hold_sources(store, record.run_id)
    except MetaflowException:
        store.delete(run_key(record.flow, record.run_id))  # nothing of the run exists yet
        raise


def _record_of_parameters(beginning: _Beginning, record: RunRecord) -> dict[str, Any]:
    """What the manifest of the task says that holds the parameters."""
    facts, resumption = beginning.options.facts, beginning.resumption
    spec = TaskSpec(PARAMETERS_STEP, "0", 0, 1, ())
    run = RunSpec(record.flow, record.run_id, "", record.user, "", origin_run_id=record.origin_run_id)
    content = make_record(run, spec, record.started_at, ok=True, success=True, error=None)
    metadata = {
        **content["task"].get("metadata", {}),
        **(resumption.notes if resumption is not None else {}),
        **(facts.metadata or {}),
    }
    if metadata:
        content["task"]["metadata"] = metadata
    content["transition"] = [[beginning.graph.start_step], None]
    content[START_FIELD] = start_record(beginning.declaration, beginning.parameters)
    return content
