"""``run``: its options, and those of the flow's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exception import MetaflowException
from ..flow.parameters import Parameter, ParameterContext
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
    @click.pass_obj
    def run(
        state: FlowState,
        /,
        tags: tuple[str, ...],
        max_workers: int,
        max_num_splits: int,
        max_log_size: int,
        decospecs: tuple[str, ...],
        run_id_file: Path | None,
        runner_attribute_file: Path | None,
        user_namespace: str | None,
        **values: Any,
    ) -> None:
        from ..runtime.run import RunOptions, run_flow
        from ..runtime.scheduler import Limits, RunStopped

        check_tags(tags)
        decospecs = decospecs_of_run(state, decospecs)
        graph = state.checked_graph(decospecs=decospecs)
        given = _parameter_values(declaration, values)
        options = RunOptions(
            root=state.root(create=True),
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
            run_flow(declaration, graph, given, options)
        except RunStopped as stop:
            raise click.Abort from stop

    for option in _OPTIONS:
        option(run)
    for parameter in reversed(declaration.parameters.values()):
        run.params.insert(0, _option(parameter))
    return run


def _option(parameter: Parameter) -> click.Option:
    """The command line option of a parameter."""
    options = dict(parameter.options)
    default = parameter.default
    if default is not None and parameter.show_default is not False:
        options["show_default"] = "computed when the run starts" if callable(default) else True
    if default is not None and not callable(default):
        options["default"] = default
    try:
        return click.Option(
            [f"--{parameter.name}", f"parameter_{parameter.attribute}"],
            type=parameter.type,
            required=parameter.required,
            help=parameter.help,
            # The environment variable is named for the option, not for our name of its value.
            envvar=f"METAFLOW_RUN_{parameter.name.upper().replace('-', '_')}",
            **options,
        )
    except (TypeError, ValueError) as error:
        raise MetaflowException(f"Parameter '{parameter.name}' is declared wrongly: {error}.") from error


def _parameter_values(declaration: FlowDeclaration, values: dict[str, Any]) -> dict[str, Any]:
    """Value of each parameter by attribute name: as given, otherwise its default."""
    from ..identity import get_username

    given = {}
    configs = declaration.configs_by_name if declaration.configs else None
    for attribute, parameter in declaration.parameters.items():
        value = values[f"parameter_{attribute}"]
        if value is None and callable(parameter.default):
            context = ParameterContext(declaration.name, get_username(), parameter.name, echo, "local", configs)
            value = parameter.evaluate_default(context)
        given[attribute] = value
    return given
