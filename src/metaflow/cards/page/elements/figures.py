"""Figures of Plotly and Bokeh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.charts import figure
from metaflow.cards.page.escaping import script_data_pieces, text, without_reach

#: The scripts of Bokeh, in the order in which they have to come.
_BOKEH_PARTS = ("bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables", "bokeh-mathjax")


def plotly_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A figure of Plotly."""
    try:
        page.libraries.setdefault("plotly", _plotly_script())
    except ImportError:
        return _missing("Plotly", "plotly")
    data = page.later(
        ['{"themed":', "true" if node.get("themed") else "false", ',"figure":', *_safe_json(node.get("figure")), "}"]
    )
    html = figure("plotly", data, str(node.get("label") or "Figure of Plotly"), "group")
    # What has a template of its own is made for paper.
    return html if node.get("themed") else html.replace('class="mf-chart"', 'class="mf-chart mf-paper"', 1)


def bokeh_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A figure of Bokeh."""
    asked = node.get("parts")
    wanted = asked if isinstance(asked, list) else []
    try:
        for part in _BOKEH_PARTS:
            if part == "bokeh" or part in wanted:
                page.libraries.setdefault(part, _bokeh_script(part))
    except ImportError:
        return _missing("Bokeh", "bokeh")
    data = page.later(['{"item":', *_safe_json(node.get("item")), "}"])
    html = figure("bokeh", data, str(node.get("label") or "Figure of Bokeh"), "group")
    return html.replace('class="mf-chart"', 'class="mf-chart mf-paper"', 1)


def _safe_json(written: object) -> Iterator[str]:
    """JSON that a library wrote, or data that it is to be made of, safe inside of a script element, piece by piece."""
    if not isinstance(written, str):
        yield from script_data_pieces(written)
        return
    for piece in without_reach(written):  # some texts in figures are HTML
        storable = piece.encode("utf-8", "replace").decode("utf-8")  # which halves of characters are not
        yield storable.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _plotly_script() -> str:
    return str(import_module("plotly.offline").get_plotlyjs())


@cache
def _bokeh_script(part: str) -> str:
    resources = import_module("bokeh.resources")
    # A second one only says what is logged.
    return str(resources.Resources(mode="inline", components=[part]).js_raw[0])


def _missing(name: str, package: str) -> str:
    return f'<p class="mf-note" role="note">{text(name)} is not installed here: pip install {text(package)}</p>'
