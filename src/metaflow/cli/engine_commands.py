"""``kubernetes``, ``batch``, ``slurm``, ``ray`` and their like: what an engine has of the flow's runs, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import registry
from ..exception import CommandException
from .candidates import past_runs
from .messages import echo
from .reading import output_options
from .table import Column, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..compute.backend import JobQuery
    from ..compute.engine_jobs import KilledJob, ListedJob
    from ..datastore.store import ObjectStore
    from .flow_command import FlowState

#: How people call the engines that are ours.
_TITLES = {"batch": "AWS Batch", "kubernetes": "Kubernetes", "ray": "Ray", "slurm": "Slurm"}


def is_engine(name: str) -> bool:
    """Whether there is a command of that name."""
    return name in registry.names("compute_backends")


def engine_command(name: str) -> click.Command:
    """The command of an engine, by its name in the registry."""
    title = _TITLES.get(name, name)

    @click.group(name, help=f"List and end what {title} runs for this flow.")
    def engine() -> None:
        pass

    @engine.command("list", help=f"List what waits or runs on {title}: of your latest run, if nothing else is asked.")
    @_filters
    @output_options
    @click.pass_obj
    def list_(state: FlowState, /, as_json: bool, **filters: Any) -> None:
        _list(_jobs(state, name, **filters), as_json)

    @engine.command("kill", help=f"End what waits or runs on {title}: of your latest run, if nothing else is asked.")
    @_filters
    @output_options
    @click.pass_obj
    def kill(state: FlowState, /, as_json: bool, **filters: Any) -> None:
        from ..compute.engine_jobs import kill_jobs

        _report(kill_jobs(_jobs(state, name, **filters)), as_json)

    command: click.Command = engine
    return command


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--run-id", help="Of this run.", shell_complete=past_runs)(command)
    command = click.option("--user", metavar="NAME", help="Of this user's runs.")(command)
    return click.option("--my-runs", is_flag=True, help="Of all of your runs.")(command)


def _jobs(state: FlowState, name: str, my_runs: bool, user: str | None, run_id: str | None) -> list[ListedJob]:
    from ..compute.engine_jobs import connections_of, list_jobs

    query = _query(state, my_runs, user, run_id)
    store = _store_of(state, query)
    connections = connections_of(name, _graph(state), store, query.run_id)
    return list_jobs(name, connections, query)


def _store_of(state: FlowState, query: JobQuery) -> ObjectStore | None:
    """The datastore of the run that is asked for; None if it is not known here: its engine may know it all the same."""
    from ..client.provider_choice import current_provider
    from ..exception import MetaflowException
    from .past_tasks import read_datastore

    if query.run_id is None:
        return None
    try:
        read_datastore(state)
        provider = current_provider()
        known = provider.run(query.flow, query.run_id)
        return provider.store_of(query.flow, query.run_id) if known is not None else None
    except MetaflowException:
        return None


def _graph(state: FlowState) -> Any:
    from ..flow.graph import FlowGraph

    state.declaration.complete(state.decospecs)
    return FlowGraph(state.flow_class, state.declaration)


def _query(state: FlowState, my_runs: bool, user: str | None, run_id: str | None) -> JobQuery:
    """What is asked for.

    Raises
    ------
    click.UsageError
        If options exclude each other.
    CommandException
        If the latest run is meant, and there is none.
    """
    from ..compute.backend import JobQuery
    from ..identity import get_username
    from .past_tasks import read_datastore

    flow = state.flow_class.__name__
    if my_runs and (user is not None or run_id is not None):
        raise click.UsageError("--my-runs goes neither with --user nor with --run-id: give one of them.")
    if my_runs:
        return JobQuery(flow, user=get_username())
    if user is not None and run_id is None:
        return JobQuery(flow, user=user)
    if run_id is None:
        read_datastore(state)
        run_id = _latest_run(flow)
    return JobQuery(flow, run_id, user)


def _latest_run(flow: str) -> str:
    from ..client.provider_choice import current_provider
    from ..identity import get_username
    from ..metadata_store.store import RunQuery

    me = get_username()
    runs = current_provider().runs(RunQuery(flow, (f"user:{me}",), limit=1))
    if not runs:
        raise CommandException(
            f"There is no run of {flow} by you ({me}). Name one with --run-id, or somebody's runs with --user."
        )
    return runs[0].run_id


def _list(jobs: list[ListedJob], as_json: bool) -> None:
    if as_json:
        print_json([_plain(job) for job in jobs])
        return
    if not jobs:
        echo("Nothing waits or runs there.")
        return
    print_table(_columns(jobs))
    echo(_counted(jobs))


def _report(killed: list[KilledJob], as_json: bool) -> None:
    if as_json:
        print_json([{**_plain(each.listed), "killed": not each.problem, "problem": each.problem} for each in killed])
    elif not killed:
        echo("Nothing waits or runs there.")
    else:
        became = ["killed" if not each.problem else "left alone" for each in killed]
        columns = _columns([each.listed for each in killed])
        print_table([*columns[:-2], Column("became", became), Column("why", [each.problem for each in killed])])
    if any(each.problem for each in killed):
        raise SystemExit(1)


def _columns(jobs: list[ListedJob]) -> list[Column]:
    return [
        Column("run", [job.facts.get("run_id", "") for job in jobs]),
        Column("step", [job.facts.get("step", "") for job in jobs]),
        Column("task", [job.facts.get("task_id", "") for job in jobs]),
        Column("attempt", [job.facts.get("attempt", "") for job in jobs], numeric=True),
        Column("user", [job.facts.get("user", "") for job in jobs], may_be_cut=True),
        Column("job", [job.found.engine_id for job in jobs]),
        Column("state", [job.found.phase for job in jobs], is_status=True),
        Column("says", [job.found.foreign or job.found.text for job in jobs], may_be_cut=True),
    ]


def _counted(jobs: list[ListedJob]) -> str:
    running = sum(job.found.phase == "running" for job in jobs)
    waiting = len(jobs) - running
    parts = [f"{running} running"] * bool(running) + [f"{waiting} waiting"] * bool(waiting)
    return f"{len(jobs)} job{'s' * (len(jobs) > 1)}: {', '.join(parts)}."


def _plain(job: ListedJob) -> dict[str, Any]:
    return {
        **{name: job.facts.get(name) for name in ("run_id", "step", "task_id", "attempt", "user")},
        "job": job.found.engine_id,
        "state": job.found.phase,
        "text": job.found.text,
        "foreign": job.found.foreign,
    }
