"""What is put on a card without being a component."""

from __future__ import annotations

import io
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest

from live_card_doubles import Shown
from metaflow.cards import Artifact, Error, Image, Markdown, Table, VegaChart
from metaflow.cards.as_component import as_component
from metaflow.cards.running.making import node_of
from metaflow.exception import MetaflowExceptionWrapper


def test_a_component_is_itself() -> None:
    component = Shown()
    assert as_component(component) is component


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("# text", Markdown),
        (ValueError("wrong"), Error),
        (MetaflowExceptionWrapper(ValueError("wrong")), Error),
        (pandas.DataFrame({"a": [1]}), Table),
        (pandas.Series([1, 2]), Table),
        (polars.DataFrame({"a": [1]}), Table),
        (pyarrow.table({"a": [1]}), Table),
        ({"a": 1}, Artifact),
        ([1, 2], Artifact),
        (None, Artifact),
        (object(), Artifact),
        (numpy.arange(3), Artifact),
        (b"no image", Artifact),
        (Shown, Artifact),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_what_shows_a_value(value: Any, kind: type) -> None:
    assert type(as_component(value)) is kind
    assert node_of(as_component(value))


@pytest.mark.parametrize("value", [0, -1.5, True, 1j, 10**20, numpy.float64(2.5)])
def test_a_number_is_a_text(value: Any) -> None:
    assert node_of(as_component(value))["text"] == str(value)


def test_pictures_and_figures_are_images() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    picture = pytest.importorskip("PIL.Image").new("RGB", (2, 2))
    file = io.BytesIO()
    picture.save(file, "PNG")
    for value in (figure, axes, picture, file.getvalue(), bytearray(file.getvalue())):
        component = as_component(value)
        assert type(component) is Image
        assert node_of(component)["src"].startswith("data:image/png;base64,")


def test_charts_of_libraries_are_charts() -> None:
    altair = pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    chart = altair.Chart(altair.Data(values=[{"a": 1}])).mark_point().encode(x="a:Q")
    assert type(as_component(chart)) is VegaChart
    assert type(as_component(chart & chart)) is VegaChart
    figure = pytest.importorskip("plotly.graph_objects").Figure()
    assert type(as_component(figure)).__name__ == "PlotlyFigure"
    plot = pytest.importorskip("bokeh.plotting").figure()
    assert type(as_component(plot)).__name__ == "BokehFigure"


def test_a_class_that_is_derived_from_one_of_a_library_is_shown_as_that() -> None:
    class Mine(pandas.DataFrame):
        pass

    assert type(as_component(Mine({"a": [1]}))) is Table


def test_of_a_very_long_frame_the_beginning_is_shown() -> None:
    for frame in (pandas.DataFrame({"a": range(100_001)}), polars.DataFrame({"a": range(100_001)})):
        table, note = node_of(as_component(frame))["contents"]
        assert len(table["data"]) == 100_000
        assert note["text"] == "The first 100,000 of 100,001 rows."
    assert node_of(as_component(pandas.DataFrame({"a": range(100_000)})))["type"] == "table"


def test_a_frame_is_shown_as_it_was_when_it_was_put_there() -> None:
    frame = pandas.DataFrame({"a": [1, 2]})
    component = as_component(frame)
    frame.loc[0, "a"] = 7
    assert node_of(component)["data"][0][-1] == 1
