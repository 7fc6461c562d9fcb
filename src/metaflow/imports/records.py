"""Records of imported runs and tasks, in our own terms. No I/O."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from metaflow.client.task_metadata import CARD_INFO
from metaflow.imports.plain_pickle import Opaque
from metaflow.imports.source import PARAMETERS_STEP
from metaflow.metadata_store.records import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.imports.attempts import SourceAttempt, SourceTask
    from metaflow.imports.documents import Created, Field
    from metaflow.imports.lineage import Origin
    from metaflow.metadata_store.records import RunStatus

#: Message of a run that has no end.
UNFINISHED = "it had not finished when it was imported"
#: Metadata field of a task with cards: a JSON list of their types, ids, hashes and files.
CARDS_FIELD = "cards"

#: What Metaflow writes where there is no run that was resumed.
_NO_ORIGIN = "None"
#: Fields that the client makes from the record.
_DERIVED = frozenset(
    {
        "attempt",
        "attempt-done",
        "attempt_ok",
        "ds-root",
        "ds-type",
        "end_step",
        "foreach-stack",
        "origin-run-id",
        "origin-task-id",
        "start_step",
    }
)
#: Fields that the client makes from the system tags of the run.
_FROM_TAGS = ("runtime", "python_version", "user", "production", "metaflow_version")
_CARD = re.compile(r"(?P<type>[^-]+)(?:-(?P<id>[^-]+))?-(?P<hash>[0-9a-f]+)\.html")


class RunFacts(NamedTuple):
    """What holds for all tasks of a run.

    Attributes
    ----------
    record : RunRecord
    start_step : str
    derived : dict of str to str
        Metadata fields that each task has anyway.
    """

    record: RunRecord
    start_step: str
    derived: dict[str, str]


def run_facts(flow: str, run_id: str, created: Created, tasks: Sequence[SourceTask], graph_info: Any) -> RunFacts:
    """Record of a run.

    Parameters
    ----------
    flow, run_id : str
        The run.
    created : Created
        What it says of itself.
    tasks : sequence of SourceTask
        All of its tasks.
    graph_info : object
        Plain value of its artifact ``_graph_info``; None if there is none.

    Returns
    -------
    RunFacts
        The run, and what its tasks share.
    """
    graph = as_json(graph_info) if isinstance(graph_info, dict) else None
    fields: dict[str, str] = {}
    for task in tasks:
        for attempt in task.attempts:
            fields.update({name: field.value for name, field in attempt.fields.items() if field.value != _NO_ORIGIN})
    start_step = fields.get("start_step") or (graph or {}).get("start_step") or "start"
    end_step = fields.get("end_step") or (graph or {}).get("end_step") or "end"
    started = min([created.at, *(attempt.started_at for task in tasks for attempt in task.attempts[:1])])
    signs = [attempt.finished_at for task in tasks for attempt in task.attempts]
    status, message = _status(tasks, end_step)
    record = RunRecord(
        flow=flow,
        run_id=run_id,
        user=created.user,
        started_at=started,
        tags=created.tags,
        system_tags=created.system_tags,
        status=status,
        finished_at=max([started, *signs]),
        script=fields.get("script-name"),
        origin_run_id=fields.get("origin-run-id"),
        message=message,
        start_step=start_step,
        end_step=end_step,
        graph=graph,
    )
    derived = {
        name: value for tag in record.system_tags for name, _, value in [tag.partition(":")] if name in _FROM_TAGS
    }
    if record.script is not None:
        derived["script-name"] = record.script
    return RunFacts(record, start_step, derived)


def _status(tasks: Iterable[SourceTask], end_step: str) -> tuple[RunStatus, str | None]:
    """How a run ended, and why if not well."""
    failed: list[SourceTask] = []
    for task in tasks:
        if task.attempts and task.step == end_step and task.attempts[-1].ok:
            return "done", None
        if task.attempts and task.attempts[-1].status == "failed":
            failed.append(task)
    if not failed:
        return "failed", UNFINISHED
    last = max(failed, key=lambda task: task.attempts[-1].finished_at)
    return "failed", f"Step {last.step} (task-id {last.task_id}) failed."


def steps_of(graph: dict[str, Any] | None) -> dict[str, list[str]]:
    """Steps of a graph, each with those that it leads to."""
    steps = (graph or {}).get("steps")
    if not isinstance(steps, dict):
        return {}
    found = {}
    for name, node in steps.items():
        targets = node.get("next") if isinstance(node, dict) else None
        found[str(name)] = [str(target) for target in targets] if isinstance(targets, list) else []
    return found


def attempt_record(
    run: RunFacts, task: SourceTask, attempt: SourceAttempt, origin: Origin, cards: Sequence[str]
) -> dict[str, Any]:
    """What the manifest of an attempt says beside its artifacts.

    Parameters
    ----------
    run : RunFacts
        Its run.
    task : SourceTask
    attempt : SourceAttempt
    origin : Origin
        Where it stands in the run.
    cards : sequence of str
        File names of its cards.

    Returns
    -------
    dict
        ``task`` is what ``TaskRecord.from_dict`` takes; the rest is what resuming a run needs.
    """
    flow, run_id = run.record.flow, run.record.run_id
    way = attempt.way
    record: dict[str, Any] = {
        "flow": flow,
        "run_id": run_id,
        "step": task.step,
        "task_id": task.task_id,
        "attempt": attempt.number,
        "status": attempt.status,
        "ok": attempt.ok,
        "success": attempt.success,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "inputs": list(origin.inputs),
        "metadata": _metadata(run, attempt, cards),
    }
    if origin.frames:
        record["index_path"] = [(frame.step, frame.index) for frame in origin.frames]
        record["foreach_stack"] = [(f.variable, f.label or "", f.index, f.num_splits) for f in origin.frames]
    if origin.iteration is not None:
        record["iteration"] = origin.iteration
    if attempt.error is not None:
        record["error"] = attempt.error
    origin_run, origin_task = attempt.fields.get("origin-run-id"), attempt.fields.get("origin-task-id")
    if origin_run is not None and origin_task is not None:
        record["origin"] = f"{flow}/{origin_run.value}/{task.step}/{origin_task.value}"
    targets = list(way.targets)
    if task.step == PARAMETERS_STEP:
        targets = [run.start_step]
    content: dict[str, Any] = {"task": record, "frames": origin.frames, "transition": [targets, way.foreach]}
    if way.foreach is not None:
        content["num_splits"] = way.num_splits
        content["labels"] = None if way.labels is None else list(way.labels)
    return content


def _metadata(run: RunFacts, attempt: SourceAttempt, cards: Sequence[str]) -> dict[str, str]:
    kept = {
        name: field.value
        for name, field in attempt.fields.items()
        if name not in _DERIVED and run.derived.get(name) != field.value and not _is_of_card(field)
    }
    of_cards = [field.value for field in attempt.fields.values() if _is_of_card(field)]
    if of_cards:
        kept[CARD_INFO] = f"[{', '.join(of_cards)}]"  # each of them JSON already
    if attempt.stack:
        # Each with the step that the foreach leads to, as Metaflow writes it; also for clones, which have none there.
        kept["foreach-execution-path"] = ",".join([f"{frame.step}:{frame.index}" for frame in attempt.stack])
    found = [(name, match) for name in cards if (match := _CARD.fullmatch(name)) is not None]
    if found:
        kept[CARDS_FIELD] = json.dumps([{**match.groupdict(), "file": name} for name, match in found])
    return kept


def _is_of_card(field: Field) -> bool:
    """Whether a field says of a card what there is to know of it."""
    if field.type != CARD_INFO:
        return False
    try:
        return json.loads(field.value)["card_uuid"] == field.name  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError):
        return False


def as_json(value: Any) -> Any:
    """A plain value in the terms of JSON."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Opaque):
        return f"<{type(value).__module__}.{type(value).__qualname__}>"
    return str(value)
