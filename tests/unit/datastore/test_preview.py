from __future__ import annotations

import collections

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.preview import preview

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=30,
)


@given(values)
def test_previews_are_short_printable_and_deterministic(value):
    text = preview(value)
    assert 0 < len(text) <= 200
    assert text.isprintable()
    assert text == preview(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        17,
        -2.5,
        1 + 2j,
        "text",
        b"\x00b",
        [],
        [1, "a"],
        (),
        (1,),
        (1, 2),
        {},
        {"a": [1]},
        set(),
        {3},
        frozenset(),
        frozenset({1}),
    ],
)
def test_small_built_in_values_look_as_python_writes_them(value):
    assert preview(value) == repr(value)


def test_large_values_are_cut():
    assert preview("x" * 10_000).endswith("...")
    assert preview(list(range(100))) == "[0, 1, 2, 3, 4, 5, 6, 7, ... 100 items]"
    assert preview({n: n for n in range(100)}).endswith("... 100 items}")
    assert preview([[[[[1]]]]]) == "[[[...]]]"
    assert preview(10**10_000) == "<int of 33220 bits>"
    assert len(preview(["\x00" * 1000] * 1000)) <= 200


def test_cycles_end():
    loop = []
    loop.append(loop)
    assert preview(loop) == "[[[...]]]"


class Hostile:
    """Runs no code when it is shown."""

    def __getattribute__(self, name):
        raise AssertionError(f"asked for {name}")

    __repr__ = __str__ = __format__ = __len__ = __iter__ = __hash__ = lambda self: 1 / 0


class HostileMeta(type):
    __repr__ = __getattribute__ = lambda *_: 1 / 0


class HostileClass(metaclass=HostileMeta):
    pass


class LyingList(list):
    __repr__ = __iter__ = __len__ = lambda self: 1 / 0


def test_no_code_of_unknown_classes_runs():
    name = f"<{__name__}.Hostile>"
    assert preview(Hostile()) == name
    assert preview([Hostile()]) == f"[{name}]"
    assert preview(LyingList([1])) == f"<{__name__}.LyingList>"
    assert preview(HostileClass()) == f"<{__name__}.HostileClass>"
    assert preview(HostileClass) == f"<{__name__}.HostileMeta>"
    assert preview(int) == "<class int>"
    assert preview(collections.OrderedDict(a=1)) == "<collections.OrderedDict>"


def test_class_names_cannot_smuggle_control_characters():
    odd = type("bad\x1b[31m\nname", (), {})
    odd.__module__ = 7
    assert preview(odd()).isprintable()


def test_arrays_and_frames_show_shape_and_type():
    assert preview(np.zeros((3, 4))) == "ndarray shape=(3, 4) dtype=float64"
    assert preview(np.float32(1.5)) == "float32: 1.5"
    assert preview(np.array(["a", "bc"])) == "ndarray shape=(2,) dtype=<U2"
    assert preview(np.random.default_rng(0)) == "<numpy.random._generator.Generator>"
    frame = pd.DataFrame({"alpha": [1], "beta": ["x"]})
    assert preview(frame) == "DataFrame shape=(1, 2) columns=['alpha', 'beta']"
    assert preview(frame["alpha"]) == "Series shape=(1,) dtype=int64"
    wide = pd.DataFrame(np.zeros((1, 1000)))
    assert preview(wide).startswith("DataFrame shape=(1, 1000) columns=[0, 1")
    assert "1000 items" in preview(wide)


def test_array_that_cannot_tell_its_shape_is_still_named():
    broken = type("Broken", (), {"shape": property(lambda self: 1 / 0)})
    broken.__module__ = "torch"
    assert preview(broken()) == "<torch.Broken>"
