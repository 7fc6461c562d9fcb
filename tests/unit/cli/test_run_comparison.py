"""What counts as a difference between runs."""

from __future__ import annotations

import pytest

from metaflow.client.run_comparison import Compared, compare
from metaflow.client.run_summary import StepSummary, summarise
from metaflow.client.run_values import Value
from metaflow.metadata_store.records import RunRecord, TaskRecord


def compared(run_id, duration=1.0, parameters=None, steps=(), files=None, **fields):
    run = RunRecord("F", run_id, "ann", 1000.0, status="done", **fields)
    summaries = [StepSummary(name, 1, {"done": 1}, 0, 0, 0.0, seconds) for name, seconds in steps]
    return Compared(run, duration, parameters or {}, {}, summaries, files)


def differing(*runs):
    return {row.name for rows in compare(runs).values() for row in rows if row.differs}


def test_values_that_look_alike_can_differ():
    same = Value("[1, 2, ... 900 items]", "list", 9, "aa")
    other = same._replace(sha="bb")
    assert differing(compared("1", parameters={"xs": same}), compared("2", parameters={"xs": same})) == set()
    assert differing(compared("1", parameters={"xs": same}), compared("2", parameters={"xs": other})) == {"xs"}
    (row,) = compare([compared("1", parameters={"xs": same}), compared("2")])["parameters"]
    assert row.texts == [same.text, "-"] and row.values == [same.text, None] and row.differs


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [(1.0, 1.09, False), (1.0, 1.2, True), (100.0, 104.0, False), (1.0, None, True), (None, None, False)],
)
def test_durations_differ_from_a_notable_amount_on(first, second, differs):
    assert ("all" in differing(compared("1", first), compared("2", second))) is differs


def test_steps_tags_and_code():
    first = compared("1", steps=[("a", 1.0), ("b", 2.0)], files={"f.py": "a" * 64, "same.py": "c"}, tags=("x",))
    second = compared("2", steps=[("a", 1.0), ("c", 2.0)], files={"f.py": "b" * 64, "same.py": "c"})
    assert differing(first, second) == {"b", "c", "f.py", "tags"}
    assert compare([first, second])["code"][0].texts == ["a" * 10, "b" * 10]
    assert differing(first, first._replace(files=None)) == {"code"}
    python = [("python_version:3.10", "user:ann"), ("python_version:3.12", "user:ann")]
    assert differing(*(compared("1", system_tags=tags) for tags in python)) == {"python_version"}


def test_tasks_are_summed_up_by_step():
    tasks = [
        TaskRecord("F", "1", "b", "3", 1, 30.0, created_at=20.0, status="done", ok=True, finished_at=35.0),
        TaskRecord("F", "1", "b", "2", 0, 12.0, status="running"),
        TaskRecord(
            "F", "1", "a", "1", 0, 10.0, status="done", ok=True, success=True, finished_at=11.0, origin="F/0/a/1"
        ),
    ]
    a, b = summarise(tasks)
    assert (a.step, a.tasks, a.counts, a.cloned, a.duration) == ("a", 1, {"done": 1}, 1, 1.0)
    assert (b.step, b.tasks, b.counts, b.retried, b.duration) == ("b", 2, {"caught": 1, "running": 1}, 1, None)
    assert b.started_at == 12.0
