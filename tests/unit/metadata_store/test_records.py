from __future__ import annotations

import json

import pytest
from hypothesis import given

from metaflow.exception import MetadataException
from metaflow.metadata_store.records import RunRecord, TaskRecord

from .event_strategies import finished_tasks, runs


@given(finished_tasks)
def test_a_task_survives_json(task):
    assert TaskRecord.from_dict(json.loads(json.dumps(task.to_dict()))) == task


@given(runs)
def test_a_run_survives_json(run):
    assert RunRecord.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_a_graph_keeps_its_lists():
    graph = {"steps": {"start": {"next": ["end"]}}}
    run = RunRecord("F", "1", "ann", 1.0, graph=graph)
    assert RunRecord.from_dict(json.loads(json.dumps(run.to_dict()))).graph == graph


def test_defaults_are_left_out_and_plain_types_remain():
    task = TaskRecord("F", "1", "s", "2", 0, 1.5, index_path=(("start", 3),))
    assert task.to_dict() == {
        "flow": "F",
        "run_id": "1",
        "step": "s",
        "task_id": "2",
        "attempt": 0,
        "started_at": 1.5,
        "index_path": [["start", 3]],
    }


def test_keys_of_a_newer_version_are_ignored():
    plain = {"flow": "F", "run_id": "1", "user": "ann", "started_at": 1.0, "colour": "blue"}
    assert RunRecord.from_dict(plain) == RunRecord("F", "1", "ann", 1.0)


def test_an_absent_required_field_is_named():
    with pytest.raises(MetadataException, match="RunRecord.*lacks run_id, user"):
        RunRecord.from_dict({"flow": "F", "started_at": 1.0})


def test_metadata_of_one_task_cannot_be_changed_through_another():
    record = TaskRecord.from_dict(TaskRecord("F", "1", "s", "2", 0, 1.5).to_dict())
    with pytest.raises(TypeError):
        record.metadata["k"] = "v"
    assert record.metadata == {}
