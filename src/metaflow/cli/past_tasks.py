"""Finds the tasks that a command names as ``RUN/STEP[/TASK]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exception import CommandException, MetaflowNotFound

if TYPE_CHECKING:
    from ..client import Task
    from .flow_command import FlowState


def find_tasks(state: FlowState, path: str) -> list[Task]:
    """Tasks of the flow that `path` names, in the order in which they were started.

    Raises
    ------
    CommandException
        If `path` has another form, or there is no such task.
    """
    from ..client import Step, Task

    flow = state.flow_class.__name__
    parts = _parts(flow, path)
    if len(parts) not in (2, 3) or not all(parts):
        raise CommandException(f"'{path}' is not of the form RUN/STEP or RUN/STEP/TASK, as in 1234/start.")
    read_datastore(state)
    pathspec = "/".join([flow, *parts])
    try:
        if len(parts) == 3:
            return [Task(pathspec, _namespace_check=False)]
        return list(reversed(list(Step(pathspec, _namespace_check=False))))
    except MetaflowNotFound as error:
        raise CommandException(f"{error.message}. {_what_there_is(flow, parts)}") from error


def read_datastore(state: FlowState) -> None:
    """Let the client read from the datastore that the command line names.

    Raises
    ------
    DataException
        If there is none.
    """
    from ..client.provider_choice import read_from

    read_from(state.home())


def tasks_so_far(state: FlowState, path: str) -> tuple[list[Task], bool]:
    """Like :func:`find_tasks` for a run that may be going on.

    Returns
    -------
    tuple of (list of Task, bool)
        The tasks, none if the step has not begun; and whether further ones may start.
    """
    from ..client import Run, Step

    flow = state.flow_class.__name__
    parts = _parts(flow, path)
    try:
        tasks = find_tasks(state, path)
    except CommandException:
        if len(parts) != 2 or not _is_running(f"{flow}/{parts[0]}"):
            raise
        return [], True
    if len(parts) == 3 or Run(f"{flow}/{parts[0]}", _namespace_check=False).status != "running":
        return tasks, False
    try:
        # Once a following step has begun, this one is over.
        return tasks, not list(Step("/".join([flow, *parts]), _namespace_check=False).child_steps)
    except MetaflowNotFound:
        return tasks, True


def _parts(flow: str, path: str) -> list[str]:
    """Run, step and task of a path, which may begin with the name of the flow."""
    parts = path.strip("/").split("/")
    return parts[1:] if len(parts) > 2 and parts[0] == flow else parts


def _is_running(pathspec: str) -> bool:
    from ..client import Run

    try:
        return Run(pathspec, _namespace_check=False).status == "running"
    except MetaflowNotFound:
        return False


def _what_there_is(flow: str, parts: list[str]) -> str:
    """What a person may have meant."""
    from ..client import Flow, Run

    try:
        steps = [step.id for step in Run(f"{flow}/{parts[0]}", _namespace_check=False)]
        return f"The steps of this run are: {', '.join(reversed(steps))}."
    except MetaflowNotFound:
        pass
    try:
        latest = next(iter(Flow(flow, _namespace_check=False)), None)
    except MetaflowNotFound:
        latest = None
    return f"The latest run is {latest.id}." if latest is not None else "This flow has no runs here yet."
