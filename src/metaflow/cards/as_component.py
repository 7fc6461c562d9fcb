"""What is put on a card without being a component: the component that shows it as its user would want."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.images.image_types import image_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Rows of a data frame that a card shows.
_MOST_ROWS = 100_000


def as_component(value: Any) -> MetaflowCardComponent:
    """The component that shows a value.

    A text is Markdown, a number a text, a data frame a table, a figure or picture an image, a chart a chart, and an
    exception an error; a component is itself, and anything else is shown as artifacts are.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    MetaflowCardComponent

    Raises
    ------
    Exception
        Whatever the value's library raises when it is asked for what is to be shown.
    """
    if isinstance(value, MetaflowCardComponent):
        return value
    if isinstance(value, str):
        return _made("markdown", "Markdown", value)
    if isinstance(value, (bool, int, float, complex)):
        return PlainText(value)
    if isinstance(value, BaseException) or type(value).__name__ == "MetaflowExceptionWrapper":
        return _made("error", "Error", value)
    if isinstance(value, (bytes, bytearray)) and image_type(bytes(value[:64])):
        return _made("image", "Image", bytes(value))
    make = _of_library(type(value))
    return make(value) if make is not None else _made("artifact", "Artifact", value)


def _frame(value: Any) -> MetaflowCardComponent:
    rows = len(value)
    if rows <= _MOST_ROWS:
        return _made("table", "Table", value)
    table = _made("table", "Table", value[:_MOST_ROWS])
    return Group([table, PlainText(f"The first {_MOST_ROWS:,} of {rows:,} rows.")])


def _figure(value: Any) -> MetaflowCardComponent:
    image: MetaflowCardComponent = _component("image", "Image").from_matplotlib(value)
    return image


def _picture(value: Any) -> MetaflowCardComponent:
    image: MetaflowCardComponent = _component("image", "Image").from_pil_image(value)
    return image


def _altair_chart(value: Any) -> MetaflowCardComponent:
    chart: MetaflowCardComponent = _component("vega_chart", "VegaChart").from_altair_chart(value)
    return chart


def _plotly_figure(value: Any) -> MetaflowCardComponent:
    return _made("figures", "PlotlyFigure", value)


def _bokeh_figure(value: Any) -> MetaflowCardComponent:
    return _made("figures", "BokehFigure", value)


#: Library and name of a class, or of one that it derives from -> what shows its values.
_OF_LIBRARIES: dict[tuple[str, str], Callable[[Any], MetaflowCardComponent]] = {
    ("pandas", "DataFrame"): _frame,
    ("pandas", "Series"): _frame,
    ("polars", "DataFrame"): _frame,
    ("polars", "Series"): _frame,
    ("pyarrow", "Table"): _frame,
    ("pyarrow", "RecordBatch"): _frame,
    ("matplotlib", "Figure"): _figure,
    ("matplotlib", "Axes"): _figure,
    ("PIL", "Image"): _picture,
    ("altair", "TopLevelMixin"): _altair_chart,
    ("plotly", "BaseFigure"): _plotly_figure,
    ("bokeh", "Model"): _bokeh_figure,
}


def _of_library(cls: type) -> Callable[[Any], MetaflowCardComponent] | None:
    """What shows values of a class, if a library has it: told by its name, so that no library is imported."""
    for each in cls.__mro__:
        found = _OF_LIBRARIES.get((str(each.__module__).partition(".")[0], each.__name__))
        if found is not None:
            return found
    return None


def _component(module: str, name: str) -> Any:
    from importlib import import_module

    return getattr(import_module(f"metaflow.cards.components.{module}"), name)


def _made(module: str, name: str, value: Any) -> MetaflowCardComponent:
    made: MetaflowCardComponent = _component(module, name)(value)
    return made


class PlainText(MetaflowCardComponent):
    """A value as plain text."""

    def __init__(self, value: object) -> None:
        self._text = str(value)

    def render(self) -> dict[str, Any]:
        return {"type": "text", "text": self._text}


class Group(MetaflowCardComponent):
    """Components below each other."""

    def __init__(self, components: list[MetaflowCardComponent]) -> None:
        self._components = components

    def render(self) -> dict[str, Any]:
        from metaflow.cards.running.making import node_of

        return {"type": "section", "contents": [node_of(component) for component in self._components]}
