"""``task``: run one task in this process. Used by the runtime to start tasks in new interpreters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .flow_command import FlowState


@click.command(hidden=True)
@click.option("--spec-fd", type=int, required=True, help="Descriptor to read the task's specification from.")
@click.option("--life-fd", type=int, required=True, help="Descriptor that ends when the run's process does.")
@click.option("--starts-fd", type=int, required=True, help="Descriptor to note in that the step's code has begun.")
@click.pass_context
def task(context: click.Context, spec_fd: int, life_fd: int, starts_fd: int) -> None:
    """Run one task."""
    from ..runtime.child import run_spawned

    state: FlowState = context.obj
    context.exit(run_spawned(state.flow_class, spec_fd, life_fd, starts_fd))
