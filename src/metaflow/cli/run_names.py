"""Finds the run, step or task that somebody means: ids may be shortened, and the latest run goes by that name."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ..client.deleted_runs import deleted_text
from ..exception import CommandException
from ..metadata_store.store import RunQuery, TaskQuery
from .run_search import runs_of

if TYPE_CHECKING:
    from ..metadata_store.records import RunRecord, TaskRecord
    from .reading import Place

_LATEST = re.compile(r"latest(?:~(?P<before>\d{1,9}))?")
_RUN_ID = re.compile(rf"\d.*|{_LATEST.pattern.replace('?P<before>', '?:')}")
_FORMS = (
    "A run is named as FLOW/RUN, as its id alone, by the beginning or the end of its id, or as `latest` or `latest~1` "
    "(the one before)."
)
_SHOWN = 5


class Named(NamedTuple):
    """What a pathspec names.

    Attributes
    ----------
    run : RunRecord
    rest : tuple of str
        What follows the run: step, task, artifact.
    """

    run: RunRecord
    rest: tuple[str, ...]

    @property
    def pathspec(self) -> str:
        """In full."""
        return "/".join((self.run.flow, self.run.run_id, *self.rest))


def find_run(place: Place, text: str) -> RunRecord:
    """The run that `text` names: ``FLOW/RUN``, ``RUN``, or ``FLOW`` for its latest run.

    Raises
    ------
    CommandException
        There is no such run, or several could be meant.
    """
    named = find_named(place, text)
    if named.rest:
        raise CommandException(f"'{text}' names more than a run. {_FORMS}")
    return named.run


def find_named(place: Place, text: str, most: int = 5) -> Named:
    """The run that a pathspec begins with, and the rest of the pathspec.

    Parameters
    ----------
    place : Place
        Where to look. The namespace counts for ``latest``, and where several ids begin or end the same.
    text : str
        ``[FLOW/]RUN[/STEP[/TASK[/ARTIFACT]]]``, or the name of a flow for its latest run.
    most : int
        Number of parts that it may have, with the flow.

    Raises
    ------
    CommandException
        There is no such flow or run, several could be meant, or it has another form.
    """
    parts = text.strip().strip("/").split("/")
    flow = None if _RUN_ID.fullmatch(parts[0]) else parts.pop(0)
    if not all(parts) or len(parts) > most - 1 or (flow is not None and not flow):
        shape = "/".join(("FLOW", "RUN", "STEP", "TASK", "ARTIFACT")[:most])
        raise CommandException(f"'{text}' is not of the form {shape}. {_FORMS}")
    run_id = parts[0] if parts else flow or ""
    if run_id.startswith("latest~") and not _LATEST.fullmatch(run_id):
        raise CommandException(f"'{run_id}' does not say how many runs before the latest one: write `latest~1`.")
    if flow is not None:
        check_flow(place, flow)
    run_id = parts[0] if parts else "latest"
    latest = _LATEST.fullmatch(run_id)
    if latest is not None:
        return Named(_latest(place, flow, int(latest["before"] or 0)), tuple(parts[1:]))
    return Named(_by_id(place, flow, run_id), tuple(parts[1:]))


def names_a_flow(text: str) -> bool:
    """Whether a text can only be the name of a flow, for whose latest run it stands where one run is asked for."""
    return "/" not in text and not _RUN_ID.fullmatch(text)


def check_flow(place: Place, flow: str) -> None:
    """Refuse the name of a flow that has no runs.

    Raises
    ------
    CommandException
        It has none; the message says which flows have.
    """
    if place.provider.flows(flow):
        return
    names = [record.flow for record in place.provider.flows()]
    close = get_close_matches(flow, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    there = f"Flows with runs: {', '.join(names)}." if names else "No flow has run here yet."
    raise CommandException(f"No flow called {flow} has run here. {hint}{there}")


def _latest(place: Place, flow: str | None, before: int) -> RunRecord:
    """The run that was started last in the namespace, or so many before it."""
    runs = runs_of(place.provider, RunQuery(flow, place.tags, limit=before + 1))
    if len(runs) == before + 1:
        return runs[-1]
    of = f"of {flow} " if flow is not None else ""
    there = {0: "There is no run", 1: "There is only 1 run"}.get(len(runs), f"There are only {len(runs)} runs")
    hint = " Give --all-users to look at everybody's." if place.namespace is not None else ""
    raise CommandException(f"{there} {of}in {place.described}.{hint}")


def _by_id(place: Place, flow: str | None, text: str) -> RunRecord:
    exact = place.provider.run(flow, text) if flow is not None else None
    if exact is not None:
        return exact
    if (flow, text) in place.provider.deleted:
        raise CommandException(deleted_text(flow or "", text))
    found = runs_of(place.provider, RunQuery(flow, id_part=text))
    same = [run for run in found if run.run_id == text]
    found = same or found
    if len(found) > 1 and place.namespace is not None:
        # The namespace decides only what the text alone does not.
        found = [run for run in found if place.namespace in (*run.tags, *run.system_tags)] or found
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{run.flow}/{run.run_id}" for run in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise CommandException(f"'{text}' could be any of {len(found)} runs: {shown}{more}. Give more of the id.")
    raise CommandException(
        f"There is no run {text if flow is None else f'{flow}/{text}'}. {_nearby(place, flow, text)}"
    )


def _nearby(place: Place, flow: str | None, text: str) -> str:
    """What there is instead of a run that does not exist."""
    runs = runs_of(place.provider, RunQuery(flow, limit=200))
    if not runs:
        return "There are no runs here yet."
    close = get_close_matches(text, [run.run_id for run in runs], n=1, cutoff=0.8)
    meant = next((run for run in runs if close and run.run_id == close[0]), None)
    if meant is not None:
        return f"Did you mean {meant.flow}/{meant.run_id}?"
    shown = ", ".join(f"{run.flow}/{run.run_id}" for run in runs[:_SHOWN])
    return f"The latest runs are {shown}."


def find_tasks(place: Place, named: Named) -> list[TaskRecord]:
    """Latest attempts of the tasks that `named` names, in the order in which they were started.

    Raises
    ------
    CommandException
        The run has no such step or task.
    """
    run, provider = named.run, place.provider
    step, task_id = (*named.rest, None, None)[:2]
    found = provider.tasks(TaskQuery(run.flow, run.run_id, step, task_id))
    if step is None:
        return [task for task in reversed(found) if not task.step.startswith("_")]
    if found:
        return found[::-1]
    of_step = provider.tasks(TaskQuery(run.flow, run.run_id, step)) if task_id is not None else []
    if of_step:
        ids = [task.task_id for task in reversed(of_step)]
        there = ", ".join(ids) if len(ids) <= _SHOWN else f"{ids[0]} to {ids[-1]}"
        raise CommandException(f"Step {run.flow}/{run.run_id}/{step} has no task {task_id}. Its tasks are: {there}.")
    steps = [record.step for record in provider.steps(run.flow, run.run_id) if not record.step.startswith("_")][::-1]
    close = get_close_matches(step, steps, n=1)
    if step in provider.graph(run.flow, run.run_id).get("steps", {}):
        raise CommandException(f"Step {step} of {run.flow}/{run.run_id} has no tasks: the run did not reach it.")
    hint = f" Did you mean {close[0]}?" if close else ""
    raise CommandException(
        f"Run {run.flow}/{run.run_id} has no step {step}.{hint} Its steps are: {', '.join(steps) or 'none so far'}."
    )
