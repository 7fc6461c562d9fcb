"""What viewers of a live card are given."""

from __future__ import annotations

from typing import Any

import pytest

from live_card_doubles import Around, Files, PageCard, Shown, maker, running_card, token_of
from metaflow.cards.card import RELOAD_TOKEN, MetaflowCard
from metaflow.cards.exception import UnrenderableCardException
from metaflow.cards.running.live_page import LivePage, NotStored, Unusable


class Stage:
    """One card, and what was stored of it."""

    def __init__(self, card_class: type[MetaflowCard] = PageCard, attempt: int = 0, *components: Any) -> None:
        self.files = Files()
        self.card = running_card(card_class)
        self.card.components += components
        self.page = LivePage(self.card, maker(self.files, attempt))

    def update(self, user: Any = None) -> dict[str, Any]:
        self.files.written.clear()
        self.page.update(user)
        return self.files.documents[-1]


def test_the_page_comes_first_and_then_only_what_changes() -> None:
    one, two = Shown("one"), Shown("two")
    stage = Stage(PageCard, 0, one, two)
    first = stage.update({"epoch": 1})
    assert stage.files.names == ["html", "data.json"]
    assert token_of(stage.files.pages[0]) == first["reload_token"] == "never"
    data = first["data"]
    assert data["user"] == {"epoch": 1}
    assert data["components"][one.component_id]["text"] == "one"
    assert data["fragments"] == {}
    assert (data["render_seq"], data["mode"]) == (1, "refresh")
    assert first["created_on"] >= data["component_update_ts"] > 0

    two.update("<changed>")
    second = stage.update()
    assert stage.files.names == ["data.json"]
    assert second["reload_token"] == "never"
    assert list(second["data"]["fragments"]) == [two.component_id]
    assert "&lt;changed&gt;" in second["data"]["fragments"][two.component_id]
    assert second["data"]["render_seq"] == 2


def test_a_component_that_is_as_on_the_page_again_is_sent_all_the_same() -> None:
    """Somebody who looks at the page was told of the change before."""
    shown = Shown("as before")
    stage = Stage(PageCard, 0, shown)
    stage.update()
    shown.update("changed")
    stage.update()
    shown.update("as before")
    assert "as before" in stage.update()["data"]["fragments"][shown.component_id]


@pytest.mark.parametrize("change", ["append", "remove", "kind", "order", "text"])
def test_another_layout_is_another_page(change: str) -> None:
    one, two = Shown("one"), Shown("two")
    stage = Stage(PageCard, 0, one, two, "a text")
    before = stage.update()["reload_token"]
    if change == "append":
        stage.card.components.append(Shown("three"))
    elif change == "remove":
        del stage.card.components[0]
    elif change == "kind":
        one.kind = "markdown"
    elif change == "order":
        stage.card.components[:2] = [two, one]
    else:
        stage.card.components[2] = "another text"
    document = stage.update()
    assert stage.files.names == ["html", "data.json"]
    assert token_of(stage.files.pages[0]) == document["reload_token"] != before
    assert document["data"]["fragments"] == {}


def test_of_nested_components_the_inner_one_is_sent() -> None:
    inner, other = Shown("inner"), Shown("other")
    outer = Around(Around(inner), other)
    stage = Stage(PageCard, 0, outer)
    stage.update()
    inner.update("inner, changed")
    assert list(stage.update()["data"]["fragments"]) == [inner.component_id]
    outer.title = "changed"
    assert list(stage.update()["data"]["fragments"]) == [outer.component_id], "the outer one holds the inner one"


def test_a_component_without_a_place_on_the_page_is_sent_with_the_one_around_it() -> None:
    class Flat(Around):
        def render(self) -> dict[str, Any]:
            return {**super().render(), "type": "kind that is not known"}

    inner = Shown("inner")
    outer = Flat(inner)
    stage = Stage(PageCard, 0, outer)
    stage.update()
    inner.update("changed")
    assert list(stage.update()["data"]["fragments"]) == [outer.component_id]


def test_two_components_of_one_id_make_a_new_page() -> None:
    one, two = Shown("one"), Shown("two")
    one.component_id = two.component_id = "same"
    stage = Stage(PageCard, 0, Around(one), Around(two))
    stage.update()
    two.update("changed")
    stage.update()
    assert stage.files.names == ["html", "data.json"]


def test_a_library_that_the_page_lacks_makes_a_new_page() -> None:
    inner = Shown()
    stage = Stage(PageCard, 0, Around(inner))
    stage.update()
    inner.kind = "vegaChart"
    stage.update()
    assert stage.files.names == ["html", "data.json"]


def test_large_nodes_are_not_sent_twice() -> None:
    large, small = Shown("x" * 100_000), Shown("small")
    stage = Stage(PageCard, 0, large, small)
    assert set(stage.update()["data"]["components"]) == {small.component_id}
    large.update("y" * 100_000)
    data = stage.update()["data"]
    assert "y" * 100_000 in data["fragments"][large.component_id]
    assert set(data["components"]) == {small.component_id}


def test_an_attempt_has_tokens_of_its_own() -> None:
    tokens = [Stage(PageCard, attempt, Shown()).update()["reload_token"] for attempt in range(3)]
    assert len(set(tokens)) == 3


def test_a_type_may_want_the_page_anew_each_time() -> None:
    class Always(PageCard):
        RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ALWAYS

    stage = Stage(Always, 0, Shown())
    tokens = []
    for _ in range(2):
        tokens.append(stage.update()["reload_token"])
        assert stage.files.names == ["html", "data.json"]
    assert tokens == ["render-seq-1", "render-seq-2"]


def test_a_type_may_say_when_it_wants_the_page_anew() -> None:
    class Epochs(PageCard):
        RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ONCHANGE

        def reload_content_token(self, task: Any, data: Any) -> str:
            return f"epoch-{data['user']}"

    stage = Stage(Epochs, 0, Shown())
    assert stage.update(1)["reload_token"] == "epoch-1"
    assert stage.update(1)["reload_token"] == "epoch-1"
    assert stage.files.names == ["data.json"]
    assert stage.update(2)["reload_token"] == "epoch-2"
    assert token_of(stage.files.pages[0]) == "epoch-2"
    assert stage.update(1)["reload_token"] == "epoch-1-render-seq-4", "not that of a page that was there before"


def test_a_type_without_refresh_shows_new_pages() -> None:
    class NoRefresh(PageCard):
        refresh = MetaflowCard.refresh

    shown = Shown("one")
    stage = Stage(NoRefresh, 0, shown)
    stage.update()
    shown.update("two")
    stage.update()
    assert "two" in stage.files.pages[0]
    assert token_of(stage.files.pages[0]) == "render-seq-2"


def test_a_type_without_a_page_has_documents_only() -> None:
    class DataOnly(PageCard):
        render_runtime = MetaflowCard.render_runtime

        def refresh(self, task: Any, data: Any) -> dict[str, Any]:
            return {"mine": data["user"]}

    stage = Stage(DataOnly)
    assert stage.update(1)["data"]["components"] == {"mine": 1}
    stage.card.components.append(Shown())
    document = stage.update(2)
    assert stage.files.names == ["data.json"]
    assert (document["data"]["components"], document["reload_token"]) == ({"mine": 2}, "never")


def test_refresh_may_give_all_data_or_the_components_only() -> None:
    class Components(PageCard):
        def refresh(self, task: Any, data: Any) -> dict[str, Any]:
            return dict(data["components"])

    shown = Shown("one")
    stage = Stage(Components, 0, shown)
    assert stage.update()["data"]["components"][shown.component_id]["text"] == "one"
    shown.update("two")
    data = stage.update({"a": 1})["data"]
    assert list(data["fragments"]) == [shown.component_id]
    assert data["user"] == {"a": 1}
    assert data["render_seq"] == 2


def test_a_type_with_a_page_of_its_own_gets_its_data_as_it_is() -> None:
    class Own(PageCard):
        def render_runtime(self, task: Any, data: Any) -> str:
            return f"<p>{RELOAD_TOKEN}</p>"

    large = Shown("x" * 100_000)
    stage = Stage(Own, 0, large)
    assert stage.update()["data"]["components"][large.component_id]["text"] == large.value
    assert stage.files.pages == ["<p>never</p>"]


def test_what_is_no_page_is_refused() -> None:
    class Nothing(PageCard):
        def render_runtime(self, task: Any, data: Any) -> Any:
            return None

    class NoDictionary(PageCard):
        def refresh(self, task: Any, data: Any) -> Any:
            return [1]

    with pytest.raises(UnrenderableCardException, match=r"render_runtime\(\) of \S*Nothing returned nothing"):
        Stage(Nothing).page.update(None)
    with pytest.raises(Unusable, match="type list instead of a dictionary"):
        Stage(NoDictionary).page.update(None)


def test_a_page_that_was_not_stored_is_stored_next_time() -> None:
    stage = Stage(PageCard, 0, Shown())
    stage.files.fail = OSError("the disk is full")
    with pytest.raises(NotStored) as raised:
        stage.page.update(None)
    assert str(raised.value.__cause__) == "the disk is full"
    assert not stage.page.was_stored
    stage.files.fail = None
    stage.update()
    assert stage.files.names == ["html", "data.json"]
    assert stage.page.was_stored


def test_nothing_is_stored_when_it_is_over() -> None:
    files = Files()
    page = LivePage(running_card(), maker(files))
    page.close()
    page.update(None)
    assert files.written == []
    assert not page.was_stored
