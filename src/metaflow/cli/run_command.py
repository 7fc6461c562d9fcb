"""``run``: its options, and those of the flow's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..metadata_store.tags import check_tags
from .decospec_option import decospecs_of_run, with_option
from .messages import echo

if TYPE_CHECKING:
    from ..flow.declaration import FlowDeclaration
    from .flow_command import FlowState


#: What `run` takes besides the flow's parameters.
_OPTIONS = (
    click.option("--tag", "tags", multiple=True, metavar="TEXT", help="Tag the run; may be repeated."),
    click.option(
        "--max-workers",
        type=click.IntRange(min=1),
        default=16,
        show_default=True,
        help="How many tasks run at a time.",
    ),
    click.option(
        "--max-num-splits",
        type=click.IntRange(min=1),
        default=10_000_000,
        show_default=True,
        help="How wide a foreach may be.",
    ),
    click.option(
        "--max-log-size",
        type=click.IntRange(min=1),
        default=10,
        show_default=True,
        help="How many megabytes to keep of each stream that a task prints.",
    ),
    with_option,
    click.option("--run-id-file", type=click.Path(path_type=Path), help="Write the run's id to this file."),
    click.option(
        "--runner-attribute-file",
        type=click.Path(path_type=Path),
        help="Write to this file, as JSON, how to find the run.",
    ),
    click.option(
        "--namespace",
        "user_namespace",
        help="Where its steps look for runs, instead of your own; empty for all.",
    ),
)


def make(declaration: FlowDeclaration) -> click.Command:
    """The ``run`` command of a flow."""

    @click.command("run", help="Run the flow on this machine.", short_help="Run the flow on this machine.")
    @click.pass_context
    def run(
        context: click.Context,
        /,
        tags: tuple[str, ...],
        max_workers: int,
        max_num_splits: int,
        max_log_size: int,
        decospecs: tuple[str, ...],
        run_id_file: Path | None,
        runner_attribute_file: Path | None,
        user_namespace: str | None,
        **_values: Any,
    ) -> None:
        from ..runtime.run import RunOptions, run_flow
        from ..runtime.scheduler import Limits
        from ..runtime.stopping import RunStopped

        state: FlowState = context.obj
        check_tags(tags)
        decospecs = decospecs_of_run(state, decospecs)
        graph = state.checked_graph(decospecs=decospecs)
        values, root = _values_and_root(state, context)
        options = RunOptions(
            root=root,
            limits=Limits(max_workers, max_num_splits, max_log_size * 1024 * 1024),
            tags=tags,
            namespace=user_namespace,
            run_id_file=run_id_file,
            runner_attribute_file=runner_attribute_file,
            server=state.server,
            decospecs=decospecs,
            facts=state.run_facts(),
        )
        try:
            run_flow(declaration, graph, values, options)
        except RunStopped as stop:
            raise click.Abort from stop

    for option in _OPTIONS:
        option(run)
    if declaration.parameters:
        from .parameter_options import parameter_options

        run.params[:0] = parameter_options(declaration)
    return run


def _values_and_root(state: FlowState, context: click.Context) -> tuple[dict[str, Any], Path]:
    """Values of the parameters, those of files in the datastore; and its root, which is not made for wrong values."""
    if not state.declaration.parameters:
        return {}, state.root(create=True)
    from ..datastore.local import LocalStore
    from ..runtime.included_files import include_files
    from .parameter_options import parameter_values

    configs = state.declaration.configs_by_name if state.declaration.configs else None
    values = parameter_values(state.declaration, context, echo, configs)
    root = state.root(create=True)
    return include_files(LocalStore(root), values, (lambda _: None) if state.quiet else echo), root
