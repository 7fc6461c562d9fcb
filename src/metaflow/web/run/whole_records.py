"""Records as answers for pages, with every field: what is left out where records are sent has its default here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.wire import record_to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def _defaults(fields: Mapping[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, default in fields.items():
        if name not in without:
            plain[name] = list(default) if isinstance(default, tuple) else default
    return plain


_OF_RUN = _defaults(RunRecord._field_defaults, ("graph",))
_OF_TASK = {**_defaults(TaskRecord._field_defaults, ("metadata", "values")), "metadata": {}, "values": {}}


def whole_run(run: RunRecord) -> dict[str, Any]:
    """A run with all of its fields but the graph."""
    return {**_OF_RUN, **record_to_plain(run._replace(graph=None))}


def whole_task(task: TaskRecord) -> dict[str, Any]:
    """An attempt with all of its fields."""
    return {**_OF_TASK, **record_to_plain(task)}
