"""Cards: reports that a step writes, which anybody can open in a browser.

Everything that authors of flows and of card templates need is importable from here; names are imported when they are
first used.
"""

from __future__ import annotations

from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.card import MetaflowCard as MetaflowCard
    from metaflow.cards.component import MetaflowCardComponent as MetaflowCardComponent
    from metaflow.cards.components.artifact import Artifact as Artifact
    from metaflow.cards.components.columns import Columns as Columns
    from metaflow.cards.components.data_viewers import JSONViewer as JSONViewer, YAMLViewer as YAMLViewer
    from metaflow.cards.components.error import Error as Error
    from metaflow.cards.components.events_timeline import EventsTimeline as EventsTimeline
    from metaflow.cards.components.figures import BokehFigure as BokehFigure, PlotlyFigure as PlotlyFigure
    from metaflow.cards.components.html import HTML as HTML
    from metaflow.cards.components.image import Image as Image
    from metaflow.cards.components.markdown import Markdown as Markdown
    from metaflow.cards.components.media import Audio as Audio, Video as Video
    from metaflow.cards.components.page_component import PageComponent as PageComponent, Section as Section
    from metaflow.cards.components.progress_bar import ProgressBar as ProgressBar
    from metaflow.cards.components.python_code import PythonCode as PythonCode
    from metaflow.cards.components.table import Table as Table
    from metaflow.cards.components.tabs import Tabs as Tabs
    from metaflow.cards.components.value_box import ValueBox as ValueBox
    from metaflow.cards.components.vega_chart import VegaChart as VegaChart
    from metaflow.cards.reading import get_cards as get_cards
    from metaflow.cards.templates.blank import BlankCard as BlankCard
    from metaflow.cards.templates.default import DefaultCard as DefaultCard
    from metaflow.cards.templates.error import ErrorCard as ErrorCard

#: Public name -> module that defines it.
_WHERE = {
    "Artifact": "metaflow.cards.components.artifact",
    "BlankCard": "metaflow.cards.templates.blank",
    "DefaultCard": "metaflow.cards.templates.default",
    "Error": "metaflow.cards.components.error",
    "ErrorCard": "metaflow.cards.templates.error",
    "EventsTimeline": "metaflow.cards.components.events_timeline",
    "Image": "metaflow.cards.components.image",
    "JSONViewer": "metaflow.cards.components.data_viewers",
    "Markdown": "metaflow.cards.components.markdown",
    "MetaflowCard": "metaflow.cards.card",
    "MetaflowCardComponent": "metaflow.cards.component",
    "Audio": "metaflow.cards.components.media",
    "BokehFigure": "metaflow.cards.components.figures",
    "Columns": "metaflow.cards.components.columns",
    "HTML": "metaflow.cards.components.html",
    "PlotlyFigure": "metaflow.cards.components.figures",
    "Tabs": "metaflow.cards.components.tabs",
    "VegaChart": "metaflow.cards.components.vega_chart",
    "Video": "metaflow.cards.components.media",
    "PageComponent": "metaflow.cards.components.page_component",
    "ProgressBar": "metaflow.cards.components.progress_bar",
    "PythonCode": "metaflow.cards.components.python_code",
    "Section": "metaflow.cards.components.page_component",
    "Table": "metaflow.cards.components.table",
    "ValueBox": "metaflow.cards.components.value_box",
    "YAMLViewer": "metaflow.cards.components.data_viewers",
    "get_cards": "metaflow.cards.reading",
}

__all__ = [*_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)
