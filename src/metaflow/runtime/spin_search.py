"""Looks in the records of past runs for what a step can be spun on, where a person has not said it in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..client.namespaces import get_namespace
from ..client.provider_choice import provider_at
from ..exception import CommandException
from ..metadata_store.store import RunQuery, TaskQuery
from .spin_origin import SpinOrigin, alone, origin_of
from .spin_replay import Replay

if TYPE_CHECKING:
    from ..client.home import Home
    from ..client.provider import Provider
    from ..flow.graph import FlowGraph
    from ..metadata_store.records import RunRecord, TaskRecord
    from .spin_origin import Wanted

#: How many runs to look through for one that the step can be spun on.
_MAXIMUM_RUNS = 20


def search_origin(home: Home, graph: FlowGraph, wanted: Wanted) -> SpinOrigin:
    """Find what a step is to be spun on.

    Parameters
    ----------
    home : Home
        Where the flow's runs are kept.
    graph : FlowGraph
        The flow as it is now.
    wanted : Wanted
        What was said. Where no run is named, it is the latest one in the current namespace that can be used; where no
        task is named, the one that failed or else the latest.

    Returns
    -------
    SpinOrigin

    Raises
    ------
    CommandException
        If there is no such run or task, or what the step reads is not there.
    """
    provider = provider_at(home)
    if wanted.run_id is not None:
        run = provider.run(graph.name, wanted.run_id)
        if run is None:
            latest = provider.runs(RunQuery(graph.name, limit=1))
            hint = f"The latest run is {latest[0].run_id}." if latest else "This flow has no runs here yet."
            raise CommandException(f"Run {graph.name}/{wanted.run_id} does not exist. {hint}")
        return _placed(run, home, _in_run(provider, graph, run, wanted, ""))
    namespace = get_namespace()
    tags = () if namespace is None else (namespace,)
    runs = provider.runs(RunQuery(graph.name, tags, limit=_MAXIMUM_RUNS))
    if not runs:
        where = f" in namespace {namespace}" if namespace is not None else ""
        raise CommandException(
            f"Flow {graph.name} has no runs{where} that step *{wanted.step}* could be spun on. Run the flow first, or "
            "name a run, as in RUN/STEP."
        )
    reason: CommandException | None = None
    for run in runs:
        choice = "the latest run" if run is runs[0] else "the latest run that got so far"
        try:
            return _placed(run, home, _in_run(provider, graph, run, wanted, choice))
        except CommandException as error:
            reason = reason or error
    assert reason is not None
    raise reason


def _placed(run: RunRecord, home: Home, origin: SpinOrigin) -> SpinOrigin:
    """The origin, with where its files are if they are elsewhere."""
    return origin if run.datastore == home.recorded_datastore else origin._replace(datastore=run.datastore)


def _in_run(provider: Provider, graph: FlowGraph, run: RunRecord, wanted: Wanted, choice: str) -> SpinOrigin:
    """The origin within one run."""
    tasks = provider.tasks(TaskQuery(graph.name, run.run_id, wanted.step))
    if wanted.task_id is not None:
        for task in tasks:
            if task.task_id == wanted.task_id:
                return _doing_over(provider, graph, run, task, choice)
        ids = ", ".join(sorted((task.task_id for task in tasks), key=lambda text: (len(text), text))[:10])
        raise CommandException(
            f"Step *{wanted.step}* of run {graph.name}/{run.run_id} has no task {wanted.task_id}. "
            + (f"Its tasks are: {ids}." if ids else "It has none.")
        )
    if tasks:
        task, which = _choose(tasks)
        return _doing_over(provider, graph, run, task, _joined(choice, which))
    replay = Replay(provider.store_of(run.flow, run.run_id), graph, run.run_id)
    ready = replay.ready(wanted.step)
    if not ready:
        raise CommandException(
            f"Step *{wanted.step}* did not run in run {graph.name}/{run.run_id}, and cannot be spun on it: "
            f"{replay.why_not(wanted.step)}"
        )
    which = "where the step has not run yet"
    if len(ready) > 1:
        which += f", as the first of {len(ready)} tasks that could run now"
    return SpinOrigin(run.run_id, None, None, alone(ready[0]), _joined(choice, which))


def _choose(tasks: list[TaskRecord]) -> tuple[TaskRecord, str]:
    """The task of a step that a person most likely means, and why it is the one."""
    failed = [task for task in tasks if task.status == "failed"]
    if len(tasks) == 1:
        return tasks[0], ""
    if len(failed) == 1:
        return failed[0], "the task that failed"
    if failed:
        return failed[0], f"the latest of {len(failed)} tasks that failed"
    return tasks[0], f"the latest of {len(tasks)} tasks"


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _doing_over(provider: Provider, graph: FlowGraph, run: RunRecord, task: TaskRecord, choice: str) -> SpinOrigin:
    """The origin for a task that was started."""
    reader = provider.reader(task)
    if reader is not None:
        return origin_of(graph, reader, choice)
    # It still runs, or was killed, and has left nothing that would say where it stands.
    replay = Replay(provider.store_of(run.flow, run.run_id), graph, run.run_id)
    for spec in replay.ready(task.step):
        position = tuple((frame.step, frame.index) for frame in spec.frames)
        if position == task.index_path and (spec.iteration or 0) == (task.iteration or 0):
            return SpinOrigin(run.run_id, task.task_id, None, alone(spec), choice)
    raise CommandException(f"Task {task.pathspec} cannot be spun: {replay.why_not(task.step)}")
