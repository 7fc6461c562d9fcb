from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.scalars import is_scalar
from metaflow.datastore.task_writer import TaskWriter
from metaflow.testing.memory_store import MemoryStore


class Text(str):
    pass


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300)))
def test_what_is_a_scalar_survives_json_with_its_type(value):
    if is_scalar(value):
        again = json.loads(json.dumps(value))
        assert again == value and type(again) is type(value)
    else:
        assert not isinstance(value, bool) and value is not None


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, float("nan"), float("inf"), "x" * 201, Text("x"), b"x", 1j, [1], (1,), object()]
)
def test_what_is_none(value):
    assert not is_scalar(value)


def test_numbers_of_numpy_are_none():
    numpy = pytest.importorskip("numpy")
    assert not is_scalar(numpy.float64(1)) and not is_scalar(numpy.int64(1)) and not is_scalar(numpy.bool_(True))


@pytest.fixture
def writer():
    return TaskWriter(MemoryStore(), "F", "1", "start", "1", 0)


def test_a_writer_knows_the_public_scalars_that_it_saved_and_forwarded(writer):
    entry = writer.save("a", 1)
    writer.save("_private", 1)
    writer.save("list", [1])
    writer.save("long", "ü" * 201)
    writer.save("text", "\U0001f600" * 200)
    writer.forward("b", entry)
    assert writer.values == {"a": 1, "b": 1, "text": "\U0001f600" * 200}


def test_the_last_of_two_values_counts(writer):
    entry = writer.save("a", 1)
    writer.save("a", [1])
    writer.forward("b", entry)
    writer.save("b", 3)
    assert writer.values == {"b": 3}


def test_of_many_the_last_are_known(writer):
    entry = writer.save("first", 0)
    for number in range(100):
        writer.forward(f"inherited_{number}", entry)
    for number in range(60):
        writer.save(f"own_{number}", number)
    assert len(writer.values) == 100
    assert {f"own_{number}" for number in range(60)} <= set(writer.values)
