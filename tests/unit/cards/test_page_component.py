"""`PageComponent` and `Section`: what holds other components."""

from __future__ import annotations

import pytest

from metaflow.cards import Markdown, MetaflowCardComponent, PageComponent, Section, ValueBox, as_component


class Broken(MetaflowCardComponent):
    def render(self) -> str:
        raise RuntimeError("no data")


def test_titles_are_left_out_if_there_are_none() -> None:
    assert PageComponent().render() == {"type": "page", "contents": []}
    assert Section("t", "s").render() == {
        "type": "section",
        "title": "t",
        "subtitle": "s",
        "contents": [],
        "columns": 1,
    }


def test_contents_of_all_kinds_are_rendered_as_they_are_now() -> None:
    text, node = Markdown("one"), {"type": "text", "text": "as it is"}
    section = Section(columns=2, contents=[text, node, "two", 3, Broken()])
    text.update("three")
    section.components.append(ValueBox("t", 1))
    shown = section.render()
    assert shown["columns"] == 2
    assert [each["type"] for each in shown["contents"]] == ["markdown", "text", "markdown", "text", "error", "valueBox"]
    assert shown["contents"][0]["source"] == "three"
    assert shown["contents"][1] == node
    assert shown["contents"][4]["message"] == "no data"


def test_a_single_thing_is_a_list_of_one() -> None:
    assert [each["type"] for each in PageComponent(contents="text").render()["contents"]] == ["markdown"]
    assert [each["type"] for each in PageComponent(contents=ValueBox("t", 1)).render()["contents"]] == ["valueBox"]
    assert [each["type"] for each in PageComponent(contents={"type": "text", "text": "a"}).render()["contents"]] == [
        "text"
    ]


def test_contents_have_ids() -> None:
    box = ValueBox("t", 1)
    assert Section(contents=[box]).render()["contents"][0]["id"] == box.component_id


def test_a_value_that_its_library_cannot_show_is_an_error_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(as_component, "as_component", fail)
    shown = Section(contents=[object()]).render()["contents"]
    assert (shown[0]["headline"], shown[0]["message"]) == ("object cannot be shown", "RuntimeError: no memory")
