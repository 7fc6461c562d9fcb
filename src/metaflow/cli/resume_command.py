"""``resume``: its options, those of ``run``, and those of the flow's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..exception import CommandException
from . import run_command
from .messages import echo
from .parameter_options import check_parser, default_value, given_values, included, parameter_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..flow.declaration import FlowDeclaration
    from .flow_command import FlowState

_HELP = (
    "Run again what a past run of the flow did not finish, or STEPs of it and what comes after them. The results of "
    "all other tasks are taken over."
)

#: What `resume` takes besides the options of `run` and the flow's parameters.
_OPTIONS = (
    click.argument("steps", nargs=-1, metavar="[STEP]..."),
    click.option(
        "--step",
        "more_steps",
        multiple=True,
        metavar="STEP",
        help="Run this step again, and what comes after it; may be repeated.",
    ),
    click.option(
        "--origin-run-id", metavar="ID", help="The run to resume, instead of your last run or resume of the flow."
    ),
    click.option("--clone-only", is_flag=True, help="Take over what is finished, but run nothing."),
    click.option("--run-id", hidden=True, help="Id of the new run; not a whole number."),
    click.option("--reentrant", is_flag=True, hidden=True, help="Let several processes clone to the same --run-id."),
    click.option("--resume-identifier", hidden=True, help="Accepted from orchestrators; nothing depends on it."),
)


def make(declaration: FlowDeclaration) -> click.Command:
    """The ``resume`` command of a flow."""

    @click.command("resume", help=_HELP, short_help="Run again what a past run did not finish.")
    @click.pass_context
    def resume(
        context: click.Context,
        /,
        steps: tuple[str, ...],
        more_steps: tuple[str, ...],
        origin_run_id: str | None,
        clone_only: bool,
        run_id: str | None,
        reentrant: bool,
        resume_identifier: str | None,
        **values: Any,
    ) -> None:
        from ..runtime.resume import ResumeRequest, resume_flow
        from ..runtime.stopping import RunStopped

        state: FlowState = context.obj
        if run_id == "":
            raise CommandException("--run-id: the id of a run may not be empty.")
        if run_id is not None and run_id.isdecimal():
            raise CommandException(f"--run-id {run_id}: the id of a resumed run may not be a whole number.")
        if reentrant and not (clone_only and run_id):
            raise CommandException("--reentrant goes together with --clone-only and --run-id ID only.")
        graph = run_command.graph_of(state, values)
        home = state.home()
        request = ResumeRequest(
            lambda attributes: included(state, home, _defaults(declaration, context, attributes)),
            state.origin_run_id if origin_run_id is None else origin_run_id,
            tuple(dict.fromkeys((*steps, *more_steps))),
            included(state, home, _given(declaration, context)),
            clone_only,
            run_id,
            reentrant,
        )
        options = run_command.options_of(state, values, home)
        try:
            resume_flow(declaration, graph, request, options)
        except RunStopped as stop:
            raise click.Abort from stop

    for option in (*_OPTIONS, *run_command.OPTIONS):
        option(resume)
    taken = {name for option in resume.params for name in option.opts}
    resume.params[:0] = [option for option in _parameter_options(declaration) if taken.isdisjoint(option.opts)]
    return resume


def _parameter_options(declaration: FlowDeclaration) -> Iterator[click.Option]:
    """Options that change parameters: left out, a value is that of the origin run, whatever the default is."""
    for parameter, option in zip(declaration.parameters.values(), parameter_options(declaration), strict=True):
        option.required = False
        option.help = parameter.help
        # What the environment says is for new runs; a value of the past must not change unnoticed.
        option.envvar = None
        option.allow_from_autoenv = False
        if option.callback is not None:
            option.callback = _if_given(option.callback)
        yield option


def _if_given(callback: Callable[..., Any]) -> Callable[..., Any]:
    """`callback` of an option, for values that were given only: the others are the origin's, and were checked then."""

    def call(context: click.Context, option: click.Parameter, value: Any) -> Any:
        given = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        return callback(context, option, value) if given else value

    return call


def _given(declaration: FlowDeclaration, context: click.Context) -> dict[str, Any]:
    """Parameters that were given on the command line, by attribute name."""
    given = given_values(declaration, context)
    for attribute, value in given.items():
        check_parser(declaration.parameters[attribute], value)
    return given


def _defaults(declaration: FlowDeclaration, context: click.Context, attributes: list[str]) -> dict[str, Any]:
    """Values of parameters that the origin run did not have."""
    configs = declaration.configs_by_name if declaration.configs else None
    found = {}
    for attribute in attributes:
        parameter = declaration.parameters[attribute]
        if parameter.required:
            raise CommandException(
                f"The flow now has a parameter '{parameter.name}', which is required and which the run that is "
                f"resumed did not have. Give it: --{parameter.name} VALUE"
            )
        found[attribute] = default_value(declaration, parameter, context, echo, configs)
        check_parser(parameter, found[attribute])
    return found
