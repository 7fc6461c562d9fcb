"""The run that is resumed: finding it, and reading what its tasks left behind.

The files of the run are read, not the index of runs, which may have missed the last moments of a run that was killed.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.recovery import stored_run
from ..datastore.layout import run_key, runs_prefix
from ..datastore.store import OUT_OF_REACH
from ..datastore.tasks import TaskReader, list_attempts, open_task, open_tasks
from ..exception import CannotResume, CommandException, DataException, MetadataException, MetaflowDataMissing
from ..identity import resolve_identity
from ..metadata_store.liveness import effective_status, is_alive
from .clone_plan import OriginTask, reached_from
from .planned_spec import transition_of
from .specs import PARAMETERS_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client.home import Home
    from ..datastore.store import ObjectStore
    from ..metadata_store.records import RunRecord, RunStatus
    from .plan import PlanGraph
    from .plan_task import TaskKey

#: How many manifests are read together.
_READ_TOGETHER = 256
#: How many runs a message lists.
_SHOWN_RUNS = 5


class Origin(NamedTuple):
    """What a run left behind.

    Attributes
    ----------
    run : RunRecord
    parameters : TaskReader
        Its parameters, configs and constants.
    tasks : dict of TaskKey to OriginTask
        Tasks of which an attempt left a result, good or bad.
    damaged : dict of str to str
        For each step that has results that cannot be read, what is wrong with one of them.
    """

    run: RunRecord
    parameters: TaskReader
    tasks: dict[TaskKey, OriginTask]
    damaged: dict[str, str]


def find_origin(
    store: ObjectStore, home: Home, flow: str, run_id: str | None, new_run_id: str | None = None
) -> RunRecord:
    """The run to resume.

    Parameters
    ----------
    store : ObjectStore
        The datastore in which to look.
    home : Home
        Where it belongs to.
    flow : str
        The flow that is resumed.
    run_id : str or None
        The run that was asked for; otherwise it is the last run or resumed run of the flow by whoever runs this.
    new_run_id : str, optional
        Id of the run that will resume it, if that is known. Another process may have begun it already.

    Raises
    ------
    CommandException
        If there is no such run.
    CannotResume
        If it still goes on.
    """
    run = _named_run(store, home, flow, run_id) if run_id is not None else _latest_run(store, flow, new_run_id)
    if status_of(run, home) == "running":
        raise CannotResume(
            f"Run {run.run_id} of {flow} is still going on (process {run.pid}): it may finish what would be run "
            "again here. Wait for its end or stop it, or name another run with --origin-run-id."
            + _listed(_known_runs(store, flow, skip=run.run_id))
        )
    return run


def read_origin(store: ObjectStore, run: RunRecord, graph: PlanGraph) -> Origin:
    """Read what the tasks of a run left behind.

    Parameters
    ----------
    store : ObjectStore
    run : RunRecord
        A run that is over. If it was itself resumed and died while it took over tasks of another run, what it had
        still to take over is read from there.
    graph : PlanGraph
        The flow's graph as it is now.

    Raises
    ------
    CannotResume
        If it has not even saved its parameters, or they cannot be read.
    DataException
        If its files cannot be listed.
    """
    parameters = read_parameters(store, run)
    tasks, damaged = read_tasks(store, run.flow, run.run_id)
    before = stored_run(store, run.flow, run.origin_run_id) if run.is_cloning and run.origin_run_id else None
    if before is not None:
        earlier = read_origin(store, before, graph)
        rerun = reached_from(graph, graph.steps.keys() & set(run.rerun_steps))
        tasks = {**{key: task for key, task in earlier.tasks.items() if key[0] not in rerun}, **tasks}
        damaged = {**earlier.damaged, **damaged}
    return Origin(run, parameters, tasks, damaged)


def read_parameters(store: ObjectStore, run: RunRecord) -> TaskReader:
    """Parameters, configs and constants of a run.

    Raises
    ------
    CannotResume
        If the run has not even saved them, or they cannot be read.
    """
    try:
        return open_task(store, run.flow, run.run_id, PARAMETERS_STEP, "0", 0)
    except MetaflowDataMissing as error:
        if store.stat(run_key(run.flow, run.run_id)) is None:
            raise CannotResume(f"Run {run.run_id} of {run.flow} was deleted just now.") from error
        way_out = (
            f"It was to resume run {run.origin_run_id}: resume that one, with --origin-run-id {run.origin_run_id}."
            if run.origin_run_id
            else "Start a new run with `run`, or name another one with --origin-run-id."
        )
        raise CannotResume(
            f"Run {run.run_id} of {run.flow} was killed before it had saved its parameters, so there is nothing to "
            f"go on from. {way_out}"
        ) from error
    except DataException as error:
        raise CannotResume(
            f"Run {run.run_id} of {run.flow} cannot be resumed, because its parameters cannot be read: "
            f"{_problem(error)}. Restore the file from a backup, start a new run with `run`, or name another one with "
            "--origin-run-id."
        ) from error


def read_tasks(store: ObjectStore, flow: str, run_id: str) -> tuple[dict[TaskKey, OriginTask], dict[str, str]]:
    """Tasks of a run that left a result, and for steps with results that cannot be read, what is wrong with one."""
    latest: dict[tuple[str, str], int] = {}
    for step, task_id, attempt in list_attempts(store, flow, run_id):
        if step != PARAMETERS_STEP:
            latest[step, task_id] = max(attempt, latest.get((step, task_id), 0))
    tasks: dict[TaskKey, OriginTask] = {}
    damaged: dict[str, str] = {}
    remaining = iter([(step, task_id, attempt) for (step, task_id), attempt in latest.items()])
    while batch := list(islice(remaining, _READ_TOGETHER)):
        for (step, task_id, attempt), reader in zip(batch, open_tasks(store, flow, run_id, batch), strict=True):
            if isinstance(reader, DataException):
                damaged[step] = _problem(reader)
            elif isinstance(reader, TaskReader):  # otherwise somebody removed it since it was listed
                record = reader.manifest.record
                task = record["task"]
                transition = transition_of(record)
                tasks[_key(step, task)] = OriginTask(run_id, step, task_id, attempt, bool(task.get("ok")), transition)
    return tasks, damaged


def _problem(error: DataException) -> str:
    """What is wrong, without the advice that follows it: resuming is what the advice would be."""
    return error.message.partition(". ")[0].rstrip(".")


def _key(step: str, task: dict[str, Any]) -> TaskKey:
    path = tuple((opener, index) for opener, index in task.get("index_path", ()))
    return step, path, task.get("iteration") or 0


def status_of(run: RunRecord, home: Home) -> RunStatus:
    """How a run stands in truth, whatever it was last recorded as."""
    if run.status == "running" and is_alive(run.host, run.pid, run.process_started) is None:
        # On another host: its heartbeats, which are in the index only, tell.
        from ..client.provider_choice import provider_at

        run = provider_at(home).run(run.flow, run.run_id) or run
    return effective_status(run, time.time())


def _named_run(store: ObjectStore, home: Home, flow: str, text: str) -> RunRecord:
    """The run that somebody asked for by its id, or as ``Flow/id``."""
    named_flow, _, run_id = text.rpartition("/")
    if named_flow in ("", flow):
        run = stored_run(store, flow, run_id)
        if run is not None:
            return run
        _refuse_elsewhere(home, flow, run_id)
    others = [named_flow] if named_flow not in ("", flow) else _flows_of_run(store, run_id, flow)
    if others:
        raise CommandException(
            f"Resume could not find run id {run_id} of {flow}: it is a run of the flow {others[0]}, and only "
            f"{others[0]} can resume it." + _listed(_known_runs(store, flow))
        )
    raise CommandException(f"Resume could not find run id {run_id or repr(text)}." + _listed(_known_runs(store, flow)))


def _refuse_elsewhere(home: Home, flow: str, run_id: str) -> None:
    """Say so if the run is known, but its files are in another datastore."""
    from ..client.provider_choice import provider_at

    run = provider_at(home).run(flow, run_id)
    if run is not None and run.datastore != home.recorded_datastore:
        place = run.datastore or home.root
        raise CommandException(
            f"The files of run {run_id} of {flow} are not in {home.location}, but in {place}. Resume it there, with "
            f"--datastore-root {place.removeprefix('azure://')}"
            + (" --datastore azure." if place.startswith("azure://") else ".")
        )


def _flows_of_run(store: ObjectStore, run_id: str, but: str) -> list[str]:
    """Flows other than `but` that have a run of this id."""
    try:
        return [
            other
            for other in store.list(runs_prefix(), folders=True)
            if other != but and store.stat(run_key(other, run_id)) is not None
        ]
    except DataException:
        return []  # what cannot be a run's id is the id of no run


def _latest_run(store: ObjectStore, flow: str, but: str | None) -> RunRecord:
    """The last run or resumed run of the flow by whoever runs this.

    Raises
    ------
    CommandException
        If there is none.
    DataException, MetadataException
        If none can be read.
    """
    identity = resolve_identity()
    for run in _runs(store, flow):
        if identity in run.system_tags and run.run_id != but:
            return run
    known = _known_runs(store, flow)
    if not known:
        for run_id in store.list(runs_prefix(flow), folders=True):
            stored_run(store, flow, run_id)  # if there are runs, but none can be read, this says why
    why = f"No run of {flow} here is yours ({identity})." if known else f"{flow} has not run here yet."
    raise CommandException(f"A previous run id was not found. Specify --origin-run-id. {why}{_listed(known)}")


def _runs(store: ObjectStore, flow: str) -> Iterator[RunRecord]:
    """Runs of the flow that can be read, newest first."""
    # An id is the microsecond at which the run began, unless a person chose it.
    ages: dict[str, float] = {}
    for run_id in store.list(runs_prefix(flow), folders=True):
        if run_id.isdecimal():
            ages[run_id] = int(run_id)
        elif (run := _readable_run(store, flow, run_id)) is not None:
            ages[run_id] = run.started_at * 1e6
    for run_id in sorted(ages, key=ages.__getitem__, reverse=True):
        run = _readable_run(store, flow, run_id)
        if run is not None:
            yield run


def _readable_run(store: ObjectStore, flow: str, run_id: str) -> RunRecord | None:
    """A run; None if there is none, or it cannot be read: asking for it by its id tells what is wrong with it."""
    try:
        return stored_run(store, flow, run_id)
    except OUT_OF_REACH:
        raise
    except (DataException, MetadataException):
        return None


def _known_runs(store: ObjectStore, flow: str, skip: str | None = None) -> list[RunRecord]:
    """The newest few runs of a flow."""
    found: list[RunRecord] = []
    for run in _runs(store, flow):
        if run.run_id != skip:
            found.append(run)
        if len(found) == _SHOWN_RUNS:
            break
    return found


def _listed(runs: list[RunRecord]) -> str:
    """Text that ends a message with the runs that there are."""
    if not runs:
        return ""
    shown = ", ".join(f"{run.run_id} ({effective_status(run, time.time())}, {run.user})" for run in runs)
    return f" The latest runs here are: {shown}."
