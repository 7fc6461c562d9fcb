"""Charts of several libraries, sound, HTML of one's own, and ways to arrange them.

::

    python examples/cards/figures_and_media.py run     (needs numpy; uses altair, plotly and bokeh if there)
    python examples/cards/figures_and_media.py card view start
"""

import importlib.util

from metaflow import FlowSpec, card, current, step
from metaflow.cards import HTML, Audio, Columns, Markdown, Tabs, VegaChart


def waves(numpy):
    """Two waves, a row for each point."""
    t = numpy.linspace(0, 12, 120)
    values = [(x, y, "sine") for x, y in zip(t, numpy.sin(t), strict=True)]
    return values + [(x, y, "damped") for x, y in zip(t, numpy.sin(t) * numpy.exp(-t / 5), strict=True)]


class FiguresAndMediaFlow(FlowSpec):
    """One page with a tab for each library."""

    @card(type="blank", options={"title": "Figures and media"})
    @step
    def start(self):
        """Draw and play."""
        import numpy

        points = waves(numpy)
        tabs = {"Vega-Lite": [VegaChart(vega_lite(points))]}
        if importlib.util.find_spec("altair"):
            tabs["Altair"] = [VegaChart.from_altair_chart(altair_chart(points))]
        if importlib.util.find_spec("plotly"):
            tabs["Plotly"] = [plotly_figure(points)]
        if importlib.util.find_spec("bokeh"):
            tabs["Bokeh"] = [bokeh_figure(points)]
        current.card.append(Tabs(tabs))

        rate = 22_050
        t = numpy.arange(rate) / rate
        tone = (numpy.sin(2 * numpy.pi * 440 * t) * numpy.exp(-3 * t) * 0.5).astype("float32")
        table = "<table border=1><tr><th>Mine<td>own <b>HTML</b><tr><th>Scripts<td>do not run</table>"
        current.card.append(
            Columns(
                [
                    [Markdown("## Sound"), Audio(tone, rate=rate, label="An A, fading")],
                    [Markdown("## HTML"), HTML(table)],
                ]
            )
        )
        self.next(self.end)

    @step
    def end(self):
        """Done."""


def vega_lite(points):
    """A specification in Vega-Lite."""
    return {
        "data": {"values": [{"time": x, "height": y, "wave": wave} for x, y, wave in points]},
        "mark": "line",
        "encoding": {
            "x": {"field": "time", "type": "quantitative"},
            "y": {"field": "height", "type": "quantitative"},
            "color": {"field": "wave", "type": "nominal"},
        },
    }


def altair_chart(points):
    """The same with Altair."""
    import altair

    data = altair.Data(values=[{"time": float(x), "height": float(y), "wave": wave} for x, y, wave in points])
    return (
        altair.Chart(data).mark_point().encode(x="time:Q", y="height:Q", color="wave:N", tooltip=["time:Q", "height:Q"])
    )


def plotly_figure(points):
    """The same with Plotly."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for name in ("sine", "damped"):
        figure.add_trace(
            Scatter(x=[p[0] for p in points if p[2] == name], y=[p[1] for p in points if p[2] == name], name=name)
        )
    return figure


def bokeh_figure(points):
    """The same with Bokeh."""
    from bokeh.plotting import figure

    plot = figure(height=320, title="Waves")
    for name, colour in (("sine", "steelblue"), ("damped", "darkorange")):
        plot.line(
            [p[0] for p in points if p[2] == name],
            [p[1] for p in points if p[2] == name],
            color=colour,
            legend_label=name,
        )
    return plot


if __name__ == "__main__":
    FiguresAndMediaFlow()
