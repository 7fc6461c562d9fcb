"""Tables and viewers of data in a real browser."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attack_strings import ATTACKS, PROOF
from browser import Browser, accessibility_problems
from live_card_doubles import fragments_of
from metaflow.cards import Artifact, JSONViewer, ProgressBar, Table, YAMLViewer
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.running.making import node_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = [[n, n * 1.5 if n % 10 else None, f"name {n:03}"] for n in range(120)]


def open_page(browser: Browser, tmp_path: Path, *components: Any, **options: Any) -> Page:
    file = tmp_path / "card.html"
    file.write_text(render_page([node_of(each) for each in components], PageFacts("Tables")), "utf-8", "surrogatepass")
    return browser.open(file, **options)


def rows(page: Page) -> list[list[str]]:
    return page.locator(".mf-table tbody tr").evaluate_all(
        "lines => lines.map(line => [...line.children].map(cell => cell.textContent))"
    )


def first(page: Page) -> list[str]:
    return rows(page)[0]


def copied(page: Page) -> str:
    """What the page's button for it copies."""
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    return page.evaluate("window.copied")


def test_a_long_table_is_paged_sorted_and_searched(browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, tmp_path, Table(ROWS, headers=["n", "half", "name"]))
    note = page.locator(".mf-table-range")
    assert len(rows(page)) == 50
    assert note.text_content() == "Rows 1–50 of 120"
    assert page.get_by_role("button", name="Previous").is_disabled()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    assert (note.text_content(), first(page)) == ("Rows 101–120 of 120", ["100", "None", "name 100"])
    assert page.get_by_role("button", name="Next").is_disabled()
    page.get_by_label("Page", exact=True).fill("2")
    page.keyboard.press("Enter")
    assert first(page)[0] == "50"

    header = page.get_by_role("columnheader", name="half")
    page.get_by_role("button", name="half").focus()
    page.keyboard.press("Enter")
    assert (header.get_attribute("aria-sort"), first(page)) == ("ascending", ["1", "1.5", "name 001"])
    page.keyboard.press("Space")
    assert (header.get_attribute("aria-sort"), first(page)) == ("descending", ["119", "178.5", "name 119"])
    page.get_by_label("Page", exact=True).fill("3")
    page.keyboard.press("Enter")
    assert rows(page)[-1][1] == "None"  # what is missing comes last in either order
    page.get_by_role("button", name="half").press("Enter")
    assert (header.get_attribute("aria-sort"), first(page)[0]) == (None, "0")

    page.get_by_label("Search rows").fill("NAME 11")
    page.get_by_text("Rows 1–10 of 10 found").wait_for()
    assert [row[0] for row in rows(page)] == [str(n) for n in range(110, 120)]
    assert page.locator(".mf-table [role=status]").first.text_content() == "10 rows found"
    page.get_by_label("Search rows").fill("nowhere")
    page.get_by_text("No rows with that text").wait_for()
    assert note.text_content() == "No rows found"


def test_what_is_saved_and_copied_is_exact_and_no_formula(browser: Browser, tmp_path: Path) -> None:
    table = Table(
        [["=1+1", 0.123456789012345, None], ["-2.5", 2**60, 'a "quote", é'], ["@x\ty", 3, "two\nlines"]] * 20,
        headers=["=text", "number", "other"],
    )
    page = open_page(browser, tmp_path, table)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "table.csv"
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        read = list(csv.reader(file))
    assert len(read) == 61
    assert read[0] == ["'=text", "number", "other"]
    assert read[1:4] == [
        ["'=1+1", "0.123456789012345", ""],
        ["-2.5", str(2**60), 'a "quote", é'],
        ["'@x\ty", "3", "two\nlines"],
    ]
    assert copied(page).split("\n")[1:4] == [
        "'=1+1\t0.123456789012345\t",
        f'-2.5\t{2**60}\ta "quote", é',
        "'@x y\t3\ttwo lines",
    ]
    assert page.get_by_text("0.123457").first.get_attribute("title") == "0.123456789012345"


def test_script_and_python_show_values_in_the_same_way(browser: Browser, tmp_path: Path) -> None:
    values = [0.0, -0.5, 1e-5, 1 / 3, 123456.789, 1e15, 1.5e300, -2e-300, 12345678.9, 1.0, 1e22, 0.0001, float("nan")]
    cells = [
        [value, n, n % 2 == 0, text, n / 4]
        for n, (value, text) in enumerate(zip(values, [None, "", "a <b>", "x" * 3000] * 4))
    ]
    page = open_page(browser, tmp_path, Table(cells, headers=["a", "n", "c", "d", "e"]))
    before = rows(page)
    kinds = "lines => lines.map(cell => [cell.className, cell.title])"
    looks = page.locator("tbody td").evaluate_all(kinds)
    page.get_by_role("button", name="n", exact=True).click()
    assert page.get_by_role("columnheader", name="n", exact=True).get_attribute("aria-sort") == "ascending"
    assert rows(page) == before
    assert page.locator("tbody td").evaluate_all(kinds) == looks


def test_an_update_keeps_what_the_reader_did_to_a_table(browser: Browser, tmp_path: Path) -> None:
    table = Table(ROWS, headers=["n", "half", "name"])
    page = open_page(browser, tmp_path, table)
    page.get_by_role("button", name="n", exact=True).click()
    page.get_by_role("button", name="n", exact=True).click()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Search rows").fill("name")
    page.get_by_text("of 120 found").wait_for()
    page.get_by_role("button", name="Next").click()
    later = Table([*ROWS, [120, 1.0, "name 120"]], headers=["n", "half", "name"])
    later.component_id = table.component_id
    fragments = fragments_of({later.component_id: node_of(later)})
    assert page.evaluate("fragments => window.metaflow_card_update({}, fragments)", fragments)
    assert page.locator(".mf-table-range").text_content() == "Rows 51–100 of 121 found"
    assert first(page)[0] == "70"
    assert page.get_by_label("Search rows").input_value() == "name"
    assert page.evaluate("document.activeElement.textContent") == "Next"


def test_without_scripts_and_in_print_it_is_told_what_is_missing(browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, tmp_path, Table(ROWS, headers=["n", "half", "name"]), scripts=False)
    assert len(rows(page)) == 50
    assert page.get_by_text("50 of 120 rows; showing the others needs JavaScript.").is_visible()
    page = open_page(browser, tmp_path, Table(ROWS, headers=["n", "half", "name"]), JSONViewer({"a": 1}))
    page.emulate_media(media="print")
    assert page.get_by_text("Rows 1–50 of 120").is_visible()
    assert not page.locator(".mf-toolbar").first.is_visible()
    assert page.get_by_text("half").is_visible()
    assert page.locator(".mf-table-frame").evaluate("frame => frame.scrollHeight <= frame.clientHeight")


@pytest.mark.parametrize("width", [360, 1200])
def test_layout_and_accessibility(browser: Browser, tmp_path: Path, width: int) -> None:
    wide = Table([list(range(40))] * 60, headers=[f"column {n}" for n in range(40)])
    nested = Table(
        [
            ["inner", Artifact([1, 2], "list")],
            ["data", JSONViewer({"a": {"b": 1}})],
            ["progress", ProgressBar(10, value=3, unit="steps")],
            ["named", ProgressBar(10, "Epochs", 3)],
        ],
        headers=["kind", "shown"],
    )
    record = Table({"rate": 0.1, "text": "w" * 300})
    data = {"text": "x" * 500, "list": list(range(250)), "deep": {"er": [{"a": None}]}}
    components = [
        wide,
        nested,
        record,
        Table([[1, "x" * 3000]] * 20),
        Table(),
        JSONViewer(data, title="Data"),
        YAMLViewer(data),
    ]
    for scheme in ("light", "dark"):
        page = open_page(browser, tmp_path, *components, viewport={"width": width, "height": 800}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert accessibility_problems(page) == []
    bars = page.locator("td .mf-progress")
    heights = [(bars.nth(at).bounding_box() or {})["height"] for at in range(2)]
    assert heights[0] < 25 < heights[1] < 50, "one line, and one for its name"
    assert bars.nth(0).inner_text().split() == ["30%", "3", "/", "10", "steps"]
    assert page.locator(".mf-type code").first.evaluate("code => code.getClientRects().length") == 1, "one word"
    frame = page.locator(".mf-table-frame").first
    frame.focus()
    page.keyboard.press("End")
    top = frame.locator("th").first.bounding_box()
    assert top["y"] == pytest.approx(frame.bounding_box()["y"], abs=2)  # the headers stay in sight
    assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth")


def test_viewers_of_data_are_unfolded_searched_and_copied(browser: Browser, tmp_path: Path) -> None:
    data = {
        "a": {"b": {"needle": 1}},
        "list": [f"item {n}" for n in range(250)],
        "text": "line\n<b>\u202e",
        "big": 2**60,
    }
    page = open_page(browser, tmp_path, JSONViewer(data, max_height=200))
    body = page.locator(".mf-data-body")
    assert not page.get_by_text("needle", exact=True).is_visible()
    page.get_by_role("button", name="Expand all").click()
    assert page.get_by_text("needle", exact=True).is_visible()
    assert page.get_by_text("200 to 249").is_visible()
    assert body.evaluate("body => [body.clientHeight, body.scrollHeight > 1000]") == [200, True]
    page.get_by_role("button", name="Collapse all").click()
    assert not page.get_by_text("needle", exact=True).is_visible()
    find = page.get_by_label("Find in the data")
    find.fill("NEEDLE")
    page.get_by_text("1 of 1").wait_for()
    assert page.get_by_text("needle", exact=True).is_visible()
    find.fill("item 24")
    page.get_by_text("1 of 11").wait_for()
    find.press("Enter")
    assert page.locator(".mf-hit-now").text_content() == '240: "item 240"'
    assert page.locator(".mf-hit-now").is_visible()
    find.press("Shift+Enter")
    assert page.get_by_text("1 of 11").is_visible()
    assert json.loads(copied(page)) == data
    summary = page.locator("summary", has_text="a: {1 field}")
    summary.press("Enter")  # what was found had been unfolded
    assert not page.get_by_text("needle", exact=True).is_visible()
    summary.press("Enter")
    assert page.get_by_text("needle", exact=True).is_visible()


def test_yaml_is_folded_and_copied(browser: Browser, tmp_path: Path) -> None:
    source = "# settings\na:\n- b: 1\n  c: |\n    two\n    lines\n\nd: '<b>'\n"
    page = open_page(browser, tmp_path, YAMLViewer(source, title="Settings"))
    assert page.get_by_text("lines").is_visible()
    page.locator("summary", has_text="a:").first.click()
    assert not page.get_by_text("lines").is_visible()
    assert copied(page) == source
    plain = open_page(browser, tmp_path, YAMLViewer(source, collapsible=False, show_copy_button=False))
    assert plain.locator("summary").count() == 0
    assert plain.get_by_role("button", name="Copy").count() == 0


def test_no_text_in_data_can_do_anything(browser: Browser, tmp_path: Path) -> None:
    table = Table([[text, text] for text in ATTACKS] * 2, headers=ATTACKS[:2])
    values = {text: [text] for text in ATTACKS}
    viewers = [JSONViewer(values, title=ATTACKS[0]), YAMLViewer(values), YAMLViewer("\n".join(ATTACKS))]
    artifacts = [Artifact(text, name=text, compressed=False) for text in ATTACKS]
    page = open_page(browser, tmp_path, table, *viewers, *artifacts)
    page.get_by_role("button", name="Next").click()  # made by the script
    for button in page.get_by_role("button", name="Expand all").all():
        button.click()
    for button in page.locator(".mf-sort").all():
        button.click()
    assert page.evaluate(f"window.{PROOF}") is None
    allowed = "table, .mf-data, .mf-table-foot, .mf-toolbar"
    assert (
        page.locator(f"main :is(img, svg, iframe, object, embed, form, link, base, meta, style):not({allowed})").count()
        == 0
    )
    assert page.locator("main script:not([type='application/json'])").count() == 0
