"""Which tasks a task read from and which read from it, a few levels each way, and what each of them made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.datastore.layout import parse_attempt
from metaflow.datastore.tasks import open_tasks
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.graph.recorded import read_graph
from metaflow.web.run.reading import file_problem
from metaflow.web.task.artifacts import entries_before, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import TaskRecord

#: Tasks that are shown of one level, levels each way, and tasks that are looked at to find children.
_MOST_OF_LEVEL = 12
MOST_LEVELS = 4
_CANDIDATES = 300
#: Names of artifacts that are listed of each task.
_MOST_NAMES = 30


class _Key(NamedTuple):
    """Which task of the run."""

    step: str
    task_id: str


class _Level(NamedTuple):
    """Tasks as far from the one in the middle: below zero before it, above zero behind it."""

    distance: int
    tasks: list[TaskRecord]
    left_out: int
    left_out_is_least: bool


def lineage(provider: Provider, record: TaskRecord, up: int, down: int) -> dict[str, Any]:
    """Tasks around a task, level by level, and which of them read from which.

    Parameters
    ----------
    provider : Provider
    record : TaskRecord
        The one in the middle.
    up, down : int
        How many levels before it and behind it.
    """
    steps = _next_steps(provider, record)
    levels = [_Level(0, [record], 0, False)]
    before = levels[0]
    for distance in range(1, up + 1):
        before = _before(provider, before, -distance)
        if not before.tasks:
            break
        levels.insert(0, before)
    behind = levels[-1]
    for distance in range(1, down + 1):
        behind = _behind(provider, behind, steps, distance)
        if not behind.tasks:
            break
        levels.append(behind)
    shown = {_key(task) for level in levels for task in level.tasks}
    edges = [
        {"source": source._asdict(), "target": _key(task)._asdict()}
        for level in levels
        for task in level.tasks
        for source in dict.fromkeys(_key_of(text) for text in task.inputs)
        if source in shown
    ]
    return {
        "levels": [
            {
                "distance": level.distance,
                "tasks": [_node(provider, task) for task in level.tasks],
                "left_out": level.left_out,
                "left_out_is_least": level.left_out_is_least,
            }
            for level in levels
        ],
        "edges": edges,
        "origin": record.origin,
    }


def _key(task: TaskRecord) -> _Key:
    return _Key(task.step, task.task_id)


def _key_of(text: str) -> _Key:
    step, task_id, _ = parse_attempt(text)
    return _Key(step, task_id)


def _next_steps(provider: Provider, record: TaskRecord) -> Mapping[str, list[str]]:
    """The steps that may follow each step; empty if the graph cannot be had."""
    try:
        graph = provider.graph(record.flow, record.run_id)
    except MetaflowException:
        return {}
    return {step.name: list(step.targets) for step in read_graph(graph).steps.values()}


def _before(provider: Provider, level: _Level, distance: int) -> _Level:
    inputs = list(dict.fromkeys(_key_of(text) for task in level.tasks for text in task.inputs))
    tasks = []
    for step, task_id in inputs[:_MOST_OF_LEVEL]:
        tasks += provider.tasks(TaskQuery(level.tasks[0].flow, level.tasks[0].run_id, step, task_id))
    return _Level(distance, tasks, max(0, len(inputs) - _MOST_OF_LEVEL), False)


def _behind(provider: Provider, level: _Level, steps: Mapping[str, list[str]], distance: int) -> _Level:
    found: dict[_Key, TaskRecord] = {}
    is_cut = False
    for task in level.tasks:
        for step in _following(provider, task, steps):
            candidates, is_whole = _candidates(provider, task, step)
            is_cut = is_cut or not is_whole
            beginning = f"{task.step}/{task.task_id}/"
            for other in candidates:
                if any(text.startswith(beginning) for text in other.inputs):
                    found.setdefault(_key(other), other)
    tasks = sorted(found.values(), key=lambda each: (each.index_path, each.started_at))
    return _Level(distance, tasks[:_MOST_OF_LEVEL], max(0, len(tasks) - _MOST_OF_LEVEL), is_cut)


def _following(provider: Provider, task: TaskRecord, steps: Mapping[str, list[str]]) -> list[str]:
    if task.step in steps:
        return steps[task.step]
    if task.step == "_parameters":
        return [name for name in steps if not any(name in each for each in steps.values())]
    return [each.step for each in provider.steps(task.flow, task.run_id)] if not steps else []


def _candidates(provider: Provider, task: TaskRecord, step: str) -> tuple[list[TaskRecord], bool]:
    """Tasks of a step that can have read from `task`, by their place in foreaches; and whether these are all."""
    place = task.index_path
    query = TaskQuery(task.flow, task.run_id, step, index_path=place, nested=True, limit=_CANDIDATES)
    found = provider.tasks(query)
    if place:
        found += provider.tasks(TaskQuery(task.flow, task.run_id, step, index_path=place[:-1], limit=_CANDIDATES))
    return found, len(found) < _CANDIDATES


def _node(provider: Provider, task: TaskRecord) -> dict[str, Any]:
    node: dict[str, Any] = {
        "step": task.step,
        "task_id": task.task_id,
        "attempt": task.attempt,
        "status": task.status,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "foreach_value": task.foreach_stack[-1][1] if task.foreach_stack else None,
        "inputs": len(task.inputs),
        "made": [],
        "changed": [],
        "passed_on": 0,
        "problem": None,
    }
    try:
        store = provider.store_of(task.flow, task.run_id)
        opened = open_tasks(store, task.flow, task.run_id, [(task.step, task.task_id, task.attempt)])[0]
        if isinstance(opened, MetaflowException):
            raise opened
    except MetaflowException as error:
        if task.status not in ("running", "killed"):
            node["problem"] = file_problem(error)
        return node
    node.update(_made(provider, task, opened))
    return node


def _made(provider: Provider, task: TaskRecord, reader: TaskReader) -> dict[str, Any]:
    before, _ = entries_before(provider, task)
    states: dict[str, list[str]] = {"new": [], "changed": [], "inherited": []}
    for name in reader:
        if not name.startswith("_"):
            states[state_of(name, reader.entry(name), before, ())].append(name)
    return {
        "made": sorted(states["new"])[:_MOST_NAMES],
        "changed": sorted(states["changed"])[:_MOST_NAMES],
        "passed_on": len(states["inherited"]),
    }
