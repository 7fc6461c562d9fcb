"""Pages of cards in a real browser: what they look like, how they are used, and what cannot run in them."""

from __future__ import annotations

import base64
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from attack_strings import ADDRESSES, ATTACKS, MARKUP, PROOF
from browser import Browser, accessibility_problems, expect
from live_card_doubles import fragments_of
from metaflow.cards import nodes as nodes_module
from metaflow.cards.page.document import PageFacts, render_page

PIXEL = "data:image/png;base64," + (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HERE = "@"  # where a text that attacks goes

#: A node of each kind, with a text in each field.
NODES: dict[str, dict[str, Any]] = {
    "page": {"title": HERE, "contents": [HERE]},
    "section": {"title": HERE, "subtitle": HERE, "columns": HERE, "contents": [HERE, HERE]},
    "title": {"text": HERE},
    "subtitle": {"text": HERE},
    "heading": {"title": HERE, "subtitle": HERE},
    "text": {"text": HERE},
    "markdown": {"source": HERE},
    "table": {
        "columns": [HERE, HERE],
        "data": [[HERE, {"type": "text", "text": HERE}], [1.5, None]],
        "label": HERE,
        "left_out": HERE,
    },
    "image": {"src": HERE, "label": HERE},
    "log": {"data": HERE},
    "artifacts": {"data": [{"name": HERE, "type": HERE, "data": HERE}]},
    "dag": {
        "data": {
            "start": {
                "name": HERE,
                "type": HERE,
                "box_next": False,
                "next": ["end"],
                "doc": HERE,
                "decorators": [HERE],
            },
            HERE: {
                "type": HERE,
                "next": [HERE],
                "doc": HERE,
                "decorators": [{"name": HERE, "attributes": {HERE: HERE}}],
            },
            "end": {"type": "end", "next": [], "doc": HERE, "file": HERE, "line": HERE},
        }
    },
    "pythonCode": {"code": HERE, "first_line": HERE},
    "progressBar": {"value": 1, "max": 2, "label": HERE, "unit": HERE, "details": HERE},
    "valueBox": {"value": HERE, "title": HERE, "subtitle": HERE, "theme": HERE, "change_indicator": HERE},
    "eventsTimeline": {
        "title": HERE,
        "events": [{"event_id": HERE, "metadata": {HERE: HERE}, "payloads": {HERE: {"type": "text", "text": HERE}}}],
        "stats": {HERE: HERE},
    },
    "jsonViewer": {"data": {HERE: [HERE, {HERE: HERE}]}, "title": HERE, "max_height": HERE},
    "yamlViewer": {"data": HERE, "title": HERE, "max_height": HERE},
    "error": {"headline": HERE, "message": HERE, "trace": HERE},
    "gantt": {"length": 5, "rows": [{"label": HERE, "state": HERE, "took": HERE, "bars": [[HERE, 0, 4]]}]},
    "facts": {"data": [{"label": HERE, "value": HERE}, {"label": HERE, "value": {"type": "text", "text": HERE}}]},
    "tabs": {"tabs": [{"label": HERE, "contents": [HERE]}, {"label": HERE, "contents": [HERE]}]},
    "columns": {"contents": [[HERE], [HERE]], "widths": [HERE, 1]},
    "media": {"kind": HERE, "src": HERE, "label": HERE},
    "artifactList": {
        "data": [
            {"name": HERE, "kind": HERE, "type": HERE, "text": HERE, "size": HERE, "contents": [HERE], "open": True}
        ]
    },
    "fold": {"title": HERE, "contents": [HERE], "note": HERE, "open": HERE},
    "histogram": {"counts": [1, 2, HERE], "low": HERE, "high": HERE, "label": HERE},
    "sparkline": {"values": [1, 2, HERE], "label": HERE},
    "usage": {"data": [{"label": HERE, "text": HERE, "share": HERE}]},
    HERE: {HERE: HERE},
}
#: Kinds that large libraries draw.
FIGURES: dict[str, dict[str, Any]] = {
    "vegaChart": {
        "spec": {
            "title": HERE,
            "data": {"values": [{"a": HERE, "b": 1, HERE: 2}], "url": HERE},
            "mark": {"type": "bar", "tooltip": HERE, "href": HERE},
            "encoding": {"x": {"field": "a", "title": HERE}, "y": {"field": "b", "type": "quantitative"}},
        },
        "options": {"renderer": HERE},
    },
    "plotly": {
        "figure": {"data": [{"type": "bar", "x": [HERE, "b"], "y": [1, 2], "name": HERE}], "layout": {"title": HERE}},
        "label": HERE,
    },
    "bokeh": {"item": None, "label": HERE},
}
#: Kinds that show HTML of the user's own, in frames.
FRAMES: dict[str, dict[str, Any]] = {
    "html": {"html": HERE, "height": HERE, "label": HERE},
}

SURROGATES = re.compile("[\ud800-\udfff]")  # what the browser's driver cannot be given
#: What is in a page that nothing but a hole could have put there.
HOLES = r"""() => {
  const unwanted = `object, embed, base, form:not(.vega-bindings), body :is(meta, link, style),
    body title:not(svg title)`;
  const leads = ["href", "src", "action", "xlink:href", "formaction"];
  const isHole = ({ name, value }) => name.startsWith("on") || name === "srcset" || name === "background"
    || (leads.includes(name) && /^[\s\0-\x20]*(javascript|vbscript|file):/i.test(value))
    || (name === "src" && !/^data:/.test(value));
  return [...document.querySelectorAll("*")].flatMap((element) => [
    ...(element.matches(unwanted) ? [element.outerHTML] : []),
    ...[...element.attributes].filter(isHole).map(({ name, value }) => `${name}=${value.slice(0, 100)}`),
  ]);
}"""
#: The class of what has the focus, or what has it without being seen to have it.
FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return "";
  return getComputedStyle(at).outlineStyle === "solid" ? at.className || at.tagName : `no ring ${at.outerHTML}`;
}"""


def filled(value: Any, attack: str) -> Any:
    if isinstance(value, str):
        return attack if value == HERE else value
    if isinstance(value, dict):
        return {filled(key, attack): filled(each, attack) for key, each in value.items()}
    return [filled(each, attack) for each in value] if isinstance(value, list) else value


def attacking(kinds: dict[str, dict[str, Any]], attack: str, number: int) -> list[dict[str, Any]]:
    return [
        {"type": filled(kind, attack), "id": f"{attack} {number} {at}", **filled(fields, attack)}
        for at, (kind, fields) in enumerate(kinds.items())
    ]


def page_file(folder: Path, nodes: list[Any], facts: PageFacts | None = None, name: str = "card.html") -> Path:
    path = folder / name
    path.write_text(render_page(nodes, facts or PageFacts("A card", "Flow/1/start/2")), encoding="utf-8")
    return path


def test_every_kind_of_node_is_attacked():
    rows = [line for line in nodes_module.__doc__.splitlines() if line.startswith("``")]
    kinds = {kind for row in rows for kind in re.findall(r"``(\w+)``", row[:24])}
    # A card within a page is HTML by intention; what its frame lets it do is tested with exported runs.
    assert kinds == {*NODES, *FIGURES, *FRAMES, "cardFrame"} - {HERE}


@pytest.mark.slow
def test_no_text_runs_a_script_or_asks_the_network(tmp_path, browser: Browser):
    for start in range(0, len(ATTACKS), 12):
        group = ATTACKS[start : start + 12]
        nodes = [node for number, attack in enumerate(group) for node in attacking(NODES, attack, number)]
        facts = PageFacts(group[0], group[0], is_live=True, status=group[-1])
        page = browser.open(page_file(tmp_path, nodes, facts, f"{start}.html"))
        check_that_nothing_ran(page)
        # Once more, as an update of a page that somebody looks at.
        fragments = fragments_of({node["id"]: node for node in nodes if not SURROGATES.search(node["id"])})
        before = page.locator("body *").count()
        assert page.evaluate("fragments => window.metaflow_card_update({}, fragments)", fragments)
        check_that_nothing_ran(page)
        assert page.locator("body *").count() > before / 2, "the update has emptied the page"
        for control in page.locator("main button:visible").all()[:25]:
            control.click(force=True)
            page.keyboard.press("Escape")
        check_that_nothing_ran(page)
        page.close()


def bokeh_item(attack: str) -> Any:
    """A figure of Bokeh, as it is written for browsers."""
    pytest.importorskip("bokeh", reason="Figures of Bokeh are looked at.")
    from bokeh.embed import json_item
    from bokeh.plotting import figure

    drawing = figure(title=attack, x_range=[attack, "b"], height=200)
    drawing.vbar(x=[attack, "b"], top=[1, 2], legend_label=attack)
    return json_item(drawing)


def test_no_text_in_a_figure_runs_a_script_or_asks_the_network(tmp_path, browser: Browser):
    kinds = list(FIGURES.items())
    nodes = [
        node
        for number, attack in enumerate([*MARKUP, *ADDRESSES])
        for node in attacking(dict([kinds[number % len(kinds)]]), attack, number)
    ]
    for node in nodes:
        if node["type"] == "bokeh":
            node["item"] = bokeh_item(node["label"])
    page = browser.open(page_file(tmp_path, nodes))
    ended = """() => [...document.querySelectorAll(".mf-chart")].every(
        (each) => each.querySelector("svg, canvas, .bk-Figure, .mf-problem")
    )"""
    page.wait_for_function(ended)
    drawn = page.locator(".mf-chart").evaluate_all(
        "all => all.filter((each) => each.querySelector('svg, canvas, .bk-Figure')).length"
    )
    assert drawn > len(nodes) / 2, "there was nothing that could have been attacked"
    check_that_nothing_ran(page)


def check_that_nothing_ran(page: Any) -> None:
    assert page.evaluate(f"window.{PROOF}") is None
    assert page.evaluate(HOLES) == []
    allowed = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content").count("'sha256-")
    assert page.locator("script:not([type='application/json'])").count() == allowed
    assert page.url.startswith("file://")


def test_what_users_put_into_frames_cannot_touch_the_page(tmp_path, browser: Browser):
    nodes = [node for number, attack in enumerate(ATTACKS) for node in attacking(FRAMES, attack, number)]
    page = browser.open(page_file(tmp_path, nodes))
    page.wait_for_timeout(300)
    assert page.evaluate(f"window.{PROOF}") is None and page.url.startswith("file://")
    # In a frame, what is refused is told of: there, it is meant to be.
    browser.foresee("Content Security Policy", "sandboxed")


def test_what_users_put_into_frames_and_figures_connects_to_nobody(tmp_path, browser: Browser):
    # Chromium connects to where a frame wants to be loaded from before it asks the policy, and tells nobody.
    models, embed = pytest.importorskip("bokeh.models"), pytest.importorskip("bokeh.embed")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        content = (
            f"<LINK rel=preconnect href={address}><ifr\x00ame src={address}></iframe><iframe src={address}></iframe>"
            f"<object data={address}></object><embed src={address}><meta http-equiv=refresh content='0;url={address}'>"
        )
        figure = {"item": json.dumps(embed.json_item(models.Div(text=content))), "parts": ["bokeh-widgets"]}
        page = browser.open(page_file(tmp_path, [{"type": "html", "html": content}, {"type": "bokeh", **figure}]))
        page.locator(".mf-chart-view").wait_for(state="attached")
        page.wait_for_timeout(300)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


REPORT = """# Results

The model is **better** than before, see [the paper](https://example.org/paper).

## Details

| Fold | Score |
|------|------:|
| 1 | 0.91 |

```python
def score(model):
    return model.best  # of all
```

Files: `a_very_long_name_of_a_file_that_has_no_place_to_break_and_goes_on_for_ever_and_ever.parquet`
"""
NODES_OF_REPORT: list[Any] = [
    {
        "type": "section",
        "title": "Task",
        "contents": [
            {"type": "facts", "data": [{"label": "User", "value": "jane"}, {"label": "Origin", "value": None}]}
        ],
    },
    {"type": "markdown", "source": REPORT},
    {
        "type": "section",
        "title": "Plots",
        "columns": 2,
        "contents": [
            {"type": "image", "src": PIXEL, "label": "Loss"},
            {"type": "section", "title": "Code", "contents": [{"type": "pythonCode", "code": "x = 1\n" * 60}]},
        ],
    },
    {"type": "log", "data": "x" * 400 + "\n\x1b[31mred\x1b[0m\n" * 100},
    {"type": "error", "headline": "Too late", "message": "It took too long.", "trace": "line 1\nline 2"},
    {"type": "something new", "value": 1},
]
FACTS = PageFacts("Training of the model", "TrainFlow/1763763851/train/3", status="Finished")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(tmp_path, browser: Browser, scheme):
    page = browser.open(page_file(tmp_path, NODES_OF_REPORT, FACTS), color_scheme=scheme)
    assert accessibility_problems(page) == []
    assert page.title() == "Training of the model"
    headings = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map((each) => Number(each.tagName[1]))")
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(headings, headings[1:])), headings
    assert page.locator("main section").first.get_attribute("aria-labelledby")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 60")
    assert dark == (scheme == "dark")


def test_pages_fit_on_a_phone_and_on_paper(tmp_path, browser: Browser):
    path = page_file(tmp_path, NODES_OF_REPORT, FACTS)
    phone = browser.open(path, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    small = phone.locator("button:visible").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect()).filter((box) => box.height < 24).length"
    )
    assert small <= 1  # the image of one pixel
    paper = browser.open(path, color_scheme="dark", viewport={"width": 700, "height": 900})
    paper.locator("[data-theme-button]").click()
    paper.locator("[data-theme-button]").click()
    paper.emulate_media(media="print", color_scheme="dark")
    assert paper.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert paper.evaluate("getComputedStyle(document.body).color.match(/\\d+/)[0] < 60")
    assert paper.locator("img.mf-zoomable").is_visible() and not paper.locator("[data-theme-button]").is_visible()
    assert paper.evaluate("document.documentElement.scrollWidth") == 700
    assert paper.locator(".mf-log pre").evaluate("each => each.scrollHeight - each.clientHeight") <= 1
    assert paper.pdf().startswith(b"%PDF")


def test_pages_are_used_by_keyboard(tmp_path, browser: Browser):
    page = browser.open(page_file(tmp_path, NODES_OF_REPORT, FACTS), color_scheme="light")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "mf-main"
    # Everything that can be used is reached, and seen to be reached.
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert {"A", "mf-zoom", "mf-button mf-copy", "mf-block mf-scroll", "SUMMARY"} <= reached
    assert not [each for each in reached if each.startswith("no ring")]

    theme = page.locator("[data-theme-button]")
    theme.press("Enter")
    assert (
        theme.get_attribute("aria-pressed") == "true"
        and page.evaluate("document.documentElement.dataset.theme") == "dark"
    )
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"

    image = page.locator(".mf-zoom")
    image.press("Enter")
    page.locator("dialog[open] img").wait_for()
    assert page.locator("dialog").get_attribute("aria-label") == "Loss"
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    expect(image).to_be_focused()

    copy = page.locator(".mf-copy").first
    copy.press("Enter")
    page.get_by_text("Copied").first.wait_for()


def test_pages_are_read_without_scripts(tmp_path, browser: Browser):
    page = browser.open(page_file(tmp_path, NODES_OF_REPORT, FACTS), scripts=False)
    text = page.locator("body").inner_text()
    assert all(part in text for part in ("Results", "jane", "of all", "red", "It took too long.", "line 2", "Loss"))
    assert not page.locator("[data-theme-button]").is_visible()


# --- updates


def live(version: int, more: list[Any] | None = None) -> dict[str, dict[str, Any]]:
    """Components of a card that changes."""
    return {
        "note": {"type": "markdown", "id": "note", "source": f"# Version {version}\n\nSome text."},
        "log": {"type": "log", "id": "log", "data": "".join(f"line {n}\n" for n in range(100 * version))},
        "code": {"type": "log", "id": "code", "data": "".join(f"row {n}\n" for n in range(100)) + str(version)},
        "failure": {"type": "error", "id": "failure", "headline": f"Error {version}", "trace": "at line 1"},
        "same": {"type": "text", "id": "same", "text": "always the same"},
    }


def post(page: Any, message: Any) -> None:
    page.evaluate("message => frames[0].postMessage(message, '*')", message)


@pytest.fixture
def viewer(tmp_path, browser: Browser) -> Any:
    """A page of a viewer, which shows a card in a frame."""
    inner = {"type": "section", "title": "Inner", "contents": list(live(1).values())}
    page_file(tmp_path, [inner], PageFacts("Live", "Flow/1/start/2", is_live=True))
    outer = tmp_path / "viewer.html"
    outer.write_text(
        '<!DOCTYPE html><title>Viewer</title><iframe title="Card" src="card.html" width="900" height="700"></iframe>'
    )
    page = browser.open(outer, viewport={"width": 1000, "height": 800})
    return page, page.frames[1]


def update(version: int | str, fragments: dict[str, str] | None, **data: Any) -> dict[str, Any]:
    data = {"render_seq": version, "component_update_ts": 1.0, "components": {}, "fragments": fragments, **data}
    return {"type": "metaflow-card-update", "data": data}


def test_an_update_changes_what_it_is_for_and_nothing_else(viewer):
    page, card = viewer
    assert "while the task runs" in card.locator("[data-live-badge]").inner_text()
    blocks = card.locator("pre.mf-block")
    card.locator("[data-component=failure] summary").click()  # closes it
    card.locator("[data-component=log] pre").evaluate("each => each.scrollTo(0, 1e6)")
    card.locator("[data-component=code] pre").evaluate("each => each.scrollTo(0, 100)")
    card.locator("[data-component=code] .mf-copy").focus()
    card.evaluate("scrollTo(0, 120); document.querySelector('[data-component=same]').before = 'kept'")
    count = blocks.count()

    post(page, update(2, fragments_of(live(2))))
    card.get_by_role("heading", name="Version 2").wait_for()
    assert card.locator("[data-component=log]").inner_text().rstrip().endswith("line 199\nCopy")
    assert card.locator("[data-component=failure] p").first.inner_text() == "Error 2"
    assert not card.locator("[data-component=failure] details").evaluate("each => each.open"), "it was opened again"
    assert card.locator("[data-component=log] pre").evaluate(
        "each => each.scrollTop + each.clientHeight >= each.scrollHeight - 4"
    ), "a log that was read at its end does not follow"
    assert card.locator("[data-component=code] pre").evaluate("each => each.scrollTop") == 100
    assert card.evaluate("document.activeElement.closest('[data-component]')?.dataset.component") == "code"
    assert card.evaluate("document.activeElement.className") == "mf-button mf-copy"
    assert card.evaluate("scrollY") == 120
    assert card.evaluate("document.querySelector('[data-component=same]').before") == "kept"
    assert blocks.count() == count and card.locator(".mf-copy").count() == count
    # The heading stands in a section: below its heading, also after the update.
    heading = card.get_by_role("heading", name="Version 2")
    assert (heading.get_attribute("aria-level") or heading.evaluate("each => each.tagName[1]")) == "3"
    assert re.fullmatch(r"Live, updated \d+ s ago", card.locator("[data-live-badge]").inner_text())
    assert card.get_by_role("status").inner_text() == "The card was updated."


def test_an_update_waits_until_selected_text_is_let_go_of(viewer):
    page, card = viewer
    card.evaluate("getSelection().selectAllChildren(document.querySelector('[data-component=note] p'))")
    post(page, update(2, fragments_of(live(2))))
    card.get_by_text("Error 2").wait_for()
    assert card.get_by_role("heading", name="Version 1").count() == 1
    assert card.evaluate("getSelection().toString()") == "Some text."
    card.evaluate("getSelection().removeAllRanges()")
    card.get_by_role("heading", name="Version 2").wait_for()


def test_messages_that_are_none_change_nothing(viewer):
    page, card = viewer
    before = card.locator("main").inner_html()
    fragments = fragments_of(live(2))
    for message in [
        None,
        "text",
        5,
        [],
        {},
        {"type": "other", "data": update(2, fragments)["data"]},
        {"type": "metaflow-card-update"},
        {"type": "metaflow-card-update", "data": "text"},
        update(2, None),
        update(3, {"note": 5, "no such": "<p>x</p>", '"] body, [x="': "<p>y</p>"}),
    ]:
        post(page, message)
    # Not from the viewer, but from a frame, or from the page itself.
    card.evaluate("message => window.postMessage(message, '*')", update(4, fragments))
    page.wait_for_timeout(100)
    assert card.locator("main").inner_html() == before


def test_the_last_update_ends_it(viewer):
    page, card = viewer
    post(page, update("final", fragments_of(live(3))))
    card.get_by_role("heading", name="Version 3").wait_for()
    card.get_by_text("No more updates: the task is over").wait_for()
    assert not card.evaluate("document.body.hasAttribute('data-live')")


def test_what_is_put_in_by_an_update_runs_no_script(viewer):
    page, card = viewer
    image = base64.b64encode(b"no image").decode()
    html = (
        f'<div data-component="note"><script>window.{PROOF}=1</script><img src="data:image/png;base64,{image}"></div>'
        f'<div data-component="same"><template><b>x</b></template></div>'
    )
    post(page, update(2, {"note": html}))
    card.locator("[data-component=note] img").wait_for(state="attached")
    assert card.evaluate(f"window.{PROOF}") is None
