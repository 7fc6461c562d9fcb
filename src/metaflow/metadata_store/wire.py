"""Events, queries and records as plain data that JSON can hold, for what goes through a network or into a log."""

from __future__ import annotations

from metaflow.exception import MetadataException
from metaflow.metadata_store import events as kinds
from metaflow.metadata_store.records import FlowRecord, RunOutcome, RunRecord, StepRecord, TaskRecord
from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery, ValueCondition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from metaflow.metadata_store.events import Event

_KINDS: dict[str, Any] = {
    "run_started": kinds.RunStarted,
    "run_ended": kinds.RunEnded,
    "run_forgotten": kinds.RunForgotten,
    "heartbeat": kinds.Heartbeat,
    "task_started": kinds.TaskStarted,
    "task_ended": kinds.TaskEnded,
    "tags_changed": kinds.TagsChanged,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_RECORDS: dict[str, Any] = {"run": RunRecord, "task": TaskRecord}


def event_to_plain(event: Event) -> dict[str, Any]:
    """An event as plain data: its fields, and its kind as ``kind``."""
    plain: dict[str, Any] = {"kind": _NAMES[type(event)]}
    for name, value in zip(event._fields, event):
        if isinstance(value, (RunRecord, TaskRecord)):
            plain[name] = value.to_dict()
        else:
            plain[name] = list(value) if isinstance(value, tuple) else value
    return plain


def event_from_plain(plain: Mapping[str, Any]) -> Event:
    """An event from plain data.

    Raises
    ------
    MetadataException
        If it is no event.
    """
    kind = _KINDS.get(plain.get("kind", ""))
    if kind is None:
        raise MetadataException(
            f"There is no kind of event called {plain.get('kind')!r}: there are {', '.join(_KINDS)}."
        )
    fields: dict[str, Any] = {}
    for name in kind._fields:
        if name not in plain:
            continue
        value = plain[name]
        if name in _RECORDS:
            fields[name] = _RECORDS[name].from_dict(value)
        else:
            fields[name] = tuple(value) if isinstance(value, list) else value
    try:
        event: Event = kind(**fields)
    except TypeError as error:
        raise MetadataException(f"An event of the kind {plain['kind']} lacks fields: {error}.") from error
    return event


def run_query_to_plain(query: RunQuery) -> dict[str, Any]:
    """A query for runs as plain data, without what has its default."""
    plain = _without_defaults(query)
    if query.values:
        plain["values"] = [_without_defaults(condition) for condition in query.values]
    if query.order is not None:
        plain["order"] = _without_defaults(query.order)
    return plain


def run_query_from_plain(plain: Mapping[str, Any]) -> RunQuery:
    """A query for runs from plain data.

    Raises
    ------
    MetadataException
        If it is none.
    """
    fields = _frozen(plain)
    try:
        if "values" in fields:
            fields["values"] = tuple(ValueCondition(**_frozen(condition)) for condition in plain["values"])
        if fields.get("order") is not None:
            fields["order"] = RunOrder(**fields["order"])
        return RunQuery(**fields)
    except TypeError as error:
        raise MetadataException(f"This is no query for runs: {error}.") from error


def task_query_to_plain(query: TaskQuery) -> dict[str, Any]:
    """A query for tasks as plain data, without what has its default."""
    return _without_defaults(query)


def task_query_from_plain(plain: Mapping[str, Any]) -> TaskQuery:
    """A query for tasks from plain data.

    Raises
    ------
    MetadataException
        If it is none.
    """
    fields = _frozen(plain)
    try:
        return TaskQuery(**fields)
    except TypeError as error:
        raise MetadataException(f"This is no query for tasks: {error}.") from error


def record_to_plain(record: FlowRecord | RunRecord | StepRecord | TaskRecord) -> dict[str, Any]:
    """A record as plain data; what a query has found out about a run is part of it."""
    if isinstance(record, (FlowRecord, StepRecord)):
        return record._asdict()
    plain = record.to_dict()
    if isinstance(record, RunRecord) and record.outcome is not None:
        plain["outcome"] = {name: value for name, value in record.outcome._asdict().items() if value is not None}
    return plain


def run_from_plain(plain: Mapping[str, Any]) -> RunRecord:
    """A run from plain data, with what a query has found out about it.

    Raises
    ------
    MetadataException
        If it is none.
    """
    run = RunRecord.from_dict(plain)
    outcome = plain.get("outcome")
    return run if outcome is None else run._replace(outcome=RunOutcome(**outcome))


def _without_defaults(query: Any) -> dict[str, Any]:
    defaults = query._field_defaults
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in zip(query._fields, query)
        if name not in defaults or value != defaults[name]
    }


def _frozen(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) if isinstance(value, list) else value for name, value in plain.items()}


def _tuple(value: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuple(item) if isinstance(item, list) else item for item in value)
