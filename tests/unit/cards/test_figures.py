"""Figures of Plotly and Bokeh."""

from __future__ import annotations

import json
import sys

import numpy
import pytest

from metaflow.cards import BokehFigure, PlotlyFigure
from metaflow.cards.page.document import PageFacts, page_pieces, render_page
from metaflow.cards.page.elements import figures
from metaflow.cards.running.making import node_of

HOSTILE = "</script><script>alert(1)</script>"


def test_plotly() -> None:
    objects = pytest.importorskip("plotly.graph_objects")
    figure = objects.Figure(objects.Scatter(x=numpy.arange(3), y=[1, float("nan"), 2]))
    figure.update_layout(title=HOSTILE)
    component = PlotlyFigure(figure)
    node = node_of(component)
    assert json.loads(json.dumps(node)) == node
    assert node["themed"]
    assert json.loads(node["figure"])["data"][0]["type"] == "scatter"
    page = render_page([node, node_of(PlotlyFigure(figure.to_dict()))], PageFacts("Figures"))
    assert HOSTILE not in page
    assert page.count('data-chart="plotly"') == 2
    assert page.count("plotly.js v") == 1, "the library is there once"
    figure.update_layout(template="plotly_dark")
    assert component.render()["themed"], "what was given is shown as it was"
    component.update(figure)
    assert not component.render()["themed"]


def test_bokeh() -> None:
    plotting = pytest.importorskip("bokeh.plotting")
    models = pytest.importorskip("bokeh.models")
    figure = plotting.figure(title=HOSTILE)
    figure.line([1, 2], [3, 4])
    node = node_of(BokehFigure(figure))
    assert json.loads(json.dumps(node)) == node
    assert node["parts"] == ["bokeh"]
    page = render_page([node, node], PageFacts("Figures"))
    assert HOSTILE not in page
    table = models.DataTable(source=models.ColumnDataSource({"a": [1]}))
    assert node_of(BokehFigure(table))["parts"] == ["bokeh", "bokeh-widgets", "bokeh-tables"]
    formula = node_of(BokehFigure(models.Div(text="$$x^2$$")))
    assert "bokeh-mathjax" in formula["parts"]
    assert "bokeh-gl" in node_of(BokehFigure(plotting.figure(output_backend="webgl")))["parts"]


@pytest.mark.parametrize("name", ["plotly", "bokeh"])
def test_the_page_of_a_large_figure_is_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_plotly_script", lambda: "")
    monkeypatch.setattr(figures, "_bokeh_script", lambda part: "")
    large = json.dumps(["<" + "x" * 98] * 50_000)
    pieces = page_pieces([{"type": name, "figure": large, "item": large}], PageFacts("Figures"))
    assert sum(map(len, pieces)) > len(large) > 10 * max(map(len, pieces))


@pytest.mark.parametrize("component", [PlotlyFigure, BokehFigure])
def test_what_is_no_figure_is_told_on_the_card(component: type) -> None:
    assert "not one of type builtins.int" in node_of(component(3))["message"]


@pytest.mark.parametrize(("component", "package"), [(PlotlyFigure, "plotly"), (BokehFigure, "bokeh")])
def test_a_missing_library_is_named(component: type, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert f"pip install {package}" in node_of(component({}))["message"]


@pytest.mark.parametrize("node", [{"type": "plotly"}, {"type": "bokeh", "item": 3, "parts": "x"}])
def test_nodes_that_lack_what_they_should_have_do_no_harm(node: dict) -> None:
    assert "<main" in render_page([node], PageFacts("Figures"))
