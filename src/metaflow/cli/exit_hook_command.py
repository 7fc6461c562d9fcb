"""``exit-hook``: call one function of an exit hook. Used by the runtime where it cannot fork."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .flow_command import FlowState


@click.command("exit-hook", hidden=True)
@click.option("--spec-fd", type=int, required=True, help="Descriptor to read from which function is meant.")
@click.pass_context
def exit_hook(context: click.Context, spec_fd: int) -> None:
    """Call one function."""
    from ..runtime.exit_hooks import run_spawned_hook

    state: FlowState = context.obj
    context.exit(run_spawned_hook(state.flow_class, spec_fd))
