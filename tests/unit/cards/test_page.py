"""The page as a whole, and the elements that are not large enough for tests of their own."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import metaflow.cards.page
from live_card_doubles import fragments_of
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.page.elements.code import code_block

ASSETS = Path(metaflow.cards.page.__file__).parent / "assets"


def plain(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def test_only_scripts_of_the_page_can_run():
    page = render_page(["text"], PageFacts("Title", "Flow/1/start/2"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts}
    (allowed,) = (each.split()[1:] for each in policy.split("; ") if each.startswith("script-src"))
    assert scripts and set(allowed) == hashes
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert not re.search(r"https?://(?!www\.w3\.org/)", page), "the page names a place of the network"


def test_a_page_says_what_it_is():
    page = render_page([], PageFacts("My <card>", "Flow/1/start/2", status="Failed", created_on=0.0))
    assert (
        "<title>My &lt;card&gt;</title>" in page and '<h1 class="mf-page-title" dir="auto">My &lt;card&gt;</h1>' in page
    )
    assert '<span class="mf-badge mf-bad">Failed</span>' in page
    assert '<time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00 UTC</time>' in page
    assert "data-live-badge>" not in page and "[METAFLOW_RELOAD_TOKEN]" in page
    live = render_page([], PageFacts("x", is_live=True))
    assert re.search(r"<body [^>]*data-live>", live) and "data-live-badge>" in live


def test_libraries_that_elements_ask_for_are_in_the_page(monkeypatch):
    def element(node, page):
        page.libraries["large"] = "let a = '</script>';\r\n"
        return ""

    monkeypatch.setattr("metaflow.cards.page.elements.element_of", lambda kind: element)
    page = render_page([{"type": "x"}], PageFacts("x"))
    assert page.count("<script>let a = '<\\/script>';\n</script>") == 1


def test_styles_and_scripts_stay_small():
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 90 * 1024


def test_scripts_and_styles_are_in_one_piece_each():
    for path in ASSETS.iterdir():
        content = path.read_text("utf-8")
        assert "</script" not in content and "<!--" not in content and "</style" not in content, path.name
        assert "innerHTML" not in content or path.name == "02-live.js", path.name


def test_colours_are_named_in_one_place_only():
    core = (ASSETS / "00-core.css").read_text("utf-8")
    dark = re.findall(r"color-scheme: dark;(.*?)\}", core, re.DOTALL)
    assert len(dark) == 2 and dark[0].split() == dark[1].split()
    light = re.search(r":root \{\n  color-scheme: light;(.*?)\n\}", core, re.DOTALL)[1]
    for name in re.findall(r"--mf-[a-z0-9-]+(?=:)", dark[0]):
        assert name in light
    for path in ASSETS.glob("*.css"):
        if path.name != "00-core.css":
            assert not re.search(r"#[0-9a-f]{3,8}\b[^{]*;", path.read_text("utf-8")), (
                f"{path.name} has a colour of its own"
            )


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_all_grounds(theme):
    core = (ASSETS / "00-core.css").read_text("utf-8")
    block = core[core.index(f"color-scheme: {theme};") :].partition("}")[0]
    colours = dict(re.findall(r"--mf-([a-z0-9-]+): (#[0-9a-f]{6});", block))
    grounds = ["bg", "surface", "sunken"]
    pairs = [(ink, ground) for ink in ("text", "muted", "accent", "good", "warn", "bad") for ground in grounds]
    pairs += [(ink, f"{ink}-soft") for ink in ("accent", "good", "warn", "bad")]
    pairs += [("text", f"{ink}-soft") for ink in ("accent", "good", "warn", "bad")]
    pairs += [(f"series-{n}", ground) for n in range(1, 7) for ground in ("surface", "sunken")]
    poor = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert not {pair: round(found, 2) for pair, found in poor.items() if found < 4.5}


def test_loose_components_share_a_panel_and_sections_have_their_own():
    section = {"type": "section", "title": "One", "columns": 2, "contents": ["a", "b"]}
    page = render_page(["x", "y", section, "z"], PageFacts("t"))
    main = page[page.index("<main") : page.index("</main>")]
    assert len(re.findall('class="mf-section"', main)) == 3
    assert re.search(r'<section class="mf-section" aria-labelledby="(mf-\d+)">.*<h2 [^>]*id="\1">One</h2>', main)
    assert "mf-card-grid mf-columns-2" in main


@pytest.mark.parametrize(
    ("asked", "nodes", "columns"),
    [(None, 3, 1), (3, 4, 3), (3, 2, 2), (7, 9, 8), (99, 99, 12), ("x", 2, 1), (float("inf"), 2, 1), (-1, 2, 1)],
)
def test_columns(asked, nodes, columns):
    html = PageContext().render({"type": "section", "columns": asked, "contents": ["a"] * nodes})
    assert (f"mf-columns-{columns}" in html) if columns > 1 else ("mf-columns" not in html)


def test_headings_go_down_with_sections():
    inner = {"type": "section", "title": "Inner", "contents": [{"type": "heading", "title": "Deep"}]}
    html = PageContext().render({"type": "section", "title": "Outer", "contents": [inner]})
    assert re.findall(r"<h(\d)", html) == ["2", "3", "4"]


def test_the_title_of_the_page_is_not_repeated():
    node = {"type": "page", "title": "Report", "contents": ["a"]}
    assert render_page([node], PageFacts("Report")).count(">Report</h") == 1
    assert render_page([node], PageFacts("Other")).count(">Report</h2>") == 1


def test_fragments_have_ids_of_their_own():
    section = {"type": "section", "title": "a", "contents": []}
    fragments = fragments_of({name: {**section, "id": name} for name in ("one", "two")})
    ids = [re.search(r' id="([^"]*)"', html)[1] for html in fragments.values()]
    whole = re.findall(r' id="(mf-\d+)"', render_page([section], PageFacts("t")))
    assert len({*ids, *whole}) == 3 == len(ids) + len(whole)
    assert fragments == fragments_of({name: {**section, "id": name} for name in ("one", "two")})


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "node",
    [
        {"type": "text", "text": Unprintable()},
        {"type": Unprintable()},
        {"type": "facts", "data": 3},
        {"type": "section", "contents": {"type": "facts", "data": [1, None, {"value": {}}]}},
        {"type": ["list"]},
        {},
        None,
        7,
        {"type": "page", "contents": [[[["a"]]]]},
    ],
)
def test_a_node_with_anything_in_it_costs_nothing_else(node):
    html = render_page([node, "still there"], PageFacts("t"))
    assert '<p class="mf-text" dir="auto">still there</p>' in html


def test_nodes_that_hold_themselves_come_to_an_end():
    node: dict[str, object] = {"type": "section"}
    node["contents"] = [node]
    assert "Nested too deeply" in PageContext().render(node)


CODE = '''@step
def start(self, rate=0.5):
    """Begin,
    and go on."""
    name = f"{rate!r} of {self.all}"  # half
    return a @ b
'''


def test_code_has_colours_and_line_numbers():
    html = PageContext().render({"type": "pythonCode", "code": CODE, "first_line": 98})
    assert re.findall(r'data-line="([^"]*)"', html) == [" 98", " 99", "100", "101", "102", "103"]
    for piece in (
        'keyword">def',
        'name">step',
        'name">start',
        'comment"># half',
        'digits">0.5',
        'string">    and go on.&quot;&quot;&quot;',
    ):
        assert f'<span class="mf-py-{piece}</span>' in html
    assert 'mf-py-name">b<' not in html


@given(st.text("def \n'\"#@()[]{}f\\:x=0\t\x0c;é") | st.just(CODE) | st.text())
def test_all_of_the_code_is_shown(code):
    from metaflow.cards.page.escaping import text

    expected = text(code.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))
    assert plain(code_block(code, "python")) == "\n" + expected


@pytest.mark.parametrize("source", ["http://x/a.png", "data:text/html,x", "javascript:a", "", None, "data:image/png"])
def test_images_of_other_places_are_not_shown(source):
    html = PageContext().render({"type": "image", "src": source, "label": "A plot"})
    assert "<img" not in html and "cannot be shown" in html and "A plot" in html


def test_images():
    html = PageContext().render({"type": "image", "src": "data:image/svg+xml;utf8,<svg/>", "label": 'a "b"'})
    assert 'src="data:image/svg+xml;utf8,&lt;svg/&gt;" alt="a &quot;b&quot;"' in html and "<figcaption" in html


def test_errors_and_what_is_unknown_are_shown():
    html = PageContext().render(
        {"type": "error", "headline": "It <broke>", "message": "why", "trace": "line 1\nline 2"}
    )
    assert "It &lt;broke&gt;" in html and "line 1\nline 2" in html and "<details open>" in html
    assert "new &lt;kind&gt;" in PageContext().render({"type": "new <kind>", "x": 1})
