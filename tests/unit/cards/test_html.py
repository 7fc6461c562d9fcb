"""HTML of users, in frames."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pandas
import pytest

from metaflow.cards import HTML
from metaflow.cards.page.context import PageContext
from metaflow.cards.running.making import node_of


class Shown:
    def _repr_html_(self) -> str:
        return "<i>shown</i>"


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>é", encoding="utf-8")
    assert HTML("<p>é").render()["html"] == HTML(path).render()["html"] == HTML("<p>é".encode()).render()["html"]
    assert HTML(Shown()).render()["html"] == "<i>shown</i>"
    assert "<table" in HTML(pandas.DataFrame({"a": [1]})).render()["html"]


@pytest.mark.parametrize("wrong", [3, None, Shown, Path("no-such-file.html")])
def test_what_has_no_html_is_told_on_the_card(wrong: object) -> None:
    assert node_of(HTML(wrong))["type"] == "error"


def test_the_frame_runs_nothing() -> None:
    page = PageContext().render({"type": "html", "html": '"></iframe><script>alert(1)</script>', "height": 99999})
    assert page.count("<iframe") == page.count("</iframe>") == 1
    assert "<script" not in page
    sandbox = page.partition('sandbox="')[2].partition('"')[0].split()
    assert not {"allow-scripts", "allow-forms", "allow-top-navigation"} & set(sandbox)
    assert 'height="20000"' in page
    assert "<script>alert(1)</script>" in html.unescape(page)


@pytest.mark.parametrize(
    ("content", "on_white"),
    [
        ("<p>plain</p>", False),
        ("<p style='color: red'>", True),
        ("<td bgcolor=yellow>", True),
        ("<style>:root { color-scheme: light dark } p { background: Canvas }</style>", False),
    ],
)
def test_what_has_colours_is_shown_on_white(content: str, on_white: bool) -> None:
    assert ("mf-paper" in PageContext().render({"type": "html", "html": content})) == on_white


@pytest.mark.parametrize("height", [None, "100", True, float("nan"), -5])
def test_heights(height: object) -> None:
    made = PageContext().render({"type": "html", "html": "x", "height": height})
    assert (' height="20"' in made) == (height == -5)
    assert ' height="1' not in made


@pytest.mark.parametrize("before", [65_536 - 3, 65_536 + 3, 131_072 - 3, 200_000])
@pytest.mark.parametrize("filling", ["x", "<b>", " <"])
def test_large_documents_are_as_safe_as_small_ones(before: int, filling: str) -> None:
    start = (filling * before)[:before]
    content = f"{start}<link rel=x>{filling * 70_000}</IFRAME\ud800<\x00base>\N{SNOWMAN}<style>p{{color :red}}</style>"
    whole = re.sub(
        r"<(/?)(?=(link|iframe|base)\b)",
        r"<\1x-",
        content.replace("\x00", "").encode("utf-8", "replace").decode(),
        flags=re.IGNORECASE,
    )
    page = PageContext()
    made = "".join(page.in_pieces(page.render({"type": "html", "html": content})))
    shown = html.unescape(re.search('srcdoc="([^"]*)"', made)[1])
    assert shown.endswith(f"</style>{whole}") and "mf-paper" in made
