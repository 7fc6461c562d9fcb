"""What an argument of a command could be: runs, steps and tasks of the past. For the completion of command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click
    from click.shell_completion import CompletionItem

    from .flow_command import FlowState


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
    from ..client.provider_choice import current_provider
    from .past_tasks import read_datastore
    from .pathspec_candidates import texts

    flow = state.flow_class.__name__
    read_datastore(state)
    for text in texts(current_provider(), [flow, *parts], 4):
        yield text.removeprefix(f"{flow}/") + ("/" if len(parts) == 1 else "")
