"""What an argument of a command could be: runs, steps and tasks of the past. For the completion of command lines."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click
    from click.shell_completion import CompletionItem

    from .flow_command import FlowState

_MAXIMUM = 50


def past_runs(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs, newest first."""
    from click.shell_completion import CompletionItem

    runs = past_tasks(context, None, incomplete) if "/" not in incomplete else []
    return [CompletionItem(run.value.rstrip("/")) for run in runs]


def past_tasks(context: click.Context, _param: click.Parameter | None, incomplete: str) -> list[CompletionItem]:
    """Runs, newest first; behind ``RUN/``, its steps; behind ``RUN/STEP/``, their tasks."""
    from click.shell_completion import CompletionItem

    from ..exception import MetaflowException

    try:
        found = [text for text in _paths(context.obj, incomplete.split("/")) if text.startswith(incomplete)]
    except MetaflowException:  # no datastore, no such run: nothing to offer
        return []
    return [CompletionItem(text) for text in found]


def _paths(state: FlowState, parts: list[str]) -> Iterator[str]:
    from ..client import Flow, Run, Step
    from .past_tasks import read_datastore

    flow = state.flow_class.__name__
    read_datastore(state)
    if len(parts) == 1:
        yield from _few(f"{run.id}/" for run in Flow(flow, _namespace_check=False))
    elif len(parts) == 2:
        steps = Run(f"{flow}/{parts[0]}", _namespace_check=False)
        yield from reversed([f"{parts[0]}/{step.id}" for step in steps])
    elif len(parts) == 3:
        tasks = Step("/".join([flow, *parts[:2]]), _namespace_check=False)
        yield from _few(f"{parts[0]}/{parts[1]}/{task.id}" for task in tasks)


def _few(found: Iterable[str]) -> Iterator[str]:
    return islice(iter(found), _MAXIMUM)
