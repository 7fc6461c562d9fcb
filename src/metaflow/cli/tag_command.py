"""``tag``: tags of runs that are there already."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..exception import CommandException, MetaflowNamespaceMismatch, MetaflowNotFound
from ..runtime.console import wants_colour
from .candidates import past_runs
from .messages import echo
from .past_tasks import read_datastore
from .tag_table import TaggedRun, by_tag, columns, merged, printable, run_lines, tag_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..client import Run
    from .flow_command import FlowState

_TITLE = "System tags and tags; only tags can be modified"
_TITLE_OF_USER_TAGS = "Tags"


@click.group(help="Add, remove and list tags of runs.")
def tag() -> None:
    """Commands about tags."""


def _which_run(command: Callable[..., None]) -> Callable[..., None]:
    """Options of the commands that change a run's tags."""
    command = click.option("--namespace", help="Namespace that the run is in, instead of your own; empty for all.")(
        command
    )
    return click.option("--run-id", help="The run.  [required]", shell_complete=past_runs)(command)


@tag.command(help="Add TAGS to a run.")
@click.argument("tags", nargs=-1, required=True)
@_which_run
@click.pass_obj
def add(state: FlowState, tags: tuple[str, ...], run_id: str | None, namespace: str | None) -> None:
    """Add tags."""
    _change(state, run_id, namespace, lambda run: run.add_tags(tags))


@tag.command(help="Remove TAGS from a run.")
@click.argument("tags", nargs=-1, required=True)
@_which_run
@click.pass_obj
def remove(state: FlowState, tags: tuple[str, ...], run_id: str | None, namespace: str | None) -> None:
    """Remove tags."""
    _change(state, run_id, namespace, lambda run: run.remove_tags(tags))


@tag.command(help="Remove tags from a run and add others, in one.")
@click.option("--remove", "unwanted", multiple=True, metavar="TAG", help="A tag to remove; may be repeated.")
@click.option("--add", "wanted", multiple=True, metavar="TAG", help="A tag to add; may be repeated.")
@_which_run
@click.pass_obj
def replace(
    state: FlowState,
    unwanted: tuple[str, ...],
    wanted: tuple[str, ...],
    run_id: str | None,
    namespace: str | None,
) -> None:
    """Replace tags."""
    if not unwanted or not wanted:
        missing, other = ("--remove", "tag add") if wanted else ("--add", "tag remove")
        hint = f", or use `{other}`" if wanted or unwanted else " and one with --remove"
        raise CommandException(f"Give at least one tag with {missing}{hint}.")
    _change(state, run_id, namespace, lambda run: run.replace_tags(unwanted, wanted))


@tag.command("list", help="List the tags of RUN, or of all runs of the flow.")
@click.argument("run", required=False, shell_complete=past_runs)
@click.option("--run-id", help="The same as RUN.", shell_complete=past_runs)
@click.option("--all", "all_runs", is_flag=True, help="Of all runs; the default.")
@click.option("--my-runs", is_flag=True, help="Of the runs in your own namespace.")
@click.option("--hide-system-tags", is_flag=True, help="Only tags that people gave.")
@click.option("--group-by-tag", is_flag=True, help="Show, for each tag, the runs that have it.")
@click.option("--group-by-run", is_flag=True, help="Show, for each run, the tags that it has.")
@click.option("--flat", is_flag=True, hidden=True, help="One tag on each line of stderr.")
@click.pass_obj
def list_tags(state: FlowState, /, run: str | None, run_id: str | None, **options: Any) -> None:
    """List tags."""
    if run and run_id:
        raise CommandException("Name the run with --run-id or as an argument, but not both.")
    for first, second in (
        ("all_runs", "my_runs"),
        ("group_by_tag", "group_by_run"),
        ("flat", "group_by_tag"),
        ("flat", "group_by_run"),
    ):
        if options[first] and options[second]:
            one, other = (f"--{name.removesuffix('_runs' if name == 'all_runs' else '')}" for name in (first, second))
            raise CommandException(f"{one} cannot be used together with {other}.".replace("_", "-"))
    chosen = run or run_id
    if chosen and options["my_runs"]:
        raise CommandException("--my-runs lists the tags of several runs, so it cannot be used with the id of one.")
    read_datastore(state)
    runs = [_find_run(state, chosen, None)] if chosen else _all_runs(state, options["my_runs"])
    _show(
        [_tagged(found, options["hide_system_tags"]) for found in runs],
        quiet=state.quiet,
        hide_system_tags=options["hide_system_tags"],
        group_by_tag=options["group_by_tag"],
        group_by_run=options["group_by_run"],
        flat=options["flat"],
    )


def _change(state: FlowState, run_id: str | None, namespace: str | None, change: Callable[[Run], None]) -> None:
    """Change the tags of the run, and show those that it has then."""
    from ..identity import resolve_identity

    read_datastore(state)
    where = resolve_identity() if namespace is None else namespace or None
    if not run_id:
        raise CommandException(f"Please specify a run-id using --run-id.\n{_latest(state, where)}")
    run = _find_run(state, run_id, where)
    change(run)
    if not state.quiet:
        echo("Operation successful. New tags:")
    _show([_tagged(run)], quiet=state.quiet)


def _find_run(state: FlowState, run_id: str, where: str | None) -> Run:
    """The run of that id, in the namespace `where`, None for any."""
    from ..client import Run

    flow = state.flow_class.__name__
    name = run_id.removeprefix(f"{flow}/")
    try:
        if not name or "/" in name:
            raise MetaflowNotFound
        run = Run(f"{flow}/{name}", _namespace_check=False)
    except MetaflowNotFound as error:
        raise CommandException(f"No run {flow}/{name} found for flow {flow}.\n{_latest(state, where)}") from error
    if where is not None and where not in run.tags:
        owners = [tag for tag in sorted(run.system_tags) if tag.startswith(("user:", "production:"))]
        raise CommandException(
            f"Run {flow}/{name} is not in the namespace {where}, but in {' and '.join(owners) or 'another one'}. "
            "To go on all the same, say which with --namespace, or --namespace '' for any."
        )
    return run


def _all_runs(state: FlowState, mine: bool) -> list[Run]:
    """Runs of the flow, oldest first."""
    from ..client import Flow, namespace
    from ..identity import resolve_identity

    flow = state.flow_class.__name__
    namespace(resolve_identity() if mine else None)
    try:
        return list(Flow(flow))[::-1]
    except (MetaflowNotFound, MetaflowNamespaceMismatch):
        return []


def _latest(state: FlowState, where: str | None) -> str:
    """What the latest run is, for somebody who named none or a wrong one."""
    from ..client import Flow, namespace

    flow = state.flow_class.__name__
    scope = "all namespaces" if where is None else f"namespace {where}"
    with namespace(where):
        try:
            latest = Flow(flow).latest_run
        except (MetaflowNotFound, MetaflowNamespaceMismatch):
            latest = None
    if latest is None:
        return f"No run of {flow} was found in {scope}. You can look in another one with --namespace."
    return f"{flow}'s latest run in {scope} has id {latest.id}."


def _tagged(run: Run, hide_system_tags: bool = False) -> TaggedRun:
    return TaggedRun(run.pathspec, () if hide_system_tags else sorted(run.system_tags), sorted(run.user_tags))


def _show(
    runs: list[TaggedRun],
    *,
    quiet: bool,
    hide_system_tags: bool = False,
    group_by_tag: bool = False,
    group_by_run: bool = False,
    flat: bool = False,
) -> None:
    """Print tags: for people, or with `quiet` for programs."""
    if flat:
        every, _ = merged(runs)
        sys.stderr.write("".join(f"{printable(name)}\n" for name in every))
        return
    if quiet:
        _print(tag_lines(runs) if group_by_tag else run_lines(runs))
        return
    title = _TITLE_OF_USER_TAGS if hide_system_tags else _TITLE
    lines = ["", title, "-" * len(title), ""]
    if group_by_tag:
        for name, _, pathspecs in by_tag(runs):
            lines += [f"For tag {printable(name)}", *columns(pathspecs), ""]
    elif group_by_run:
        for run in runs:
            lines += [f"For run {run.pathspec}", *_tag_columns([run]), ""]
    else:
        lines += [*_tag_columns(runs), ""]
    _print(lines)


def _tag_columns(runs: Iterable[TaggedRun]) -> list[str]:
    every, of_users = merged(runs)
    colour = wants_colour(sys.stdout)
    return columns(every, lambda name: colour and name in of_users) or ["(none)"]


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
