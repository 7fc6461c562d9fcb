"""Charts in Vega-Lite and Vega."""

from __future__ import annotations

from typing import Any

from metaflow.cards.charts.chart_values import plain, snapshot
from metaflow.cards.charts.vega_spec import checked
from metaflow.cards.component import MetaflowCardComponent


class VegaChart(MetaflowCardComponent):
    """A chart, described in Vega-Lite or Vega, that is drawn where the card is looked at.

    A specification that cannot be drawn never fails the step: the card says in the chart's place what is wrong.

    Parameters
    ----------
    spec : dict or str
        The specification, or its JSON as text. Values may be what Python programs have: NumPy numbers, dates, NaN, and
        data frames, as in ``{"data": {"values": frame}, ...}``. Data has to be in it: cards load nothing.
    show_controls : bool
        Whether there is a menu that saves the chart as a picture.

    Examples
    --------
    >>> chart = VegaChart({
    ...     "data": {"values": [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}]},
    ...     "mark": "line",
    ...     "encoding": {
    ...         "x": {"field": "epoch", "type": "quantitative"},
    ...         "y": {"field": "loss", "type": "quantitative"},
    ...     },
    ... })
    """

    REALTIME_UPDATABLE = True

    def __init__(self, spec: Any, show_controls: bool = False) -> None:
        self._show_controls = show_controls
        self._source = spec
        self.update(spec)

    @classmethod
    def from_altair_chart(cls, chart: Any) -> VegaChart:
        """The chart of an Altair chart, with all its data, however many rows it has.

        Parameters
        ----------
        chart : altair.Chart, or another chart of Altair
        """
        return cls(chart)

    def update(self, spec: Any = None) -> None:
        """Show another specification. If only its data differs, the chart changes without being drawn anew.

        Parameters
        ----------
        spec : dict, str or altair.Chart, optional
            Without one, that of before, as it is now: for programs that add rows to it.
        """
        spec = self._source = self._source if spec is None else spec
        self._given = _of_altair(spec) if hasattr(spec, "to_dict") and hasattr(spec, "to_json") else snapshot(spec)
        self._node: dict[str, Any] | None = None

    def render(self) -> dict[str, Any]:
        given, node = self._given, self._node
        if node is None:
            spec = _with_frames(given)
            node = {
                "type": "vegaChart",
                "spec": plain(checked(spec)),
                "options": {"actions": bool(self._show_controls)},
            }
            if given is self._given:
                self._node = node
        return node


def _of_altair(chart: Any) -> Any:
    """The specification of an Altair chart; why there is none, if there is none."""
    import sys

    altair = sys.modules.get("altair")
    try:
        if altair is None:
            return chart.to_dict()
        # Altair refuses more than 5,000 rows, or writes them to files, unless told otherwise.
        with altair.data_transformers.enable("default", max_rows=None):
            return chart.to_dict()
    except Exception as error:  # what Altair says of a chart is for its author, and no reason to fail a step
        return error


def _with_frames(spec: Any) -> Any:
    if isinstance(spec, Exception):
        raise ValueError(f"Altair cannot make a chart of it: {spec}") from spec
    if isinstance(spec, dict) and hasattr(spec.get("data"), "shape"):
        return {**spec, "data": {"values": spec["data"]}}
    return spec
