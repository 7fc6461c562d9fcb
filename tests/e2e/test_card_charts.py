"""Charts, figures, HTML, tabs, columns and media in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from attack_strings import ATTACKS, PROOF
from browser import Browser, accessibility_problems, expect
from live_card_doubles import fragments_of
from metaflow.cards import HTML, Audio, BokehFigure, Columns, MetaflowCardComponent, PlotlyFigure, Tabs, VegaChart
from metaflow.cards.charts.chart_library import LibraryMissing, vega_script
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.running.making import node_of

from .conftest import Project

POINTS = "path[aria-roledescription=point]"
Opened = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    try:
        vega_script()
    except LibraryMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Opened:
    """Opens a page with components, and waits until what is seen of it is drawn."""

    def opened(*components: MetaflowCardComponent, wait: str = ".mf-chart-view *", **options: Any) -> Any:
        path = tmp_path / "card.html"
        path.write_text(render_page([node_of(each) for each in components], PageFacts("Charts")), encoding="utf-8")
        page = browser.open(path, **options)
        if wait:
            page.wait_for_selector(wait)
        return page

    return opened


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true. As a function: pages do not let texts be evaluated."""
    page.wait_for_function(f"() => {expression}")


def update(page: Any, component: MetaflowCardComponent) -> None:
    """What a viewer does when a component has changed."""
    fragments = fragments_of({component.component_id: node_of(component)})
    assert page.evaluate("fragments => window.metaflow_card_update({}, fragments)", fragments)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"day": f"2024-01-{1 + each:02}", "value": each, "kind": "ab"[each % 2]} for each in range(count)]


def line(count: int, **more: Any) -> dict[str, Any]:
    return {
        "data": {"values": rows(count)},
        "mark": {"type": "point", "tooltip": True},
        "encoding": {
            "x": {"field": "day", "type": "temporal"},
            "y": {"field": "value", "type": "quantitative"},
            "color": {"field": "kind"},
        },
        **more,
    }


BARS = {
    "$schema": "https://vega.github.io/schema/vega/v5.json",
    "width": 200,
    "height": 100,
    "data": [{"name": "table", "values": [{"c": "A", "a": 28}, {"c": "B", "a": 55}]}],
    "scales": [
        {"name": "x", "type": "band", "domain": {"data": "table", "field": "c"}, "range": "width"},
        {"name": "y", "domain": {"data": "table", "field": "a"}, "range": "height"},
    ],
    "axes": [{"orient": "bottom", "scale": "x"}],
    "marks": [
        {
            "type": "rect",
            "from": {"data": "table"},
            "encode": {
                "update": {
                    "x": {"scale": "x", "field": "c"},
                    "width": {"scale": "x", "band": 1},
                    "y": {"scale": "y", "field": "a"},
                    "y2": {"scale": "y", "value": 0},
                    "fill": {"signal": "datum.a > 40 ? 'tomato' : 'teal'"},
                }
            },
        }
    ],
}


def test_charts_are_drawn(show: Opened) -> None:
    frame = pandas.DataFrame({"x": numpy.arange(6000), "y": numpy.arange(6000) % 7})
    many = {"data": frame, "mark": "point", "encoding": {"x": {"field": "x", "type": "quantitative"}}}
    lines = [{"x": at % 2, "of": f"{at // 2}"} for at in range(24)]
    series = {
        "data": {"values": lines},
        "mark": "line",
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "color": {"field": "of", "legend": None}},
    }
    page = show(
        VegaChart(line(10, title="Ten days"), show_controls=True),
        VegaChart(BARS),
        VegaChart(many),
        VegaChart({"mark": "bar", "data": {"url": "https://elsewhere.example/x.csv"}}),
        VegaChart(series),
        viewport={"width": 900, "height": 700},
    )
    page.wait_for_selector("canvas")
    charts = page.locator(".mf-chart")
    expect(charts.nth(0).locator(POINTS)).to_have_count(10)
    assert charts.nth(0).locator("svg").bounding_box()["width"] > 700, "as wide as its place"
    expect(charts.nth(1).locator("path[fill=tomato]")).to_have_count(1)  # expressions are worked out without being run
    assert charts.nth(2).locator("svg").count() == 0
    assert page.get_by_role("group", name="Chart: Ten days").count() == 1
    assert page.locator(".mf-problem").count() == 0
    drawn = charts.nth(4).locator("path[aria-roledescription='line mark']")
    drawn.nth(11).wait_for(state="attached")
    assert len(set(drawn.evaluate_all("lines => lines.map(line => line.getAttribute('stroke'))"))) == 12
    assert "https://elsewhere.example/x.csv" in charts.nth(3).inner_text()
    assert not accessibility_problems(page)

    charts.nth(0).locator(POINTS).nth(4).hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    expect(tooltip).to_contain_text("Jan 05, 2024")

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").press("Enter")
    assert saved.value.path().read_text().startswith("<svg")

    page.set_viewport_size({"width": 360, "height": 700})
    until(page, "document.querySelector('.mf-chart svg').clientWidth < 360")
    until(page, "document.documentElement.scrollWidth <= 360")


def test_updates_do_not_flicker(show: Opened) -> None:
    chart, bars = VegaChart(line(4)), VegaChart(BARS)
    page = show(chart, bars)
    until(page, "document.querySelectorAll('.mf-chart svg').length === 2")
    # In each frame: is there a chart to be seen in both places?
    page.evaluate(
        """() => {
          window.first = document.querySelector(".mf-chart svg");
          window.empty = 0;
          const look = () => {
            const all = [...document.querySelectorAll(".mf-chart svg")];
            if (all.filter((svg) => svg.checkVisibility({visibilityProperty: true})).length !== 2) window.empty += 1;
            requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        }"""
    )
    chart.update(line(9))
    update(page, chart)
    until(page, f"document.querySelectorAll('.mf-chart {POINTS}').length === 9")
    assert page.evaluate("document.querySelector('.mf-chart svg') === window.first"), "only its data is other"
    dates = page.locator(".mf-chart").first.locator("text=Jan 09").or_(page.locator("text=Tue 09"))
    dates.first.wait_for(state="attached")

    more = json.loads(json.dumps(BARS))
    more["data"][0]["values"].append({"c": "C", "a": 99})
    bars.update(more)
    update(page, bars)
    until(page, "document.querySelectorAll('path[fill=tomato]').length === 2")

    chart.update(line(9, title="Another"))
    update(page, chart)
    page.wait_for_selector("text=Another")
    assert page.locator(".mf-chart svg").count() == 2
    assert page.evaluate("window.empty") == 0

    # Two at once, the last of which counts; and one that is wrong, which another one mends.
    for count in (3, 5):
        chart.update(line(count, title="Another"))
        update(page, chart)
    until(page, f"document.querySelectorAll('.mf-chart {POINTS}').length === 5")
    chart.update({**line(2), "encoding": {"x": {"field": "a", "type": "quantitative", "scale": {"type": "nosuch"}}}})
    update(page, chart)
    chart.update(line(2))
    update(page, chart)
    until(page, f"document.querySelectorAll('.mf-chart {POINTS}').length === 2")
    until(page, "!document.querySelector('.mf-problem')")


def test_what_cannot_be_drawn_says_so_in_its_place(show: Opened) -> None:
    wrong = {**BARS, "scales": [{"name": "x", "type": "nosuch"}]}
    page = show(VegaChart(wrong), VegaChart(line(3)), wait=POINTS)
    page.wait_for_selector(".mf-problem")
    expect(page.locator(".mf-problem")).to_contain_text("This chart cannot be drawn")
    expect(page.locator(".mf-chart-data[open]")).to_have_count(1)  # its data is there to be read


def test_colours_follow_the_page_and_the_paper(show: Opened) -> None:
    page = show(VegaChart(line(3)), color_scheme="light")
    fill = "document.querySelector('.mf-chart svg text').getAttribute('fill')"
    light = page.evaluate(fill)
    page.locator("[data-theme-button]").click()
    until(page, f"{fill} !== {light!r}")
    dark = page.evaluate(fill)
    # A browser takes the page for print when the listeners of this event are done, and what they had set off at once.
    printed = page.evaluate(
        f"""async () => {{
          window.dispatchEvent(new Event("beforeprint"));
          for (let turn = 0; turn < 2000; turn++) await Promise.resolve();
          return {fill};
        }}"""
    )
    assert printed == light
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    until(page, f"{fill} === {dark!r}")


def test_hostile_specifications_do_nothing(show: Opened) -> None:
    """The fixture fails on dialogs, requests and errors."""
    run = "alert(1)"
    encoding = {"x": {"field": "a", "type": "quantitative"}, "href": {"field": "link"}, "url": {"field": "link"}}
    data = {"values": [{"a": 1, "link": f"javascript:{run}"}, {"a": 2, "link": "https://elsewhere.example/i.png"}]}
    signals = [
        {"name": "s", "value": 1, "bind": {"input": "range", "element": "h1"}},
        {"name": "t", "update": "window.alert(1)"},
        {"name": "u", "init": "[].constructor.constructor('alert(1)')()"},
        {"name": "v", "on": [{"events": "window:mousemove", "update": "event.view.alert(1)"}]},
    ]
    page = show(
        VegaChart({"mark": {"type": "point", "size": 4000, "filled": True}, "data": data, "encoding": encoding}),
        VegaChart({"mark": "image", "data": data, "encoding": encoding}),
        *(VegaChart({**BARS, "signals": [each]}) for each in signals),
        VegaChart(
            {**line(2), "usermeta": {"embedOptions": {"ast": False, "actions": True, "patch": "https://x.example"}}}
        ),
        VegaChart({**line(2), "config": "https://elsewhere.example/config.json"}),
        VegaChart({**line(2), "title": {"text": "<img src=x onerror=alert(1)>"}, "description": '"><script>alert(1)'}),
        VegaChart({"mark": "point", "data": {"url": "data:text/csv,a%0A1"}, "encoding": {"x": {"field": "a"}}}),
        VegaChart(
            {
                "mark": "point",
                "data": {"values": [{"a": "<img src=x onerror=alert(1)>"}]},
                "encoding": {"tooltip": {"field": "a"}},
            }
        ),
    )
    until(page, "[...document.querySelectorAll('.mf-chart')].every((each) => each.querySelector('svg, .mf-problem'))")
    page.locator(".mf-chart").first.locator(POINTS).first.click()
    page.locator(".mf-chart").last.locator(POINTS).first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("onerror")
    page.wait_for_timeout(200)
    assert page.locator("h1 input").count() == 0, "input fields stay with their chart"
    assert page.locator(".mf-chart input").count() == 1
    assert page.locator("img").count() == 0
    assert len(page.context.pages) == 1


def test_hostile_texts_in_figures_do_nothing(browser: Browser, tmp_path: Path) -> None:
    """The same as for other kinds of nodes in test_card_pages.py, with all texts in one figure."""
    pytest.importorskip("plotly")
    texts = ATTACKS[:]
    trace = {
        "type": "scatter",
        "mode": "text",
        "x": texts,
        "y": [1] * len(texts),
        "text": texts,
        "hovertemplate": texts,
    }
    layout = {
        "title": {"text": texts[0]},
        "annotations": [{"text": each, "x": 0, "y": at} for at, each in enumerate(texts)],
        "yaxis": {"title": {"text": texts[1]}},
    }
    figure = {
        "data": [trace, *({"y": [1], "name": each} for each in texts)],
        "layout": layout,
        "config": {"showLink": True},
    }
    nodes = [
        {"type": "plotly", "figure": figure, "themed": texts[2], "label": texts[3]},
        {"type": "plotly", "figure": texts[4]},
        *({"type": "bokeh", "item": each, "parts": [each], "label": each} for each in texts),
    ]
    path = tmp_path / "card.html"
    path.write_text(render_page(nodes, PageFacts("Figures")), encoding="utf-8")
    page = browser.open(path)
    until(page, "document.querySelectorAll('.js-plotly-plot .annotation').length > 10")
    until(page, f"document.querySelectorAll('.mf-problem').length === {len(texts) + 1}")
    assert page.evaluate(f"window.{PROOF}") is None
    assert (
        page.locator("main :is(script:not([type='application/json']), img, iframe, object, embed, form)").count() == 0
    )
    assert page.locator("main a[*|href^='javascript' i]").count() == 0


def test_tabs(show: Opened) -> None:
    first, second = VegaChart(line(3)), VegaChart(line(6))
    tabs = Tabs({"One": [first], "Two <b>": Columns([[second], ["Text"]], widths=[2, 1]), "Three": "Last"})
    page = show(tabs, wait=POINTS)
    assert page.get_by_role("tab").all_inner_texts() == ["One", "Two <b>", "Three"]
    expect(page.locator("svg.marks")).to_have_count(1)  # charts that are not seen are not drawn
    assert not accessibility_problems(page)

    page.get_by_role("tab", name="One").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Two <b>"
    until(page, f"document.querySelectorAll('{POINTS}').length === 9")
    assert page.get_by_role("tabpanel").locator("svg.marks").bounding_box()["width"] > 300
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Three")).to_have_text("Last", use_inner_text=True)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")

    # An update of what is inside, and of the whole: the reader stays where they are.
    second.update(line(8))
    update(page, second)
    until(page, f"document.querySelectorAll('[role=tabpanel]:not([hidden]) {POINTS}').length === 8")
    second.update(line(5))
    update(page, tabs)
    until(page, f"document.querySelectorAll('[role=tabpanel]:not([hidden]) {POINTS}').length === 5")
    assert page.get_by_role("tab", selected=True).inner_text() == "Two <b>"
    assert page.evaluate("document.activeElement.textContent") == "Two <b>"

    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.get_by_role("tabpanel").count() == 3
    assert page.get_by_role("heading", name="Three").is_visible()


def test_without_scripts_everything_is_there_to_be_read(show: Opened) -> None:
    page = show(Tabs({"One": VegaChart(line(3)), "Two": "Second"}), wait="", scripts=False)
    assert page.get_by_role("heading", name="Two").is_visible()
    assert page.get_by_text("Second").is_visible()
    assert page.locator("noscript p").is_visible()


def test_figures_of_plotly_and_bokeh(show: Opened) -> None:
    objects = pytest.importorskip("plotly.graph_objects")
    plotting = pytest.importorskip("bokeh.plotting")
    figure = objects.Figure(objects.Scatter(x=numpy.arange(4), y=[1, 3, 2, 4], mode="markers"))
    plotly = PlotlyFigure(figure)
    plot = plotting.figure(height=200, title="A plot")
    plot.line([1, 2, 3], [3, 1, 2])
    bokeh = BokehFigure(plot)
    page = show(plotly, PlotlyFigure(figure.update_layout(template="ggplot2")), bokeh, color_scheme="dark")
    until(page, "document.querySelectorAll('.js-plotly-plot .point').length === 8")
    until(page, "document.querySelector('[data-chart=bokeh] .mf-chart-view').clientHeight > 150")
    first, second = page.locator(".js-plotly-plot .main-svg:first-child").all()[:2]
    assert "rgba(0, 0, 0, 0)" in first.evaluate("svg => getComputedStyle(svg).background")
    assert "rgb(255, 255, 255)" in second.evaluate("svg => getComputedStyle(svg).background"), "a template of its own"

    page.evaluate("window.first = document.querySelector('.js-plotly-plot')")
    figure.add_trace(objects.Scatter(x=[1], y=[1], mode="markers"))
    plotly.update(figure)
    update(page, plotly)
    until(page, "document.querySelector('.js-plotly-plot').querySelectorAll('.point').length === 5")
    assert page.evaluate("document.querySelector('.js-plotly-plot') === window.first")
    plot.title.text = "Another"
    bokeh.update(plot)
    update(page, bokeh)
    until(page, "document.querySelectorAll('[data-chart=bokeh] .mf-chart-view').length === 1")
    assert page.locator(".mf-problem").count() == 0


def test_a_library_that_comes_too_late_is_asked_for(show: Opened) -> None:
    tabs = Tabs({"One": "Nothing yet"})
    page = show(tabs, wait=".mf-tab")
    tabs.update({"One": VegaChart(line(2))})
    update(page, tabs)
    page.wait_for_selector("text=load the page anew")


@pytest.fixture
def asked_for() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_html_is_as_high_as_it_is(show: Opened) -> None:
    long = "<a href='#end'>down</a><div style='height: 700px'></div><p id=end>end</p>"
    page = show(HTML(long), HTML("<p>plain"), HTML(long, height=40), wait="iframe", color_scheme="dark")
    until(page, "document.querySelector('iframe').clientHeight >= 700")
    until(page, "document.querySelectorAll('iframe')[1].clientHeight < 100")
    assert page.locator("iframe").nth(2).bounding_box()["height"] == 40
    inner = page.frame_locator("iframe").nth(2)
    inner.locator("a").click()
    until(page, "document.querySelectorAll('iframe')[2].contentDocument.documentElement.scrollTop > 600")
    assert len(page.context.pages) == 1

    colour = "body => getComputedStyle(body).color"
    assert page.frame_locator("iframe").nth(1).locator("body").evaluate(colour) == "rgb(255, 255, 255)"
    page.locator("[data-theme-button]").click()
    assert page.frame_locator("iframe").nth(1).locator("body").evaluate(colour) == "rgb(0, 0, 0)"


@pytest.mark.parametrize("scripts", [True, False])
def test_html_runs_nothing_and_loads_nothing(
    show: Opened, browser: Browser, asked_for: tuple[str, list[str]], scripts: bool
) -> None:
    address, asked = asked_for
    hostile = f"""
      <script>parent.document.title = "x"; alert(1)</script><svg onload="alert(1)"><image href={address}/svg /></svg>
      <meta http-equiv=refresh content="0;url={address}/refresh"><link rel=stylesheet href={address}/style>
      <link rel=prefetch href={address}/prefetch>
      <style>@import "{address}/import"; p {{ background: url({address}/b) }}</style>
      <p><img src={address}/image srcset="{address}/set 2x" onerror="alert(1)">
      <video src={address}/video autoplay></video>
      <iframe src={address}/frame></iframe><object data={address}/object></object><embed src={address}/embed>
      <form action={address}/form method=post><button id=send>Send</button></form>
      <a id=run href="javascript:alert(1)">run</a> <a id=ping ping={address}/ping href="#run">ping</a>
    """
    page = show(HTML(hostile), wait="iframe", scripts=scripts)
    inner = page.frame_locator("iframe").first
    for name in ("send", "run", "ping"):
        inner.locator(f"#{name}").click()
    page.wait_for_timeout(300)
    assert not asked
    assert page.title() == "Charts"
    # The browser says what it did not let them do.
    browser.expect_problem(
        page, "Blocked script", "Blocked form", "violates the following", "ERR_BLOCKED", "sandboxed", "Refused to"
    )


def test_sounds_are_played(show: Opened) -> None:
    tone = numpy.sin(numpy.arange(8000) * 0.1)
    page = show(Audio(tone, rate=8000, label="A tone"), wait="audio")
    until(page, "document.querySelector('audio').duration === 1")
    assert page.locator("figcaption").inner_text() == "A tone"
    assert not accessibility_problems(page)


FLOW = """
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Columns, Tabs, VegaChart


class Charted(FlowSpec):
    @card(type="blank")
    @step
    def start(self):
        spec = {"mark": "bar", "data": {"values": [{"a": 1}, {"a": 3}]}, "encoding": {"x": {"field": "a"}}}
        chart = VegaChart(spec)
        current.card.append(Tabs({"Chart": Columns([[chart], ["Text"]]), "Wrong": VegaChart({"mark": 3})}))
        current.card.refresh()
        spec["data"]["values"].append({"a": 5})
        chart.update(spec)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Charted()
"""


def test_a_card_of_a_flow(project: Project, browser: Browser) -> None:
    project.run(FLOW)
    (card,) = project.path.glob(".metaflow/mf-store/runs/Charted/*/start/*.cards/*.html")
    page = browser.open(card)
    page.wait_for_selector(".mf-chart-view svg")
    expect(page.locator("[aria-roledescription=bar]")).to_have_count(3)
    page.get_by_role("tab", name="Wrong").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("has the mark 3")
