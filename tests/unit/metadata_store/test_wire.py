"""What goes through a network comes back as it was."""

from __future__ import annotations

import json

import pytest

from metaflow.exception import MetadataException
from metaflow.metadata_store import wire
from metaflow.metadata_store.events import (
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TagsChanged,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.records import RunOutcome, RunRecord, TaskRecord
from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery, ValueCondition

RUN = RunRecord("F", "1", "me", 1.5, tags=("a", "b"), rerun_steps=("x",), datastore="s3://b/p")
TASK = TaskRecord("F", "1", "s", "2", 0, started_at=2.5, index_path=(("start", 3),))


def travelled(plain):
    return json.loads(json.dumps(plain))


@pytest.mark.parametrize(
    "event",
    [
        RunStarted(RUN),
        RunEnded("F", "1", "failed", 3.0, "why"),
        RunForgotten("F", "1"),
        Heartbeat("F", "1", 4.0),
        TaskStarted(TASK),
        TaskEnded(TASK),
        TagsChanged("F", "1", ("a",), ("b", "c")),
    ],
)
def test_events(event):
    assert wire.event_from_plain(travelled(wire.event_to_plain(event))) == event


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery("F", ("t",), "done", "me", 1.0, 2.0, 3, (1.0, "F", "1"), True, id_part="1"),
        RunQuery(
            values=(ValueCondition("parameter", "a", "in", (1, "x", None)), ValueCondition("artifact", "b", "=", 2))
        ),
        RunQuery(order=RunOrder("parameter", "a", True), after=(None, 1.0, "F", "1"), with_values=True),
    ],
)
def test_queries_for_runs(query):
    assert wire.run_query_from_plain(travelled(wire.run_query_to_plain(query))) == query


def test_queries_for_tasks():
    query = TaskQuery("F", "1", "s", index_path=(("a", 1), ("b", 2)), nested=True, after=(1.0, "s", "1", 0))
    assert wire.task_query_from_plain(travelled(wire.task_query_to_plain(query))) == query


def test_records():
    run = RUN._replace(outcome=RunOutcome(True, True, 5.0, {"alpha": 1}, None))
    assert wire.run_from_plain(travelled(wire.record_to_plain(run))) == run
    assert TaskRecord.from_dict(travelled(wire.record_to_plain(TASK))) == TASK


def test_what_is_no_event_or_query_is_refused():
    for make, plain in (
        (wire.event_from_plain, {}),
        (wire.event_from_plain, {"kind": "heartbeat", "flow": "F"}),
        (wire.run_query_from_plain, {"nope": 1}),
        (wire.task_query_from_plain, {"flow": "F"}),
    ):
        with pytest.raises(MetadataException):
            make(plain)
