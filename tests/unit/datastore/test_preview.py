from __future__ import annotations

import collections
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.preview import describe, preview
from metaflow.exception import TimeoutException

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


# -- facts


def facts(value):
    text, found = describe(value)
    assert 0 < len(text) <= 200 and text.isprintable()
    json.loads(json.dumps(dict(found), allow_nan=False))
    return text, found


def test_containers_tell_their_length_and_plain_values_nothing():
    assert facts([1, 2, 3]) == ("[1, 2, 3]", {"length": 3})
    assert facts({"a": np.zeros(3)}) == ("{'a': ndarray shape=(3,) dtype=float64}", {"length": 1})
    for plain in (5, "text", None, Hostile(), LyingList(), np.random.default_rng(0)):
        assert facts(plain)[1] == {}


@pytest.mark.parametrize(
    ("array", "numbers"),
    [
        (np.arange(12.0).reshape(3, 4), {"min": 0.0, "max": 11.0, "mean": 5.5}),
        (np.array([np.nan, np.inf, 1, 3]), {"min": 1.0, "max": 3.0, "mean": 2.0}),
        (np.array([np.nan]), {}),
        (np.array([]), {}),
        (np.array([True, False]), {"min": False, "max": True, "mean": 0.5}),
        (np.full(2, 60000, dtype="f2"), {"min": 60000.0, "max": 60000.0, "mean": 60000.0}),
        (np.full(2, 2**63, dtype="u8"), {"min": 2**63, "max": 2**63, "mean": 2.0**63}),
        (np.array([1e308, 1e308]), {"min": 1e308, "max": 1e308}),
        (np.array([1j]), {}),
        (np.array(["a"]), {}),
        (np.arange(3).astype("M8[s]"), {}),
    ],
)
def test_numbers_of_arrays(array, numbers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text, found = facts(array)
    assert found == {"shape": list(array.shape), "dtype": str(array.dtype), **numbers}
    assert ("min=" in text) == bool(numbers)


def test_of_large_arrays_a_sample_is_looked_at():
    for array in (np.arange(1_000_000), np.asfortranarray(np.arange(1_000_000).reshape(1000, 1000))[::2]):
        text, found = facts(array)
        assert found["sampled"] and text.endswith("(of a sample)")
        assert found["min"] == 0 and 900_000 < found["max"] < 1_000_000 and 400_000 < found["mean"] < 600_000


def test_frames_show_their_first_rows():
    frame = pd.DataFrame({"n": [1, 2.5], 3: pd.Timestamp(0), "t": ["ä\n" + "x" * 99, None], "o": [HostileClass(), [1]]})
    text, found = facts(frame)
    assert text == "DataFrame shape=(2, 4) columns=['n', 3, 't', 'o']"
    assert found["shape"] == [2, 4] and found["columns"] == ["n", 3, "t", "o"] and len(found["dtypes"]) == 4
    first, second = found["head"]
    assert first == ["1.0", "1970-01-01 00:00:00", f"ä {'x' * 25}...", f"<{__name__}.HostileClass>"]
    assert second[0] == "2.5" and second[3] == "[1]"
    wide = facts(pd.DataFrame(np.zeros((9, 1000))))[1]
    assert (wide["shape"], len(wide["columns"]), len(wide["head"]), len(wide["head"][0])) == ([9, 1000], 50, 5, 20)
    assert facts(pd.Series([1, 2]))[1] == {"shape": [2], "dtype": "int64", "min": 1, "max": 2, "mean": 1.5}
    assert facts(pd.DataFrame(columns=[("a", 1), Hostile]))[1]["head"] == []


def test_what_is_derived_from_a_frame_is_not_asked():
    class Mine(pd.DataFrame):
        columns = property(lambda self: 1 / 0)

    assert facts(Mine({"a": [1]})) == (f"<{__name__}.{Mine.__qualname__}>", {})


def test_polars_and_arrow_tell_shape_columns_and_types():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for table, kinds in ((pl.DataFrame({"a": [1, None], "b": "x"}), ["Int64", "String"]),
                         (pa.table({"a": [1, None], "b": ["x", "x"]}), ["int64", "string"])):  # fmt: skip
        text, found = facts(table)
        assert text.endswith("shape=(2, 2) columns=['a', 'b']")
        assert found["dtypes"] == kinds and found["head"] == [["1", "x"], ["None", "x"]]
    assert facts(pl.Series([1.5]))[1] == {"shape": [1], "dtype": "Float64"}
    assert facts(pa.array([1, 2])) == ("Int64Array length=2 dtype=int64", {"length": 2, "dtype": "int64"})
    assert facts(pl.DataFrame({"a": [1]}).lazy())[1] == facts(pa.schema([]))[1] == {}


def test_tensors_and_models():
    torch = pytest.importorskip("torch")
    text, found = facts(torch.arange(12.0, requires_grad=True).reshape(3, 4).T)
    assert text == "Tensor shape=(4, 3) dtype=float32 min=0 max=11 mean=5.5"
    assert facts(torch.ones(2, dtype=torch.bfloat16)) == (
        "Tensor shape=(2,) dtype=bfloat16",
        {"shape": [2], "dtype": "bfloat16"},
    )
    assert facts(torch.ones(2).to(torch.float8_e5m2))[1] == {"shape": [2], "dtype": "float8_e5m2"}
    assert facts(torch.tensor(3.5))[0] == "float32: 3.5"

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 4)

        __repr__ = parameters = extra_repr = lambda self: 1 / 0

    assert facts(Model()) == (f"{__name__}.{Model.__qualname__} parameters=16", {"parameters": 16})


def test_a_timeout_that_strikes_while_a_value_is_described_stays_one():
    late = type("Late", (), {"shape": property(lambda self: (_ for _ in ()).throw(TimeoutException("too late")))})
    late.__module__ = "pandas"
    with pytest.raises(TimeoutException):
        describe(late())
