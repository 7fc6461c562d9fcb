"""Values of data libraries come back as they were, and their memory is not copied where that can be avoided."""

from __future__ import annotations

import copyreg
import datetime
import decimal
import subprocess
import sys
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from metaflow.datastore import numpy_arrays, polars_frames, serializer
from metaflow.datastore.serializer import deserialize, serialize

ROWS = 20_000


def round_trip(value):
    done = serialize(value)
    assert done.encoding == "pickle-v5"
    return deserialize(done.encoding, done.stream, [bytearray(buffer) for buffer in done.buffers])


def bytes_copied(value):
    """What went into the stream, and what is stored from the value's own memory or a single copy of it."""
    done = serialize(value)
    return len(done.stream), sum(buffer.nbytes for buffer in done.buffers)


# -- NumPy


@settings(max_examples=80)
@given(
    hnp.arrays(
        hnp.datetime64_dtypes(max_period="s") | hnp.timedelta64_dtypes() | hnp.floating_dtypes(),
        hnp.array_shapes(max_dims=3, max_side=6),
    ),
    st.permutations([0, 1, 2]),
    st.integers(1, 3),
)
def test_moments_and_arrays_with_gaps_come_back(array, order, step):
    array = array[tuple(slice(None, None, -step) for _ in array.shape)]
    array = array.transpose([axis for axis in order if axis < array.ndim])
    with mock.patch.object(numpy_arrays, "OUT_OF_BAND_BYTES", 0), mock.patch.object(serializer, "OUT_OF_BAND_BYTES", 0):
        copy = round_trip(array)
    assert copy.shape == array.shape and copy.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(copy, array)


def test_moments_and_arrays_with_gaps_are_no_part_of_the_stream():
    moments = np.arange(ROWS).astype("datetime64[s]")
    gaps = np.arange(2.0 * ROWS)[::2]
    frame = pd.DataFrame({"at": pd.date_range("2020", periods=ROWS, freq="s", tz="Europe/Zurich"), "x": 1.5}).iloc[5:]
    for value, size in ((moments, moments.nbytes), (gaps, gaps.nbytes), ({"in": [gaps]}, gaps.nbytes)):
        copied, kept = bytes_copied(value)
        assert copied < 1000 and kept == size
    assert bytes_copied(frame)[0] < 5000
    pd.testing.assert_frame_equal(round_trip(frame), frame)
    frozen = moments.view()
    frozen.flags.writeable = False
    assert round_trip(moments).flags.writeable and not round_trip(frozen).flags.writeable
    assert round_trip(np.ones((300, 300)).T).flags.f_contiguous


def test_what_is_derived_from_an_array_is_pickled_as_it_wants():
    masked = np.ma.masked_array(np.arange(ROWS), np.arange(ROWS) % 2 == 0, fill_value=7)
    copy = round_trip(masked)
    assert isinstance(copy, np.ma.MaskedArray) and copy.fill_value == 7
    np.testing.assert_array_equal(copy.mask, masked.mask)
    objects = np.array([{"a": 1}, None] * ROWS, dtype=object)
    assert round_trip(objects)[0] == {"a": 1}
    record = np.zeros(ROWS, dtype=[("a", "f8"), ("at", "M8[s]")])
    assert round_trip(record).dtype == record.dtype


def test_reducers_that_the_program_registered_win():
    with mock.patch.dict(copyreg.dispatch_table, {np.ndarray: lambda array: (str, ("replaced",))}):
        assert round_trip([np.zeros(3)]) == ["replaced"]


def test_frames_of_all_kinds_of_columns_come_back():
    texts = ["ä", None, "c"] * 3000
    frame = pd.DataFrame(
        {
            "object": pd.Series([1, "a", None] * 3000, dtype=object),
            "text": pd.Series(texts, dtype="string"),
            "category": pd.Categorical(["x", "y", "x"] * 3000, categories=["y", "x", "z"], ordered=True),
            "integer": pd.array([1, None, 3] * 3000, dtype="Int64"),
            "interval": pd.interval_range(0, 9000),
            "period": pd.period_range("2020", periods=9000, freq="h"),
            "duration": pd.to_timedelta(range(9000), unit="s"),
        },
        index=pd.MultiIndex.from_product([range(3000), ["a", "b", "c"]], names=["n", "l"]),
    )
    frame.attrs["unit"] = "m"
    copy = round_trip(frame)
    pd.testing.assert_frame_equal(copy, frame)
    assert copy.attrs == {"unit": "m"}


# -- Arrow


def test_arrow_tables_are_not_copied_and_slices_take_only_their_rows_along():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {"a": np.arange(float(ROWS)), "s": [f"text {n}" for n in range(ROWS)], "l": [[n, n] for n in range(ROWS)]}
    ).replace_schema_metadata({"unit": "m"})
    copied, _ = bytes_copied(table)
    assert copied < 5000
    assert round_trip(table).equals(table, check_metadata=True)
    for part in (
        table.slice(10, 100),
        table.to_batches()[0].slice(10, 100),
        table["s"].slice(10, 100),
        table["l"].chunk(0).slice(10, 100),
        table["a"].chunk(0).slice(10, 100),
        table["a"].chunk(0).slice(10, 0),
        table.to_batches()[0].slice(5, 0),
        table["s"].slice(7, 0),
        pa.concat_tables([table, table]).slice(ROWS - 5, 10),
    ):
        copy = round_trip([part])[0]
        assert type(copy) is type(part) and copy.equals(part)
        assert getattr(copy, "schema", None) == getattr(part, "schema", None)
        assert serialize(part).size < 20_000
    texts = table["s"].dictionary_encode().slice(3, 9)
    assert round_trip(texts).equals(texts)
    assert round_trip(table.slice(10, 100)).schema.metadata == {b"unit": b"m"}
    # A pandas frame that keeps its columns as Arrow arrays.
    frame = table.select(["s"]).to_pandas(types_mapper=pd.ArrowDtype).iloc[:50]
    assert serialize(frame).size < 20_000
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_arrow_types_of_the_user_are_pickled_by_arrow():
    pa = pytest.importorskip("pyarrow")
    # Nobody has to register the type before the artifact is read.
    tensors = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float64(), [2]), _pairs(pa))
    part = tensors.slice(5, 10)
    assert round_trip(part).equals(part)
    nested = pa.table({"n": pa.StructArray.from_arrays([tensors], ["t"])}).slice(5, 10)
    assert round_trip(nested).equals(nested)


def _pairs(pa):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2.0 * ROWS)), 2)


# -- Polars


def test_polars_frames_come_back():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "number": np.arange(ROWS),
            "text": [f"ä{n}" if n % 3 else None for n in range(ROWS)],
            "category": pl.Series(["a", "b"] * (ROWS // 2), dtype=pl.Categorical),
            "enum": pl.Series(["a", "b"] * (ROWS // 2), dtype=pl.Enum(["b", "a"])),
            "at": pl.Series([datetime.datetime(2020, 1, 1)] * ROWS).dt.replace_time_zone("Europe/Zurich"),
            "price": pl.Series([decimal.Decimal("1.50")] * ROWS, dtype=pl.Decimal(10, 2)),
            "list": [[n, n + 1] for n in range(ROWS)],
            "struct": [{"x": n, "y": "z"} for n in range(ROWS)],
            "binary": [b"\x00\xff"] * ROWS,
        }
    )
    for value in (frame, frame.head(3), frame.slice(10, 5), frame.clear(), pl.concat([frame, frame], rechunk=False)):
        copy = round_trip(value)
        assert copy.schema == value.schema and copy.equals(value)
    for name in frame.columns:
        copy = round_trip(frame[name])
        assert copy.dtype == frame[name].dtype and copy.name == name and copy.equals(frame[name], check_names=True)
    assert bytes_copied({"in": [frame]})[0] < 1000
    assert serialize(frame.slice(10, 5)).size < 10_000
    query = frame.lazy().filter(pl.col("number") > 5)
    assert round_trip(query).collect().equals(query.collect())


def test_polars_values_that_no_stream_can_hold_are_pickled_by_polars():
    pl = pytest.importorskip("polars")
    with mock.patch.object(polars_frames, "OUT_OF_BAND_BYTES", 0):
        assert round_trip(pl.DataFrame()).shape == (0, 0)
        assert round_trip(pl.DataFrame({"a": []})).schema == pl.DataFrame({"a": []}).schema
    with (
        mock.patch.object(polars_frames, "_stream", side_effect=RuntimeError("not this one")),
        mock.patch.object(polars_frames, "OUT_OF_BAND_BYTES", 0),
    ):
        frame = pl.DataFrame({"a": [1, 2]})
        assert round_trip(frame).equals(frame) and round_trip(frame["a"]).equals(frame["a"])


# -- torch


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_tensors_come_back(torch):
    for kind in (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64, torch.uint8):
        for value in (
            torch.ones(3).to(kind),
            torch.arange(30_000).to(kind).reshape(100, 300),
            torch.arange(30_000).to(kind).reshape(100, 300).T,
            torch.arange(60_000).to(kind)[::2],
            torch.empty(0, dtype=kind),
            torch.tensor(1).to(kind),
            torch.ones(3).to(kind).expand(20_000, 3),
        ):
            copy = round_trip(value)
            assert type(copy) is torch.Tensor and copy.dtype == value.dtype and copy.stride() == value.stride()
            assert torch.equal(copy, value) and copy.is_contiguous() == value.is_contiguous()
    weights = torch.ones(30_000, requires_grad=True)
    copy = round_trip(weights)
    assert copy.requires_grad and copy.is_leaf
    copy.sum().backward()
    copied, kept = bytes_copied(weights)
    assert copied < 1000 and kept == 120_000


def test_tensors_that_share_memory_share_it_again(torch):
    whole = torch.zeros(30_000)
    first, second, third = round_trip([whole, whole[10:20], whole[::2]])
    first[10] = 5
    assert second[0] == 5 and third[5] == 5
    assert serialize([whole, whole[10:20], whole[::2]]).size < 125_000
    again, same = round_trip([whole, whole])
    assert again is same


def test_a_small_part_of_a_large_tensor_is_stored_without_the_rest(torch):
    part = torch.arange(1_000_000, dtype=torch.float32).reshape(1000, 1000)[3:5, :7]
    assert serialize(part).size < 6000
    assert torch.equal(round_trip(part), part)
    assert torch.equal(round_trip(torch.ones(1_000_000)[:0]), torch.ones(0))


def test_models_and_their_state_come_back(torch):
    layer = torch.nn.Linear(200, 200)
    model = torch.nn.Sequential(layer, torch.nn.BatchNorm1d(200), torch.nn.Linear(200, 200))
    model[2].weight = layer.weight  # tied
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 200)).sum().backward()
    optimizer.step()
    copied, _ = bytes_copied({"model": model, "optimizer": optimizer.state_dict()})
    assert copied < 20_000
    copy, state = round_trip((model, model.state_dict()))
    assert copy[2].weight is copy[0].weight and isinstance(copy[0].weight, torch.nn.Parameter)
    assert state["0.weight"].untyped_storage().data_ptr() == copy[0].weight.untyped_storage().data_ptr()
    given = torch.ones(1, 200)
    assert torch.equal(copy.eval()(given), model.eval()(given))
    loaded = torch.optim.Adam(copy.parameters())
    loaded.load_state_dict(round_trip(optimizer.state_dict()))


def test_what_is_no_plain_tensor_is_pickled_by_torch(torch):
    sparse = torch.eye(300).to_sparse()
    assert torch.equal(round_trip(sparse).to_dense(), sparse.to_dense())
    conjugate = torch.ones(30_000, dtype=torch.complex64).conj()
    assert torch.equal(round_trip(conjugate), conjugate)
    marked = torch.ones(3)
    marked.note = "kept"
    assert round_trip(marked).note == "kept"
    assert round_trip(torch.empty(3, device="meta")).device.type == "meta"


def test_what_was_on_a_gpu_comes_back_without_one(torch):
    from metaflow.datastore import torch_tensors

    if torch.cuda.is_available():
        value = torch.arange(30_000.0, device="cuda")
        assert round_trip(value).device == value.device
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        storage = torch_tensors._load_storage(bytes(np.arange(5, dtype="f4")), "cuda:3")
    assert storage.device.type == "cpu" and storage.nbytes() == 20


# -- none of them


def test_no_library_is_imported_to_save_values():
    code = (
        "import sys\nfrom metaflow.datastore.serializer import serialize\n"
        "from metaflow.datastore.preview import describe\n"
        "for value in ([1], {'a': object}, object()): serialize(value), describe(value)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pandas", "polars", "pyarrow", "torch", "importlib.metadata"}
    assert not loaded & {"metaflow.datastore.reducers", "metaflow.datastore.artifacts"}


def test_a_library_that_is_half_imported_does_no_harm():
    import types

    for name in ("torch", "polars", "pyarrow", "numpy"):
        with mock.patch.dict(sys.modules, {name: types.ModuleType(name)}):
            assert round_trip([1]) == [1]
        with mock.patch.dict(sys.modules, {name: None}):
            assert round_trip([1]) == [1]
