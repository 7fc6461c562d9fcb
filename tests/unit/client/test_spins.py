"""Spun steps are found by whatever asks for them, also while an object made before is still in use."""

from __future__ import annotations

import json

from metaflow.client import Flow, Metaflow, inspect_spin, namespace
from metaflow.datastore.layout import run_key
from metaflow.datastore.local import LocalStore
from metaflow.metadata_store.records import RunRecord


def spun(tmp_path, run_id):
    record = RunRecord("F", run_id, "ann", float(run_id), status="done", finished_at=float(run_id) + 1)
    directory = tmp_path / ".metaflow_spin"
    directory.mkdir(exist_ok=True)
    LocalStore(directory).put(run_key("F", run_id), [json.dumps(record.to_dict()).encode()])


def test_spun_steps_are_found_at_once(tmp_path):
    spun(tmp_path, "1")
    inspect_spin(str(tmp_path))
    namespace(None)
    assert [run.id for run in Metaflow().runs()] == ["1"]
    flow = Flow("F")
    spun(tmp_path, "2")
    assert flow.latest_run.id == "2"
    spun(tmp_path, "3")
    assert [run.id for run in flow.runs(status="done")] == ["3", "2", "1"]
    spun(tmp_path, "4")
    assert [row["run"] for row in flow.table()] == ["4", "3", "2", "1"]
