"""Kinds of nodes, and what makes HTML of them: one module for each family of kinds.

An element is a function of a node and of the page's context that returns HTML. It takes nothing for granted: a node
may come from a component of another package, and may lack fields or hold anything in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from metaflow.cards.page.context import PageContext

Element = Callable[[Mapping[str, Any], PageContext], str]

_HERE = "metaflow.cards.page.elements"

#: Kind -> "module:function".
_ELEMENTS: dict[str, str] = {
    "artifactList": "artifact_list:artifact_list_element",
    "artifacts": "artifacts:artifacts_element",
    "dag": "dag:dag_element",
    "bokeh": "figures:bokeh_element",
    "cardFrame": "card_frame:card_frame_element",
    "columns": "places:columns_element",
    "error": "errors:error_element",
    "eventsTimeline": "timeline:timeline_element",
    "facts": "texts:facts_element",
    "fold": "artifact_list:fold_element",
    "gantt": "gantt:gantt_element",
    "heading": "texts:heading_element",
    "histogram": "plots:histogram_element",
    "html": "frames:html_element",
    "image": "image:image_element",
    "jsonViewer": "data_viewers:json_element",
    "log": "log:log_element",
    "markdown": "markdown:markdown_element",
    "media": "media:media_element",
    "page": "layout:page_element",
    "plotly": "figures:plotly_element",
    "progressBar": "values:progress_element",
    "pythonCode": "code:code_element",
    "section": "layout:section_element",
    "sparkline": "plots:sparkline_element",
    "subtitle": "texts:subtitle_element",
    "table": "tables:table_element",
    "text": "texts:text_element",
    "title": "texts:title_element",
    "usage": "usage:usage_element",
    "tabs": "places:tabs_element",
    "vegaChart": "charts:vega_chart_element",
    "valueBox": "values:value_box_element",
    "yamlViewer": "data_viewers:yaml_element",
}

_loaded: dict[str, Element] = {}


def element_of(kind: str) -> Element:
    """What makes HTML of nodes of a kind; for a kind that is not known, what shows them as data."""
    found = _loaded.get(kind)
    if found is None:
        module, _, name = _ELEMENTS.get(kind, "unknown:unknown_element").partition(":")
        found = getattr(import_module(f"{_HERE}.{module}"), name)
        _loaded[kind] = found
    return found
