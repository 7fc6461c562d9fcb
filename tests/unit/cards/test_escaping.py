"""Text that is made harmless, read again by parsers of HTML and JSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from attack_strings import ATTACKS
from metaflow.cards.page import escaping
from metaflow.cards.page.escaping import (
    script_code,
    script_data,
    text,
    text_within,
    without_reach,
)

ANYTHING = st.text(st.characters(exclude_categories=[])) | st.sampled_from(ATTACKS)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    reader.close()
    return reader


@given(ANYTHING)
def test_a_text_stays_between_its_tags_and_in_its_attribute(value):
    shown = text(value)
    shown.encode()
    found = read(f"<p title=\"{shown}\" lang='{shown}'>{shown}</p>")
    ((tag, attributes),) = found.tags
    assert tag == "p" and set(attributes) == {"title", "lang"}
    assert attributes["title"] == attributes["lang"] == found.words


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn"])))
def test_what_people_write_stays_as_it_is(value):
    assert read(f"<p>{text(value)}</p>").words == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\u202eb", "a[U+202E]b"),
        ("\u2066a\u2069", "[U+2066]a[U+2069]"),
        ("\x00\x1b", "\u2400\u241b"),
        ("\ud800", "\ufffd"),
        ("a\tb\nc", "a\tb\nc"),
        (None, "None"),
        (3.5, "3.5"),
    ],
)
def test_characters_that_deceive_are_seen(value, shown):
    assert text(value) == shown


@given(ANYTHING, st.integers(0, 50))
def test_a_long_text_keeps_its_ends(value, most):
    shown, note = text_within(value, most)
    if len(value) <= most:
        assert (shown, note) == (text(value), "")
    else:
        assert f"{len(value) - most:,} characters" in note
        half = most // 2
        assert shown.startswith(text(value[: most - half])) and shown.endswith(text(value[-half:]) if half else "…\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | ANYTHING,
    lambda inner: st.lists(inner) | st.dictionaries(ANYTHING | st.floats() | st.tuples(st.integers()), inner),
    max_leaves=8,
)


@given(VALUES)
def test_data_for_scripts_ends_no_script_and_is_json_that_browsers_read(value):
    written = script_data(value)
    assert not set(written) & set("<>&\u2028\u2029")
    json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_numbers_that_json_does_not_have_become_null():
    value = {"a": [float("nan"), 1.5, {"b": float("-inf")}], "c": (True, None)}
    assert json.loads(script_data(value)) == {"a": [None, 1.5, {"b": None}], "c": [True, None]}


def test_data_that_holds_itself_comes_to_an_end():
    value: dict[str, object] = {}
    value["self"] = value
    assert "…" in json.dumps(json.loads(script_data(value)), ensure_ascii=False)


def test_data_whose_parts_hold_each_other_is_not_written_along_every_way():
    parts: list[dict[str, object]] = [{"number": number} for number in range(12)]
    for part in parts:
        part["others"] = parts
    assert len(script_data(parts)) < 10_000_000


@given(
    st.text("</ifrmelnk \x00IFRAME>x-", max_size=30)
    | st.sampled_from(["<iframe", "</LINK/>", "<li\x00nk ", "<<meta\n"])
)
def test_nothing_that_reaches_out_is_left_in_html(content):
    assert not re.search(r"<\x00*/?(iframe|frame|link|meta)(?![\w])", "".join(without_reach(content)), re.I)


@given(st.lists(st.sampled_from(["<", "</", "iframe", "fencedframe", "\x00", " ", "s", ">"])), st.integers(1, 20))
def test_html_in_pieces_is_what_it_is_as_a_whole(parts, size):
    content = "".join(parts)
    whole = "".join(without_reach(content))
    with patch.object(escaping, "_PIECE", size):
        assert "".join(without_reach(content)) == whole


@pytest.mark.parametrize("content", ["x" * 10, "<p>", "\x00 <a>"])
def test_html_is_never_handled_as_a_whole(content):
    class Watched(str):
        """Says if all of it is gone through at once."""

        def replace(self, *given):
            pytest.fail("all of it at once")

    content = Watched(content * 100_000)
    assert max(map(len, without_reach(content))) < 100_000


def test_html_that_reaches_nowhere_stays_as_it_is():
    content = "<p title='a link'>&lt;link&gt; <metadata/><blink>x</blink> if a < link"
    assert "".join(without_reach(content)) == content
    assert "".join(without_reach("<iframe src=a>x</iframe>")) == "<x-iframe src=a>x</x-iframe>"


@given(st.text("</scriptSCRIPT!->\r\n\x00x \\"))
def test_the_code_of_a_library_cannot_end_its_script(code):
    found = script_code(code)
    assert "</script" not in found.lower() and "<!--" not in found and "\r" not in found and "\x00" not in found
