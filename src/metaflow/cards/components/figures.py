"""Figures of Plotly and Bokeh, drawn by the scripts that those libraries bring."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from metaflow.cards.component import MetaflowCardComponent


class PlotlyFigure(MetaflowCardComponent):
    """A figure of Plotly, with all that can be done with one: zooming, values at the pointer, hiding of lines.

    Its template is made to fit the page unless the figure has one of its own.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure or dict
        The figure, or what its ``to_dict()`` gives.

    Examples
    --------
    >>> import plotly.express as px
    >>> current.card.append(PlotlyFigure(px.scatter(frame, x="age", y="income")))
    """

    REALTIME_UPDATABLE = True

    def __init__(self, figure: Any) -> None:
        self.update(figure)

    def update(self, figure: Any) -> None:
        """Show another figure, or this one after it was changed.

        Parameters
        ----------
        figure : plotly.graph_objects.Figure or dict
        """
        self._node = _node_or_problem(_plotly_node, figure)

    def render(self) -> dict[str, Any]:
        return _rendered(self._node)


class BokehFigure(MetaflowCardComponent):
    """A figure of Bokeh, or a layout of several. What its widgets would have Python do does not happen on a card.

    Parameters
    ----------
    model : bokeh.model.Model
        A figure, a layout or a widget.

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> plot = figure(height=300, sizing_mode="stretch_width")
    >>> plot.line([1, 2, 3], [4, 6, 5])
    >>> current.card.append(BokehFigure(plot))
    """

    REALTIME_UPDATABLE = True

    def __init__(self, model: Any) -> None:
        self.update(model)

    def update(self, model: Any) -> None:
        """Show another figure, or this one after it was changed.

        Parameters
        ----------
        model : bokeh.model.Model
        """
        self._node = _node_or_problem(_bokeh_node, model)

    def render(self) -> dict[str, Any]:
        return _rendered(self._node)


def _node_or_problem(make: Any, figure: Any) -> dict[str, Any] | Exception:
    """The node of a figure as it is now; why there is none, if there is none, which is no reason to fail a step."""
    try:
        node: dict[str, Any] = make(figure)
    except Exception as error:
        return error
    return node


def _rendered(node: dict[str, Any] | Exception) -> dict[str, Any]:
    if isinstance(node, Exception):
        raise node
    return node


def _plotly_node(figure: Any) -> dict[str, Any]:
    try:
        objects, io = import_module("plotly.graph_objects"), import_module("plotly.io")
    except ImportError:
        raise ValueError("Figures of Plotly need the package plotly: pip install plotly") from None
    if isinstance(figure, Mapping):
        figure = objects.Figure(dict(figure))
    if not isinstance(figure, objects.Figure):
        raise ValueError(f"PlotlyFigure takes a figure of Plotly or a dictionary, not {_kind(figure)}.")
    title = figure.layout.title.text
    return {
        "type": "plotly",
        "figure": figure.to_json(),
        "themed": figure.layout.template == io.templates["plotly"],
        "label": str(title) if title else None,
    }


def _bokeh_node(model: Any) -> dict[str, Any]:
    try:
        embed, models = import_module("bokeh.embed"), import_module("bokeh.model")
    except ImportError:
        raise ValueError("Figures of Bokeh need the package bokeh: pip install bokeh") from None
    if not isinstance(model, models.Model):
        raise ValueError(f"BokehFigure takes a figure, a layout or a widget of Bokeh, not {_kind(model)}.")
    import json

    item = json.dumps(embed.json_item(model))
    title = getattr(getattr(model, "title", None), "text", None)
    return {
        "type": "bokeh",
        "item": item,
        "parts": _bokeh_parts(model, item),
        "label": title if isinstance(title, str) and title else None,
    }


def _bokeh_parts(model: Any, item: str) -> list[str]:
    """Which of the scripts of Bokeh a figure needs; together they have four megabytes."""
    modules = {type(each).__module__ for each in model.references()}
    parts = ["bokeh"]
    if any(each.startswith("bokeh.models.widgets") for each in modules):
        parts.append("bokeh-widgets")
    if any(each.startswith("bokeh.models.widgets.tables") for each in modules):
        parts.append("bokeh-tables")
    if any(getattr(each, "output_backend", "") == "webgl" for each in model.references()):
        parts.append("bokeh-gl")
    if any(sign in item for sign in ("$$", r"\\(", r"\\[", '"TeX"', '"MathML"')):
        parts.append("bokeh-mathjax")
    return parts


def _kind(value: Any) -> str:
    return f"one of type {type(value).__module__}.{type(value).__qualname__}"
