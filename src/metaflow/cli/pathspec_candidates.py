"""What the arguments of ``metaflow`` commands could be: flows, runs, steps and tasks. For completing command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click
    from click.shell_completion import CompletionItem

    from ..client.provider import Provider

#: So many are offered at most.
_MAXIMUM = 50


def flow_names(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Flows that have runs."""
    return _items(context, incomplete, depth=1)


def run_names(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Flows; behind ``FLOW/``, their runs, newest first; and runs by the beginning of their ids."""
    return _items(context, incomplete, depth=2)


def pathspecs(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Like :func:`run_names`; behind a run its steps, and behind these their tasks."""
    return _items(context, incomplete, depth=4)


def _items(context: click.Context, incomplete: str, depth: int) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from .reading import open_place

    try:
        place = open_place(context.params.get("datastore_root"), "")
        found = [text for text in texts(place.provider, incomplete.split("/"), depth) if text.startswith(incomplete)]
    except MetaflowException:  # no datastore, no such run: nothing to offer
        return []
    return [CompletionItem(text) for text in found]


def texts(provider: Provider, parts: list[str], depth: int) -> Iterator[str]:
    """What can follow all parts of a path but the last: flows, then runs, steps and tasks, at most `depth` parts."""
    from ..metadata_store.store import RunQuery, TaskQuery
    from .run_search import runs_of

    written = "/".join(parts[:-1])
    if len(parts) > depth:
        return
    if len(parts) == 1:
        if depth > 1 and parts[0][:1].isdigit():
            yield from (run.run_id for run in runs_of(provider, RunQuery(id_part=parts[0], limit=_MAXIMUM)))
        yield from (flow.flow + ("/" if depth > 1 else "") for flow in provider.flows())
    elif len(parts) == 2:
        yield from (f"{written}/{run.run_id}" for run in runs_of(provider, RunQuery(parts[0], limit=_MAXIMUM)))
    elif len(parts) == 3:
        steps = [record.step for record in provider.steps(parts[0], parts[1])]
        yield from (f"{written}/{step}" for step in reversed(steps) if not step.startswith("_"))
    else:
        flow, run_id, step = parts[:3]
        tasks = provider.tasks(TaskQuery(flow, run_id, step, limit=_MAXIMUM))
        yield from (f"{written}/{task.task_id}" for task in reversed(tasks))
