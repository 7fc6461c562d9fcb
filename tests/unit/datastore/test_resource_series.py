"""What tasks use, as a series that stays small."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.resource_series import MOST_POINTS, Point, ResourceSeries, ResourceUse
from metaflow.exception import CorruptedDataException


def point(at: float, cpu: float = 1.0, memory: int = 10) -> Point:
    return Point(at, cpu, memory, 0.0, 0.0, 1)


def cpu_seconds(points: list[Point]) -> float:
    begins, total = 0.0, 0.0
    for each in points:
        total += each.cpu * (each.at - begins)
        begins = each.at
    return total


@given(
    st.lists(st.tuples(st.floats(0.1, 30), st.floats(0, 64), st.integers(0, 2**40)), max_size=300),
    st.integers(2, 20),
)
def test_a_series_keeps_sums_and_peaks_and_stays_small(samples, most):
    series, given_points, at = ResourceSeries(most), [], 0.0
    for span, cpu, memory in samples:
        at += span
        given_points.append(point(at, cpu, memory))
        series.add(given_points[-1])
        assert len(series.points) <= most + 1, "one more is the present moment"
    kept = series.points
    assert [each.at for each in kept] == sorted({each.at for each in kept}), "times only grow"
    assert cpu_seconds(kept) == pytest.approx(cpu_seconds(given_points)), "time on processors is lost or made up"
    if kept:
        assert max(each.memory for each in kept) == max(each.memory for each in given_points), "the peak is lost"
        assert kept[-1].at == at, "the last moment is lost"


def test_a_series_of_a_long_task_is_small_as_a_file():
    series = ResourceSeries()
    for second in range(1, 100_000):
        series.add(point(float(second), 0.123456789, 123_456_789_012))
    assert len(ResourceUse(0.0, series.points, {}, False).encode()) < 20_000 and len(series.points) <= MOST_POINTS


def test_graphics_processors_are_told_of_only_where_somebody_knows():
    series = ResourceSeries(4)
    for second in range(1, 9):
        known = second > 4
        series.add(point(float(second))._replace(gpu=1.0 if known else None, gpu_memory=second if known else None))
    assert series.points[0].gpu is None and series.points[-1].gpu == 1.0 and series.points[-1].gpu_memory == 8


def test_a_file_says_what_was_kept():
    points = [point(1.0), point(2.0, 0.5)._replace(gpu=0.25, gpu_memory=7)]
    use = ResourceUse(12.5, points, {"cores": 4, "host": "h"}, True)
    assert ResourceUse.decode(use.encode()) == use


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version":2}',
        b'{"version":1,"points":[[1]],"machine":{},"started_at":0,"is_over":true}',
        b'{"version":1,"points":[],"machine":[],"started_at":0,"is_over":true}',
        b'{"version":1,"points":[["a",1,1,1,1,1]],"machine":{},"started_at":0,"is_over":true}',
        b"\xff",
    ],
)
def test_a_damaged_file_is_called_so(content):
    with pytest.raises(CorruptedDataException):
        ResourceUse.decode(content)
