from __future__ import annotations

import functools
import pickle
import threading
from collections import deque, namedtuple
from dataclasses import dataclass, field
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from metaflow.datastore import serializer
from metaflow.datastore.serializer import OUT_OF_BAND_BYTES, deserialize, serialize
from metaflow.exception import DataException, TimeoutException, UnpicklableArtifactException

keys = st.text() | st.integers()
nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(keys, inner) | st.sets(st.integers()),
    max_leaves=20,
)


def round_trip(value):
    done = serialize(value)
    return deserialize(done.encoding, done.stream, [bytearray(buffer) for buffer in done.buffers])


@given(nested)
def test_nested_values_come_back(value):
    assert round_trip(value) == value


@settings(max_examples=80)
@given(
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
    ),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([0, OUT_OF_BAND_BYTES]),
)
def test_arrays_of_any_type_and_stride_come_back(array, transpose, step, threshold):
    array = array.T if transpose else array
    array = array[::-step] if array.ndim else array
    with mock.patch.object(serializer, "OUT_OF_BAND_BYTES", threshold):
        copy = round_trip(array)
    assert copy.shape == array.shape
    # NumPy itself gives some arrays back in the machine's byte order.
    assert copy.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert copy.astype(array.dtype).tobytes() == array.tobytes()


@pytest.mark.parametrize("size", [OUT_OF_BAND_BYTES - 1, OUT_OF_BAND_BYTES, OUT_OF_BAND_BYTES + 1])
def test_only_large_buffers_leave_the_stream(size):
    array = np.frombuffer(bytearray(np.random.default_rng(0).bytes(size)), dtype=np.uint8)
    done = serialize(array)
    assert [buffer.nbytes for buffer in done.buffers] == ([size] if size >= OUT_OF_BAND_BYTES else [])
    assert done.size >= size
    assert (len(done.stream) < 1000) == (size >= OUT_OF_BAND_BYTES)
    assert np.array_equal(round_trip(array), array)


def test_buffers_are_not_copies():
    array = np.zeros(100_000)
    (buffer,) = serialize(array).buffers
    array[0] = 1
    assert bytes(buffer[:8]) == array[:1].tobytes()


def make_arrays(count):
    """Large arrays as they come in practice: strided, transposed, reversed, read-only."""
    plain = np.arange(count * 2, dtype=np.float64).reshape(2, count)
    frozen = plain.copy()
    frozen.flags.writeable = False
    return {
        "plain": plain,
        "transposed": plain.T,
        "every third": plain[:, ::3],
        "reversed": plain[::-1, ::-1],
        "broadcast": np.broadcast_to(np.arange(count), (2, count)),
        "read-only": frozen,
    }


@pytest.mark.parametrize("count", [10, 40_000])
@pytest.mark.parametrize("kind", make_arrays(1))
def test_odd_layouts_and_write_protection_come_back(count, kind):
    array = make_arrays(count)[kind]
    copy = round_trip(array)
    assert np.array_equal(copy, array)
    if kind in ("plain", "transposed"):
        assert copy.flags.writeable
    if kind == "read-only":
        assert not copy.flags.writeable


def test_frames_come_back():
    frame = pd.DataFrame({"number": np.arange(50_000.0), "text": ["ä", "b"] * 25_000, "when": pd.Timestamp(0)})
    done = serialize(frame)
    assert done.buffers
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_shared_references_stay_shared():
    array = np.zeros(100_000)
    first, second = round_trip([array, array])
    assert first is second


def test_type_names():
    assert serialize(1).type_name == "<class 'int'>"
    assert serialize(deque()).type_name == "<class 'collections.deque'>"
    assert serialize(1).encoding == "pickle-v5"


# -- values that cannot be pickled


class Holder:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("inner", "unset")

    def __init__(self, inner):
        self.inner = inner


class Reduced:
    def __init__(self, hidden):
        self._make = lambda: hidden

    def __reduce__(self):
        return (Holder, (), {"hidden": self._make()})


class FreshEveryTime:
    """What it cannot pickle exists only while it is pickled, after something that can be."""

    def __init__(self):
        self.fine = [1, 2]

    def __reduce__(self):
        return (Holder, (), {"fine": self.fine, "lock": threading.Lock()})


class Refusing:
    def __getstate__(self):
        raise ValueError("I would rather not")


class Private:
    __slots__ = ("__lock",)

    def __init__(self):
        self.__lock = LOCK


@dataclass
class Model:
    session: object
    weights: list = field(default_factory=lambda: list(range(1000)))


Pair = namedtuple("Pair", "left right")
LOCK = threading.Lock()


def local_class_instance():
    class Local:
        pass

    return Local()


def cyclic():
    child = Holder()
    parent = Holder(child=child, name="x", lock=LOCK)
    child.parent = parent
    return parent


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, "self.x"),
        (Holder(model=Holder(session=Holder(_lock=LOCK))), "self.x.model.session._lock"),
        (Model(session=LOCK), "self.x.session"),
        ([1, {"a": (2, LOCK)}], "self.x[1]['a'][1]"),
        ({"k" * 3: {7: LOCK}}, "self.x['kkk'][7]"),
        (Pair(1, LOCK), "self.x.right"),
        (Slotted(LOCK), "self.x.inner"),
        (Reduced(LOCK), "self.x.hidden"),
        ([FreshEveryTime()], "self.x[0]`"),
        (deque([1, LOCK]), "self.x[1]"),
        (Holder(f=lambda: 1), "self.x.f"),
        ({1: (n for n in ())}, "self.x[1]"),
        (Holder(thing=Refusing()), "self.x.thing"),
        (functools.partial(print, LOCK), "self.x"),
        (Holder(a=local_class_instance()), "self.x.a"),
        (cyclic(), "self.x.lock"),
        ([np.zeros(100_000), Holder(big=np.zeros(100_000), lock=LOCK)], "self.x[1].lock"),
        (Holder(view=pickle.PickleBuffer(memoryview(bytearray(10))[::2])), "self.x.view"),
        ([0] * 30_000 + [LOCK], "self.x[30000]"),
        ([[n] for n in range(210_000)] + [{"in": LOCK}], "self.x[210000]['in']"),
        ({n: {"at": n} for n in range(210_000)} | {"last": Holder(lock=LOCK)}, "self.x['last'].lock"),
        (({1, 2}, {Holder(lock=LOCK), *range(10_000)}), "self.x[1] (its item <"),
        (Private(), "self.x._Private__lock"),
        (Holder(call=Holder(lock=LOCK).__init__), "self.x.call (argument 0 of its reconstruction).lock"),
    ],
)
def test_the_part_at_fault_is_named(value, path):
    with pytest.raises(UnpicklableArtifactException) as caught:
        serialize(value, "self.x")
    message = str(caught.value)
    assert message.startswith(f"`{path}"), message
    assert str(caught.value.__cause__) in message
    assert "__getstate__" in message


def test_the_named_path_ends_at_the_part():
    with pytest.raises(UnpicklableArtifactException, match=r"^`self\.x\.model\.lock` cannot be pickled: cannot pickle"):
        serialize(Holder(model=Holder(lock=LOCK)), "self.x")


def test_too_deep_nesting_is_explained():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UnpicklableArtifactException, match="nested too deeply"):
        serialize(value, "self.deep")
    while value:  # taken apart from outside: freeing it in one go is deep as well
        value = value.pop()


class TimingOut:
    def __reduce__(self):
        raise TimeoutException("step took too long")


def test_a_timeout_while_pickling_stays_a_timeout():
    with pytest.raises(TimeoutException):
        serialize(TimingOut())


def test_unknown_encodings_are_named():
    with pytest.raises(DataException, match=r"'parquet-v9'.*pickle"):
        deserialize("parquet-v9", b"", [])
