"""What a step is spun on: a task of a past run, or at least what that task would have read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..datastore.tasks import TaskReader, open_task
from ..exception import CommandException, MetaflowDataMissing
from ..flow.retries import MAX_ATTEMPTS
from ..flow.state import Frame
from .specs import TaskSpec

if TYPE_CHECKING:
    from ..client.home import Home
    from ..datastore.store import ObjectStore
    from ..flow.graph import FlowGraph


class SpinOrigin(NamedTuple):
    """What a step is spun on.

    Attributes
    ----------
    run_id : str
        Run that the artifacts come from.
    task_id : str or None
        Task that is done over; None if the step never ran there.
    result : TaskReader or None
        What that task had made, if it finished.
    spec : TaskSpec
        The task to run. Its inputs are tasks of that run.
    choice : str
        How the parts were chosen that were not given; empty if all were.
    datastore : str or None
        Location of the datastore that has the run's files, if it is not the one that was named.
    """

    run_id: str
    task_id: str | None
    result: TaskReader | None
    spec: TaskSpec
    choice: str
    datastore: str | None = None

    def home(self, home: Home) -> Home:
        """Where the run is kept, if it was looked for in `home`."""
        return home if self.datastore is None else home._replace(datastore=self.datastore)


class Wanted(NamedTuple):
    """The parts of a pathspec, None where left out."""

    step: str
    run_id: str | None = None
    task_id: str | None = None


def parse_pathspec(graph: FlowGraph, pathspec: str) -> Wanted:
    """Take a pathspec apart.

    Parameters
    ----------
    graph : FlowGraph
        The flow as it is now.
    pathspec : str
        ``step``, ``run/step`` or ``run/step/task``, the latter two also with the name of the flow before them.

    Raises
    ------
    CommandException
        If it has another form, or there is no such step.
    """
    parts = pathspec.strip("/").split("/")
    if len(parts) in (3, 4) and parts[0] == graph.name:
        del parts[0]
    if len(parts) == 4:
        raise CommandException(f"{pathspec} is a task of flow {parts[0]}, but this file defines {graph.name}.")
    if len(parts) > 4 or not all(parts):
        raise CommandException(f"'{pathspec}' is not of the form STEP, RUN/STEP or RUN/STEP/TASK, as in 1234/train/5.")
    step = parts[0] if len(parts) == 1 else parts[1]
    if step not in graph:
        from difflib import get_close_matches

        close = get_close_matches(step, graph.nodes, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Its steps are: {', '.join(graph.nodes)}."
        raise CommandException(f"Flow {graph.name} has no step *{step}*. {hint}")
    return Wanted(step, parts[0] if len(parts) > 1 else None, parts[2] if len(parts) == 3 else None)


def committed_origin(store: ObjectStore, graph: FlowGraph, wanted: Wanted) -> SpinOrigin | None:
    """The origin that is named in full and has left a result; None if it is not, or has not.

    The files of that one task are all that is read.
    """
    if wanted.run_id is None or wanted.task_id is None:
        return None
    found = None
    for attempt in range(MAX_ATTEMPTS):
        try:
            found = open_task(store, graph.name, wanted.run_id, wanted.step, wanted.task_id, attempt)
        except MetaflowDataMissing:
            # The attempts before the last can have died without a result, the last one cannot if there is one.
            if found is not None:
                break
    return None if found is None else origin_of(graph, found, "")


def origin_of(graph: FlowGraph, reader: TaskReader, choice: str) -> SpinOrigin:
    """The origin for a task that has left a result, good or bad.

    Raises
    ------
    CommandException
        If the step has changed so much that what the task has read does not fit it any more.
    """
    manifest = reader.manifest
    node = graph[manifest.step]
    record = manifest.record["task"]
    if len(record["inputs"]) > 1 and not node.takes_inputs:
        raise CommandException(
            f"Task {manifest.pathspec} had {len(record['inputs'])} inputs, but step *{manifest.step}* takes none any "
            "more. Run the flow as it is now first."
        )
    spec = TaskSpec(
        step=manifest.step,
        task_id=manifest.task_id,
        attempt=manifest.attempt,
        user_attempts=1,
        inputs=tuple(record["inputs"]),
        targets=node.targets,
        is_join=node.is_join,
        takes_inputs=node.takes_inputs,
        frames=tuple(Frame(*frame) for frame in manifest.record["frames"]),
        iteration=record.get("iteration"),
    )
    return SpinOrigin(manifest.run_id, manifest.task_id, reader if record.get("ok") else None, alone(spec), choice)


def alone(spec: TaskSpec) -> TaskSpec:
    """The same task as the only one of its run."""
    return spec._replace(task_id="0", attempt=0, user_attempts=1)
