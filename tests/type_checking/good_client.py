"""Reading what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import assert_type

from metaflow import (
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Step,
    Task,
    current,
    default_namespace,
    get_metadata,
    metadata,
    namespace,
    parallel_imap_unordered,
    parallel_map,
    profile,
)
from metaflow.client import MetaflowCode
from metaflow.exception import MetaflowNotFound

namespace(None)
assert_type(metadata("."), str)
print(default_namespace(), get_metadata())

for flow in Metaflow():
    assert_type(flow, Flow)

try:
    run = Flow("TrainFlow").latest_successful_run or Run("TrainFlow/1")
except MetaflowNotFound as error:
    raise SystemExit(error.message) from error

assert_type(run, Run)
assert_type(run.successful, bool)
assert_type(run.tags, frozenset[str])
assert_type(run.finished_at, datetime | None)
run.add_tags(["good", "new"])
for each in Flow("TrainFlow").runs("good"):
    assert_type(each, Run)
for one_step in run:
    assert_type(one_step, Step)
    for task in one_step:
        assert_type(task, Task)
        assert_type(task.data.model, Any)
        assert_type(task.index, int | None)
        for artifact in task:
            assert_type(artifact, DataArtifact)
        print(task["model"].data, task.metadata_dict["attempt"], task.metadata[0].created_at + 1)

assert_type(run["train"], Step)
assert_type(run["train"]["2"], Task)
code = run.code
if code is not None:
    assert_type(code, MetaflowCode)
    assert_type(code.files["flow.py"], bytes)
    with code.extract() as directory:
        assert_type(directory, str)
if run.trigger is not None:
    assert_type([event.timestamp for event in run.trigger], list[datetime])
    assert_type(current.trigger.runs, list[Run] | None)

with profile("squares"):
    assert_type(parallel_map(lambda number: number * 0.5, [1, 2]), list[float])
print(list(parallel_imap_unordered(str, [1, 2], max_parallel=2)))
