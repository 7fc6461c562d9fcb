"""What people call tasks of a foreach: read for those that are shown, as a run may have very many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.attempt_rows import AttemptQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.metadata_store.attempt_rows import AttemptReader

_TASKS_AT_ONCE = 200
_MOST_ATTEMPTS = 20


def add_labels(reader: AttemptReader, flow: str, run_id: str, named: Sequence[dict[str, Any]]) -> None:
    """Say in each of some answers about tasks which values of the foreaches its task stands for.

    Parameters
    ----------
    reader : AttemptReader
    flow, run_id : str
        The run.
    named : sequence of dict
        Each with a ``step`` and a ``task_id``; gets a ``foreach``, which is empty outside of foreaches.

    Raises
    ------
    MetadataException
        The records of tasks cannot be read.
    """
    tasks = sorted({(each["step"], each["task_id"]) for each in named})
    labels: dict[tuple[str, str], str] = {}
    for begin in range(0, len(tasks), _TASKS_AT_ONCE):
        some = tuple(tasks[begin : begin + _TASKS_AT_ONCE])
        query = AttemptQuery(flow, run_id, len(some) * _MOST_ATTEMPTS, with_origins=True, tasks=some)
        labels.update({(row.step, row.task_id): _label(row.foreach_stack) for row in reader.attempts(query)})
    for each in named:
        each["foreach"] = labels.get((each["step"], each["task_id"]), "")


def _label(foreach_stack: str | None) -> str:
    stack = json.loads(foreach_stack or "[]")
    return ", ".join(f"{variable}={value}"[:200] for variable, value, _, _ in stack)
