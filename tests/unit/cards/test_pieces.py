"""Pages in pieces: whose they are, and that they are never put together on their way to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import wraps
from types import SimpleNamespace
from typing import Any

import pytest

from live_card_doubles import Files, maker, running_card
from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.components.table import Table
from metaflow.cards.exception import UnrenderableCardException
from metaflow.cards.page.document import PageFacts, page_pieces, render_page
from metaflow.cards.pieces import pieces_of
from metaflow.cards.running.finishing import finish_card
from metaflow.cards.running.live_page import LivePage
from metaflow.cards.templates.blank import BlankCard
from metaflow.cards.templates.data import DefaultJsonCard

#: Bytes of what is handed on at once, at most; the page of the table below is more than ten times as large.
LARGE = 1_000_000


class Task:
    """All that pages ask of a task."""

    pathspec = "F/1/start/1"
    path_components = ("F", "1", "start", "1")
    finished = True


class Parts(Files):
    """Keeps how large the parts are that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[list[int]] = []

    def put(self, name: str, parts: Sequence[bytes]) -> None:
        self.sizes.append([len(part) for part in parts])
        super().put(name, parts)


def large_table(first: str = "first") -> Table:
    return Table([[first, "a" * 50, number, number / 7, *["b" * 20] * 6] for number in range(60_000)])


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are made at the same time."""
    monkeypatch.setattr("metaflow.cards.page.document._moment", lambda facts: "")


def test_the_page_of_a_large_table_reaches_the_store_in_parts(moment: None) -> None:
    files = Parts()
    card = running_card(BlankCard)
    card.components.append(large_table())
    maker_ = maker(files)._replace(task=Task)  # type: ignore[arg-type]
    finish_card(card, maker_, False, False, pytest.fail)
    ((name, page),) = files.written
    assert name.endswith(".html") and len(page) > 10 * LARGE
    assert max(files.sizes[0]) < LARGE
    whole = maker_.instance(card, maker_.nodes(card.components)).render(Task())  # type: ignore[arg-type]
    assert whole.replace("[METAFLOW_RELOAD_TOKEN]", "final").encode() == page


def test_so_do_the_page_and_the_document_of_a_task_that_runs() -> None:
    files = Parts()
    card = running_card(BlankCard)
    table = large_table()
    card.components.append(table)
    live = LivePage(card, maker(files)._replace(task=Task))  # type: ignore[arg-type]
    live.update(None)
    table._given = large_table("changed")._given
    live.update(None)
    assert [name.partition(".")[2] for name, _ in files.written] == ["html", "data.json", "data.json"]
    assert len(files.written[0][1]) > 10 * LARGE and len(files.written[2][1]) > 10 * LARGE
    assert max(map(max, files.sizes)) < LARGE
    (fragment,) = files.documents[-1]["data"]["fragments"].values()
    assert fragment.count('"changed"') == 60_000


def test_a_page_is_what_its_pieces_are_together(moment: None) -> None:
    nodes = [{"type": "table", "data": [[number] * 9 for number in range(20_000)]}, "<text>"]
    facts = PageFacts("title")
    pieces = page_pieces(nodes, facts)
    assert "".join(pieces) == render_page(nodes, facts)
    assert max(map(len, pieces)) < LARGE / 4


class Postscript(BlankCard):
    """Has more on its page than the type that it is made of."""

    def render(self, task: Any) -> str:
        return super().render(task) + "more"

    def render_runtime(self, task: Any, data: Mapping[str, Any]) -> str:
        return super().render_runtime(task, data) + "more"


class Wrapped(BlankCard):
    @wraps(BlankCard.render)
    def render(self, task: Any) -> str:
        return "more"


def test_methods_of_other_types_are_called_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    task: Any = Task()
    for page in (pieces_of(Postscript().render, task), pieces_of(Postscript().render_runtime, task, {})):
        assert len(page) == 1 and page[0].startswith("<!DOCTYPE html>") and page[0].endswith("</html>\nmore")
    assert pieces_of(Wrapped().render, task) == ["more"]
    card = BlankCard()
    assert len(pieces_of(card.render, task)) > 1
    monkeypatch.setattr(card, "render", lambda task: "mine")
    assert pieces_of(card.render, task) == ["mine"]
    monkeypatch.setattr(BlankCard, "render", lambda self, task: "for all")
    assert pieces_of(BlankCard().render, task) == ["for all"]


class Shown(MetaflowCardComponent):
    def render(self) -> str:
        return "shown"


class Derived(BlankCard):
    """Has other contents, and the page of the type that it is made of."""

    def contents(self, task: Any) -> list[Any]:
        return [Shown()]


def test_types_that_only_have_other_contents_give_pieces() -> None:
    pieces = pieces_of(Derived().render, Task())
    assert len(pieces) > 1 and "shown" in "".join(pieces)


@pytest.mark.parametrize(("page", "what"), [(None, "nothing"), (["a"], "a value of type list")])
def test_what_is_no_text_is_no_page(page: Any, what: str) -> None:
    class NoPage(BlankCard):
        def render(self, task: Any) -> Any:
            return page

    with pytest.raises(UnrenderableCardException, match=rf"method render\(\) of \S*NoPage returned {what} instead of"):
        pieces_of(NoPage().render, Task())


def test_a_type_may_use_the_names_of_our_methods_for_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blank(BlankCard):
        _finished = _running = None  # type: ignore[assignment]

    class Json(DefaultJsonCard):
        _pieces = None  # type: ignore[assignment]

    task: Any = SimpleNamespace(
        pathspec="F/1/start/1", stdout="", stderr="", finished_at=None, created_at=datetime.now()
    )
    monkeypatch.setattr("metaflow.cards.templates.default.DefaultCard.contents", lambda card, task: ["what it says"])
    for page in (
        Blank({"title": "Own"}, ["what it says"]).render(task),
        Blank({"title": "Own"}, ["what it says"]).render_runtime(task, {}),
        Json().render(task),
    ):
        assert "what it says" in page
