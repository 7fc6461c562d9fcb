"""What a step is told to ask for."""

from __future__ import annotations

import pytest

from metaflow.metadata_store.records import TaskRecord
from metaflow.web.task.resources import suggestions

MB = 1024 * 1024


def record(seconds: float = 60, status="done") -> TaskRecord:
    return TaskRecord("F", "1", "a", "1", 0, 0.0, status=status, finished_at=seconds)


@pytest.mark.parametrize(
    ("used", "asked", "expected"),
    [
        (300, None, ("unasked", 512)),
        (300, 4096, ("too_much", 512)),
        (5000, 4096, ("too_little", 6400)),
        (3500, 4096, None),
        (100, 256, None),  # less is not worth asking for
    ],
)
def test_memory(used, asked, expected):
    found = suggestions(record(), {"peak_memory": used * MB}, {} if asked is None else {"memory": asked}, None)
    assert [(each["reason"], each["amount"]) for each in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("busiest", "asked", "expected"),
    [(0.1, 4, 0.25), (1.02, None, 1.0), (3.7, 1, 4.0), (7.9, 8, None), (1.0, None, 1.0)],
)
def test_processors(busiest, asked, expected):
    found = suggestions(record(), {}, {} if asked is None else {"cpu": asked}, busiest)
    assert [each["amount"] for each in found] == ([] if expected is None else [expected])


def test_an_attempt_that_was_short_or_still_runs_says_nothing():
    used, asked = {"peak_memory": 5 * MB}, {"memory": 9999.0}
    assert suggestions(record(1), used, asked, 1) == suggestions(record(status="running"), used, asked, 1) == []


def test_a_processor_for_graphics_that_nobody_used_is_too_much():
    found = suggestions(record(), {}, {"gpu": 2}, 0.5)
    assert {"kind": "gpu", "amount": 0, "asked": 2, "used": 0.0, "reason": "too_much"} in found
