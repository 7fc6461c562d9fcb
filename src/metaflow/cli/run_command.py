"""``run``: its options, and those of the flow's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..metadata_store.tags import check_tags
from .decospec_option import decospecs_of_run, with_option
from .messages import echo

if TYPE_CHECKING:
    from ..client.home import Home
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from ..runtime.run import RunOptions
    from .flow_command import FlowState


#: Tasks that run on this machine at a time if nobody says.
_WORKERS = 16
#: What every command takes that runs tasks.
OPTIONS = (
    click.option("--tag", "tags", multiple=True, metavar="TEXT", help="Tag the run; may be repeated."),
    click.option(
        "--max-workers",
        type=click.IntRange(min=1),
        help=f"How many tasks run at a time, here and elsewhere. If not given, {_WORKERS} on this machine, and of each "
        "step that runs elsewhere as many as its decorator or the setting MAX_REMOTE_TASKS says.",
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
)
_NAMESPACE = click.option(
    "--namespace", "user_namespace", help="Where its steps look for runs, instead of your own; empty for all."
)


def make(declaration: FlowDeclaration) -> click.Command:
    """The ``run`` command of a flow."""

    @click.command("run", help="Run the flow on this machine.", short_help="Run the flow on this machine.")
    @click.pass_context
    def run(context: click.Context, /, user_namespace: str | None, **values: Any) -> None:
        from ..runtime.run import run_flow
        from ..runtime.stopping import RunStopped

        state: FlowState = context.obj
        graph = graph_of(state, values)
        parameters, home = _values_and_home(state, context)
        options = options_of(state, values, home)._replace(namespace=user_namespace)
        try:
            run_flow(declaration, graph, parameters, options)
        except RunStopped as stop:
            raise click.Abort from stop

    for option in (*OPTIONS, _NAMESPACE):
        option(run)
    if declaration.parameters:
        from .parameter_options import parameter_options

        run.params[:0] = parameter_options(declaration)
    return run


def graph_of(state: FlowState, values: dict[str, Any]) -> FlowGraph:
    """The flow's graph, checked, with the decorators that the options add to every step."""
    check_tags(values["tags"])
    return state.checked_graph(decospecs=decospecs_of_run(state, values["decospecs"]))


def options_of(state: FlowState, values: dict[str, Any], home: Home) -> RunOptions:
    """What the options say that all commands have that run tasks."""
    from ..runtime.limits import Limits
    from ..runtime.run import RunOptions

    return RunOptions(
        home=home,
        limits=Limits(
            max_workers=values["max_workers"] or _WORKERS,
            max_num_splits=values["max_num_splits"],
            max_log_bytes=values["max_log_size"] * 1024 * 1024,
            max_workers_for_all=values["max_workers"] is not None,
        ),
        tags=values["tags"],
        run_id_file=values["run_id_file"],
        runner_attribute_file=values["runner_attribute_file"],
        server=state.server,
        decospecs=decospecs_of_run(state, values["decospecs"]),
        facts=state.run_facts(),
        package_suffixes=state.package_suffixes,
    )


def _values_and_home(state: FlowState, context: click.Context) -> tuple[dict[str, Any], Home]:
    """Values of the parameters, those of files in the datastore; and where that is: not made for wrong values."""
    if not state.declaration.parameters:
        return {}, state.home(create=True)
    from .parameter_options import included, parameter_values

    values = parameter_values(state.declaration, context, echo)
    home = state.home(create=True)
    return included(state, home, values), home
