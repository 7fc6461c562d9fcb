"""``VegaChart``."""

from __future__ import annotations

import json
import math

import numpy
import pandas
import pytest

from metaflow.cards import VegaChart
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements import charts
from metaflow.cards.running.making import node_of

SPEC = {"mark": "bar", "data": {"values": [{"a": 1, "b": math.nan}]}, "encoding": {"x": {"field": "a"}}}


@pytest.fixture(autouse=True)
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "vega_script", lambda: "window.vegaEmbed = 1")


def settings_of(html: str) -> dict:
    return json.loads(html.partition('<script type="application/json">')[2].partition("</script>")[0])


def test_node() -> None:
    chart = VegaChart(SPEC, show_controls=True)
    assert chart.render()["options"] == {"actions": True}
    assert chart.render()["spec"]["data"] == {"values": [{"a": 1, "b": None}]}
    assert VegaChart(json.dumps({"mark": "bar"})).render()["spec"] == {"mark": "bar"}


@pytest.mark.parametrize("spec", [None, "{", {}, {"mark": "nosuch"}, [], 3])
def test_a_wrong_specification_fails_no_step(spec: object) -> None:
    chart = VegaChart(spec)
    assert node_of(chart)["headline"] == "VegaChart cannot be rendered"
    chart.update(SPEC)
    assert node_of(chart)["type"] == "vegaChart"


def test_changes_from_outside_are_not_seen_before_an_update() -> None:
    spec = {"mark": "bar", "data": {"values": [{"a": 1}]}}
    chart = VegaChart(spec)
    spec["data"]["values"].append({"a": 2})
    spec["mark"] = "line"
    assert chart.render()["spec"] == {"mark": "bar", "data": {"values": [{"a": 1}]}}
    chart.update(spec)
    assert len(chart.render()["spec"]["data"]["values"]) == 2
    spec["data"]["values"].append({"a": 3})
    chart.update()
    assert len(chart.render()["spec"]["data"]["values"]) == 3


def test_frames_are_data() -> None:
    frame = pandas.DataFrame({"a": numpy.arange(2)})
    for data in (frame, {"values": frame}):
        assert VegaChart({"mark": "bar", "data": data}).render()["spec"]["data"] == {"values": [{"a": 0}, {"a": 1}]}


def test_altair() -> None:
    altair = pytest.importorskip("altair")
    frame = pandas.DataFrame({"a": range(6000)})
    for make in (VegaChart.from_altair_chart, VegaChart):
        spec = make(altair.Chart(frame).mark_point().encode(x="a")).render()["spec"]
        assert [len(rows) for rows in spec["datasets"].values()] == [6000]
    assert altair.data_transformers.options == {}, "what the user has set stays"
    failing = VegaChart.from_altair_chart(altair.Chart(frame).mark_point().encode(x="nosuch"))
    assert "Altair cannot make a chart of it" in node_of(failing)["message"]


def test_rows_are_written_whole() -> None:
    rows = [{"n": number} for number in range(1203)]
    html = PageContext().render(node_of(VegaChart({"mark": "bar", "data": {"values": rows}})))
    settings = settings_of(html)
    assert settings["data"] == {"data-0": rows}
    assert settings["spec"] == {
        "mark": "bar",
        "data": {"name": "data-0"},
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
    }


def test_hostile_texts_stay_texts() -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    spec = {"mark": "bar", "title": bad, "data": {"values": [{bad: bad}], "url": bad, "name": bad}}
    page = PageContext()
    html = page.render(node_of(VegaChart(spec)))
    assert "<img" not in html
    assert html.count("</script>") == 1
    assert settings_of(html)["data"][bad] == [{bad: bad}]
    assert list(page.libraries) == ["vega"]


def test_data_that_would_be_loaded_is_named() -> None:
    html = PageContext().render(node_of(VegaChart({"mark": "bar", "data": {"url": "https://a.example/x.csv"}})))
    assert "https://a.example/x.csv" in html
    assert "cards load nothing" in html


@pytest.mark.parametrize(
    ("chart", "role"),
    [
        (VegaChart(SPEC), "img"),
        (VegaChart(SPEC, show_controls=True), "group"),
        (VegaChart({**SPEC, "params": [{"name": "a", "bind": {"input": "range"}}]}), "group"),
    ],
)
def test_what_can_be_operated_is_no_image(chart: VegaChart, role: str) -> None:
    assert f'<div class="mf-chart-place" role="{role}" aria-label="Chart of kind bar: x is a">' in PageContext().render(
        node_of(chart)
    )
