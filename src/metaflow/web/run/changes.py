"""What changed between two runs of a flow: parameters, configs, code, environment, data, durations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.lineage import parents
from metaflow.client.run_values import value_of
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import TaskQuery
from metaflow.metadata_store.task_listing import TaskListing
from metaflow.web.run.changed_files import NO_FILES, changed_files
from metaflow.web.run.history import brief
from metaflow.web.run.reading import file_problem
from metaflow.web.run.recorded import recorded_run
from metaflow.web.run.settings_tree import decorators_of, leaves
from metaflow.web.run.values import own_names, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord
    from metaflow.metadata_store.task_listing import StepCount, TaskTables
    from metaflow.web.run.recorded import RecordedRun

_MOST_ROWS = 200
#: Durations never agree exactly. They differ from so many seconds, and from this share of the longer one, on.
_NOTABLE_SECONDS, _NOTABLE_SHARE = 1.0, 0.25
_OF_ENVIRONMENT = ("python_version_code", "metaflow_version", "platform", "username", "environment_type", "script")


def changes_between(
    provider: Provider, tables: TaskTables, base: RunRecord, run: RunRecord, now: float
) -> dict[str, Any]:
    """Tell what changed from one run to another one.

    Parameters
    ----------
    provider : Provider
        Reads records and files.
    tables : TaskTables
        Counts tasks.
    base, run : RunRecord
        The earlier run, and the one that is looked at.
    now : float
        The time, in seconds since the epoch.
    """
    before, after = recorded_run(provider, base), recorded_run(provider, run)
    problems = [*before.problems, *after.problems]
    files, environment = _code(before, after, problems)
    given = _rows(_parameters(before), _parameters(after))
    trees = _rows(_configs(before), _configs(after))
    return {
        "base": brief(base),
        "parameters": given,
        "configs": trees,
        "code": files,
        "environment": environment + _rows(decorators_of(before.graph), decorators_of(after.graph)),
        "data": _data(provider, tables, base, run, before, now, problems),
        "durations": _durations(tables.step_counts(base.flow, base.run_id), tables.step_counts(run.flow, run.run_id)),
        "problems": list(dict.fromkeys(problems)),
        "most_rows": _MOST_ROWS,
    }


def _rows(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """What differs; nothing stands for what is not there."""
    names = dict.fromkeys((*after, *before))
    return [
        {"name": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ][:_MOST_ROWS]


def _parameters(recorded: RecordedRun) -> dict[str, str]:
    # Two values can look alike in one short line and still differ: then their hashes tell them apart.
    return {each["name"]: _told_apart(each["text"], each["hash"], each["is_scalar"]) for each in parameters(recorded)}


def _told_apart(text: str, digest: str, is_scalar: bool) -> str:
    return text if is_scalar else f"{text} ({digest[:10]})"


def _configs(recorded: RecordedRun) -> dict[str, str]:
    trees: Mapping[str, Any] = recorded.start.get("configs", {})
    return {name: text for config, tree in trees.items() for name, text in leaves(tree, config).items()}


def _code(before: RecordedRun, after: RecordedRun, problems: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Files that changed, and in what the environments differ that the code was run in."""
    found: list[tuple[Mapping[str, bytes], dict[str, str]] | None] = []
    for recorded in (before, after):
        try:
            code = recorded.code
            info = {} if code is None else code.info
            facts = {name: str(info[name]) for name in _OF_ENVIRONMENT if info.get(name) is not None}
            found.append(None if code is None else (code.files, facts))
        except MetaflowException as error:
            problems.append(file_problem(error))
            found.append(None)
    first, second = found
    if first is None or second is None:
        return {"is_known": False, **NO_FILES}, []
    return {"is_known": True, **changed_files(first[0], second[0])}, _rows(first[1], second[1])


def _data(
    provider: Provider,
    tables: TaskTables,
    base: RunRecord,
    run: RunRecord,
    before: RecordedRun,
    now: float,
    problems: list[str],
) -> dict[str, Any] | None:
    """What entered the first failed task, beside what entered its counterpart; None if nothing failed."""
    listing = TaskListing(run.flow, run.run_id, now, (), ("failed",), order="finished_at", limit=1)
    failed = next((listed.task for listed in tables.listed_tasks(listing)), None)
    if failed is None:
        return None
    other = _counterpart(provider, base, failed)
    if other is None:
        return None
    known = (set(before.reader or ()), before.graph)
    try:
        sides = [_inputs(provider, task, known) for task in (other, failed)]
    except MetaflowException as error:
        problems.append(file_problem(error))
        return None
    return {
        "step": failed.step,
        "task_id": failed.task_id,
        "base_task_id": other.task_id,
        "artifacts": _rows(*sides),
    }


def _counterpart(provider: Provider, base: RunRecord, task: TaskRecord) -> TaskRecord | None:
    """The task of another run at the same place."""
    query = TaskQuery(base.flow, base.run_id, task.step, index_path=task.index_path, limit=1)
    return next(iter(provider.tasks(query)), None)


def _inputs(provider: Provider, task: TaskRecord, known: tuple[set[str], Mapping[str, Any]]) -> dict[str, str]:
    """What a task read from a task before it, by name; of a join, what the first of these had."""
    parent = next(parents(provider, task), None)
    reader = None if parent is None else provider.reader(parent)
    if reader is None:
        return {}
    names = [name for name in own_names(reader, known[1]) if name not in known[0]]
    values = {name: value_of(reader, name) for name in names}
    return {name: _told_apart(each.text, each.sha, each.is_scalar) for name, each in values.items()}


def _durations(before: Sequence[StepCount], after: Sequence[StepCount]) -> list[dict[str, Any]]:
    """Steps, with how long they took; notable are those that a person would call slower or faster."""
    earlier = {step.step: step for step in before}
    found = []
    for step in after:
        other = earlier.get(step.step)
        seconds, base_seconds = step.seconds, None if other is None else other.seconds
        notable = False
        if seconds is not None and base_seconds is not None:
            difference = abs(seconds - base_seconds)
            notable = difference >= max(_NOTABLE_SECONDS, _NOTABLE_SHARE * max(seconds, base_seconds))
        found.append(
            {
                "step": step.step,
                "before": base_seconds,
                "after": seconds,
                "tasks_before": None if other is None else other.tasks,
                "tasks_after": step.tasks,
                "is_notable": notable,
            }
        )
    return found
