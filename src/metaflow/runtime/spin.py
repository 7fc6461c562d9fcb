"""``spin``: one step alone, on what a past run has left, with its result in a datastore apart from the runs."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from .. import settings
from ..datastore.layout import log_key, parse_attempt, run_key
from ..datastore.local import LocalStore
from ..datastore.task_writer import TaskWriter
from ..datastore.tasks import open_task
from ..exception import MetaflowException, TaskFailed
from ..flow.run_facts import RunFacts
from ..identity import get_username, resolve_identity
from ..metadata_store.liveness import process_identity
from ..metadata_store.records import RunRecord
from . import fork_server
from .console import Console
from .executor import executor_maker
from .run_files import record_to_json, tags_of_system, write_file
from .run_namespace import namespace_of_runs, namespace_tags
from .specs import PARAMETERS_STEP, PARAMETERS_TASK, RunSpec, SpinSpec, TaskSpec
from .spin_decorators import keep_spinnable
from .spin_process import SpunTask
from .spin_report import compare, describe, described_by, table, tell_transition
from .start_method import StartMethod, choose
from .stopping import RunStopped
from .task import make_record
from .task_output import TaskOutput

if TYPE_CHECKING:
    from pathlib import Path

    from ..client.home import Home
    from ..datastore.manifest import Manifest
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from ..metadata_store.records import RunStatus
    from .fork_server import ForkServer
    from .spin_origin import SpinOrigin


class SpinOptions(NamedTuple):
    """What a person asked for when spinning a step.

    Attributes
    ----------
    origin_home : Home
        Where the runs are kept.
    root : Path
        Root of the datastore that the result goes to.
    persist : bool
        Whether to keep the artifacts.
    skip_decorators : bool
        Whether to run the step without any of its decorators.
    artifacts_module : str or None
        Absolute path of a Python file whose ``ARTIFACTS`` stand in for what is stored.
    max_log_bytes : int
        Size of the log of each stream.
    run_id_file, runner_attribute_file : Path or None
        Where to write the new run's id; and, as JSON, how to find the task.
    decospecs : tuple of str
        Decorators that were added to every step.
    server : ForkServer or None
        A fork server that was started already.
    facts : RunFacts
        What the flow's decorators add.
    """

    origin_home: Home
    root: Path
    persist: bool = False
    skip_decorators: bool = False
    artifacts_module: str | None = None
    max_log_bytes: int = 10 * 1024 * 1024
    run_id_file: Path | None = None
    runner_attribute_file: Path | None = None
    decospecs: tuple[str, ...] = ()
    server: ForkServer | None = None
    facts: RunFacts = RunFacts()


def spin_step(declaration: FlowDeclaration, graph: FlowGraph, origin: SpinOrigin, options: SpinOptions) -> RunRecord:
    """Run one step alone.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured and complete.
    graph : FlowGraph
        Its graph, checked.
    origin : SpinOrigin
        What to spin on.
    options : SpinOptions

    Returns
    -------
    RunRecord
        The run that the step's one task is in.

    Raises
    ------
    TaskFailed
        If the step failed.
    RunStopped
        If the process was asked to stop.
    MetaflowException
        If the step could not be run.
    """
    step = declaration.steps[origin.spec.step]
    ignored = keep_spinnable(step, options.skip_decorators)
    method = StartMethod("fork") if options.server else choose(settings.get("START_METHOD"))
    server = options.server
    if server is None and method.name == "fork":
        server = fork_server.start(declaration.flow_class)
    store = LocalStore(options.root)
    record = _create(store, declaration, origin, options)
    if declaration.configs:
        _save_configs(store, declaration, graph, record)
    run = _spec_of(record, declaration, origin, options)
    console = Console()
    path = store.local_path(log_key(run.flow, run.run_id, origin.spec.step, origin.spec.task_id, origin.spec.attempt))
    assert path is not None
    limits = [limit for decorator in step.decorators if (limit := decorator.timeout_seconds()) is not None]
    output = TaskOutput(path, options.max_log_bytes, console)
    task = SpunTask(run, origin.spec, store, console, output, min(limits, default=None))
    status: RunStatus = "failed"
    message: str | None = None
    try:
        _announce(console, record, origin, options, ignored)
        manifest = task.drive(executor_maker(server, run))
        outcome = manifest.record["task"]
        status = "done" if outcome["ok"] else "failed"
        message = outcome["error"][1] if "error" in outcome else None
    except (RunStopped, KeyboardInterrupt):
        status, message = "stopped", "stopped by a signal"
        raise
    finally:
        record = record._replace(status=status, finished_at=time.time(), message=message)
        _finish(store, record)
    if status == "failed":
        raise TaskFailed(origin.spec.step, origin.spec.task_id, f"{task.death}." if task.death else "")
    _report(console, manifest, origin, options)
    return record


def _create(store: LocalStore, declaration: FlowDeclaration, origin: SpinOrigin, options: SpinOptions) -> RunRecord:
    """Claim a run id in the datastore of spins."""
    host, pid, process_started = process_identity()
    tags = tags_of_system(options.facts.system_tags) | namespace_tags(namespace_of_runs(declaration.flow_class))
    while True:
        started = time.time()
        record = RunRecord(
            flow=declaration.name,
            run_id=str(int(started * 1_000_000)),
            user=get_username(),
            system_tags=tuple(sorted(tags)),
            status="running",
            started_at=started,
            heartbeat_at=started,
            host=host,
            pid=pid,
            process_started=process_started,
            script=os.path.basename(sys.argv[0]),
            origin_run_id=origin.run_id,
            # The one step is both, so that the client finds the result where it looks for that of a run.
            start_step=origin.spec.step,
            end_step=origin.spec.step,
        )
        if store.put_new(run_key(record.flow, record.run_id), [record_to_json(record)]):
            return record


def _save_configs(store: LocalStore, declaration: FlowDeclaration, graph: FlowGraph, record: RunRecord) -> None:
    """Keep the configs that are used where those of a run would be: for the record, and for the task's process."""
    from .declared import graph_info
    from .stored_configs import save_values

    writer = TaskWriter(store, record.flow, record.run_id, PARAMETERS_STEP, "0", 0)
    save_values(writer, declaration)
    writer.save_by_pickle("_graph_info", graph_info(declaration, graph))
    run = RunSpec(record.flow, record.run_id, "", record.user, "")
    spec = TaskSpec(PARAMETERS_STEP, "0", 0, 1, ())
    content = make_record(run, spec, record.started_at, ok=True, success=True, error=None)
    writer.commit({**content, "transition": [[], None]})


def _spec_of(record: RunRecord, declaration: FlowDeclaration, origin: SpinOrigin, options: SpinOptions) -> RunSpec:
    """What the task is told of its run."""
    namespace = namespace_of_runs(declaration.flow_class)
    done_over = None
    if origin.task_id is not None:
        done_over = f"{record.flow}/{origin.run_id}/{origin.spec.step}/{origin.task_id}"
    return RunSpec(
        flow=record.flow,
        run_id=record.run_id,
        # The client looks there, so that the step's code sees the same runs as in a run.
        root=options.origin_home.root,
        datastore=options.origin_home.datastore,
        service=options.origin_home.service,
        user=record.user,
        namespace=namespace or resolve_identity(),
        client_namespace=namespace,
        read_only=declaration.read_only,
        parameter_names=declaration.parameter_names,
        decospecs=options.decospecs,
        facts=options.facts.current,
        spin=SpinSpec(
            origin.run_id,
            done_over,
            str(options.root),
            options.persist,
            options.skip_decorators,
            options.artifacts_module,
        ),
    )


def _announce(
    console: Console, record: RunRecord, origin: SpinOrigin, options: SpinOptions, ignored: list[str]
) -> None:
    """Tell the person, and the files that they named, what is spun on what."""
    if options.run_id_file is not None:
        write_file(options.run_id_file, record.run_id)
    if options.runner_attribute_file is not None:
        attributes = {
            "run_id": record.run_id,
            "flow_name": record.flow,
            "task_id": origin.spec.task_id,
            "step_name": origin.spec.step,
            "metadata": f"spin@{options.root.parent}",
        }
        write_file(options.runner_attribute_file, json.dumps(attributes))
    for name in ignored:
        console.say(f"[Warning] Ignoring @{name}, which is not supported when a step is spun.")
    done_over = f"task {origin.run_id}/{origin.spec.step}/{origin.task_id}"
    what = f"run {origin.run_id}" if origin.task_id is None else done_over
    choice = f" ({origin.choice})" if origin.choice else ""
    console.say(f"Spinning step *{origin.spec.step}* on {what}{choice}.")
    frames = origin.spec.frames
    if frames:
        place = ", ".join(f"{f.variable}[{f.index}]" + (f" = {f.label}" if f.label else "") for f in frames)
        console.say(f"Its place in the foreach: {place}.")


def _finish(store: LocalStore, record: RunRecord) -> None:
    """Record how it went. There is no index to write: the client makes one when somebody looks at spun steps."""
    try:
        store.put(run_key(record.flow, record.run_id), [record_to_json(record)])
    except MetaflowException as error:
        sys.stderr.write(f"How the step went could not be recorded: {error.message}\n")


def _report(console: Console, manifest: Manifest, origin: SpinOrigin, options: SpinOptions) -> None:
    """Tell what the step has made, and where the flow would go on."""
    store = options.origin_home.open_store()
    source = PARAMETERS_TASK if origin.spec.is_join else origin.spec.inputs[0]
    inherited = open_task(store, manifest.flow, origin.run_id, *parse_attempt(source)).manifest
    before = None if origin.result is None else describe(origin.result.manifest.artifacts)
    lines = table(compare(described_by(manifest), before, describe(inherited.artifacts)))
    console.say(tell_transition(manifest.record))
    if before is not None:
        console.say("Compared with that task, the artifacts are:" if lines else "It has made no artifacts.")
    elif lines:
        console.say("It has made these artifacts:")
    console.plain(f"    {line}" for line in lines)
    if options.persist:
        console.say(f"They are kept: inspect_spin('{options.root.parent}'), then Task('{manifest.pathspec}').")
    console.flush()
