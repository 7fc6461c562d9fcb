"""``spin``: run one step alone, on the artifacts of a past task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .spin_arguments import SpinArguments

if TYPE_CHECKING:
    from .flow_command import FlowState


@click.command(
    short_help="Run one step alone, on what a past run has left.",
    help="Run one step alone, on what a past run has left.\n\nPATHSPEC is STEP, RUN/STEP or RUN/STEP/TASK. Without a "
    "run it is the latest one, without a task the one that failed or else the latest.",
)
@click.argument("pathspec")
@click.option(
    "--persist/--no-persist",
    default=None,
    help="Keep the artifacts, for `inspect_spin`.  [default: METAFLOW_SPIN_PERSIST, else no]",
)
@click.option("--skip-decorators", is_flag=True, help="Leave out all decorators of the step.")
@click.option(
    "--artifacts-module",
    type=click.Path(),
    help="Python file whose ARTIFACTS, a dictionary, stand in for what is stored; for a join, one by run/step/task.",
)
@click.option(
    "--max-log-size",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many megabytes to keep of each stream that the step prints.",
)
@click.option("--run-id-file", type=click.Path(), help="Write the new run's id to this file.")
@click.option("--runner-attribute-file", type=click.Path(), help="Write to this file, as JSON, how to find the task.")
@click.pass_obj
def spin(
    state: FlowState,
    pathspec: str,
    persist: bool | None,
    skip_decorators: bool,
    artifacts_module: str | None,
    max_log_size: int,
    run_id_file: str | None,
    runner_attribute_file: str | None,
) -> None:
    """Run one step alone."""
    from ..flow.declaration import configs_of
    from ..runtime.stopping import RunStopped
    from .spin_step import spin_step_of

    # A step is spun again and again while it is written; pylint would take longer than that.
    state.pylint = False
    state.reads_spins = False  # what is spun on is a run in any case
    arguments = SpinArguments(
        pathspec=pathspec,
        persist=persist,
        skip_decorators=skip_decorators,
        artifacts_module=artifacts_module,
        max_log_size=max_log_size,
        run_id_file=run_id_file,
        runner_attribute_file=runner_attribute_file,
    )
    configs = configs_of(state.flow_class)
    origin = None
    if configs:
        from .spin_configs import take_over_configs

        origin = take_over_configs(state, configs, pathspec)
    try:
        spin_step_of(state, arguments, origin)
    except RunStopped as stop:
        raise click.Abort from stop
