"""Histograms, figures of columns, thumbnails."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.preview import describe

np = pytest.importorskip("numpy")


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=25, max_size=60))
def test_a_histogram_counts_all_finite_numbers(numbers):
    facts = describe(np.array(numbers))[1]
    finite = np.array(numbers)[np.isfinite(numbers)]
    if "histogram" in facts:
        assert sum(facts["histogram"]) == finite.size and min(facts["histogram"]) >= 0
    elif finite.size >= 20:
        span = finite.max() - finite.min()
        assert not span > 0 or not np.isfinite(span) or span < 1e-290, "numbers that differ have a histogram"


def test_a_histogram_is_of_a_bounded_sample():
    facts = describe(np.arange(5_000_000))[1]
    assert sum(facts["histogram"]) <= 10_100 and facts["sampled"] and len(set(facts["histogram"])) <= 3


def test_small_and_constant_arrays_have_none():
    for array in (np.arange(5), np.zeros(100), np.array(["a"] * 50), np.ones(40, bool)):
        assert "histogram" not in describe(array)[1]


def test_columns_are_told_by_their_figures():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, float("inf")], "c": ["x", None, "z"]})
    assert describe(frame)[1]["stats"] == [
        {"missing": 0, "min": 1, "max": 3, "mean": 2.0},
        {"missing": 1, "min": 0.5, "max": 0.5, "mean": 0.5},
        {},
    ]
    assert len(describe(pd.DataFrame(np.zeros((3, 100))))[1]["stats"]) == 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "P", "CMYK", "I", "F", "LA"])
def test_pictures_have_a_small_version_that_is_a_picture(mode):
    image_library = pytest.importorskip("PIL.Image")
    facts = describe(image_library.new(mode, (900, 300)))[1]
    assert facts["shape"] == [300, 900] and facts["mode"] == mode
    kind, _, content = facts["thumbnail"].partition(";base64,")
    assert kind in ("data:image/png", "data:image/jpeg") and len(facts["thumbnail"]) <= 8_000
    assert max(image_library.open(io.BytesIO(base64.b64decode(content))).size) == 128


def test_a_picture_without_pixels_has_none():
    image_library = pytest.importorskip("PIL.Image")
    assert "thumbnail" not in describe(image_library.new("RGB", (0, 5)))[1]
