"""What a run that is over has brought: what its last step left, and the cards of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.cards.stored import cards_of_tasks
from metaflow.client.run_values import ValueReader
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.run.reading import file_problem
from metaflow.web.run.values import plain_value

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord

MOST_ARTIFACTS = 100
_MOST_STEPS = 30
#: Cards are listed of so many tasks of a step. From four on, all that the step has would be listed.
_TASKS_OF_STEP = 3


def results_of(provider: Provider, run: RunRecord) -> dict[str, Any]:
    """Read what a run has brought.

    Parameters
    ----------
    provider : Provider
        Reads records and files.
    run : RunRecord
    """
    problems: list[str] = []
    end = next(iter(provider.tasks(TaskQuery(run.flow, run.run_id, run.end_step or "end", limit=1))), None)
    try:
        found = ValueReader(provider, problems.append).results_of(run)
        cards = _cards(provider, run)
    except MetaflowException as error:
        problems.append(file_problem(error))
        found, cards = {}, []
    return {
        "step": None if end is None else end.step,
        "task_id": None if end is None else end.task_id,
        "artifacts": [plain_value(name, value) for name, value in list(found.items())[:MOST_ARTIFACTS]],
        "artifacts_in_all": len(found),
        "cards": cards,
        "problems": problems,
    }


def _cards(provider: Provider, run: RunRecord) -> list[dict[str, Any]]:
    """Cards of the first tasks of the steps that have cards."""
    tasks: list[TaskRecord] = []
    for step in _steps_with_cards(provider, run)[:_MOST_STEPS]:
        tasks += provider.tasks(TaskQuery(run.flow, run.run_id, step, limit=_TASKS_OF_STEP))
    return [
        {
            "step": each.task.step,
            "task_id": each.task.task_id,
            "type": card.name.type,
            "id": card.name.id,
            "hash": card.name.hash,
            "at": card.modified_at,
            "size": card.size,
        }
        for each in cards_of_tasks(provider, tasks)
        for card in each.cards
    ]


def _steps_with_cards(provider: Provider, run: RunRecord) -> list[str]:
    steps = provider.graph(run.flow, run.run_id).get("steps")
    if not isinstance(steps, dict):
        return []
    return [
        name
        for name, step in steps.items()
        if any(each.get("name") == "card" for each in step.get("decorators") or () if isinstance(each, dict))
    ]
