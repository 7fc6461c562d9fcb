"""The last page of a card: what it is, and what takes its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from metaflow.cards import MetaflowCard, MetaflowCardComponent
from metaflow.cards.running.card_files import CardFiles
from metaflow.cards.running.final import CardProblem, may_crash, render_final, trace_of
from metaflow.cards.running.finishing import finish_card
from metaflow.cards.running.making import CardMaker
from metaflow.cards.running.running_card import CardDeclaration, RunningCard
from metaflow.cards.templates.test_cards import TestErrorCard as ErrorCard, TestPathSpecCard as PathSpecCard
from metaflow.client.artifact import MetaflowData
from metaflow.exception import DataException


class FakeTask:
    pathspec = "F/1/start/1"
    finished = True


class Storing:
    """Keeps files; refuses those of some kind."""

    def __init__(self, refused: str = "no file") -> None:
        self.files: dict[str, bytes] = {}
        self.written: list[str] = []
        self._refused = refused

    def put(self, name: str, parts: Sequence[bytes]) -> None:
        if name.endswith(self._refused):
            raise DataException("The disk is full.")
        self.written.append(name)
        self.files[name] = b"".join(parts)


class Page(MetaflowCard):
    type: ClassVar[str] = "page"
    result: ClassVar[Any] = "token [METAFLOW_RELOAD_TOKEN]; lone \ud800"

    def render(self, task: Any) -> str:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result  # type: ignore[no-any-return]


def page_with(result: Any) -> type[MetaflowCard]:
    return type("PageWith", (Page,), {"result": result})


def card_of(card_class: type[MetaflowCard] | None, problem: str = "", save_errors: bool = True) -> RunningCard:
    return RunningCard(CardDeclaration("page", "x", {}, 30, save_errors, False, 5), card_class, problem, "abc")


def maker(storing: Storing) -> CardMaker:
    return CardMaker("F/1/start/1", 0, None, dict, FakeTask, CardFiles(storing.put))  # type: ignore[arg-type]


def finish(card: RunningCard, storing: Storing, is_outdated: bool = False, owns_process: bool = False) -> list[str]:
    told: list[str] = []
    finish_card(card, maker(storing), is_outdated, owns_process, told.append)
    return told


def test_the_page_is_stored_with_its_token() -> None:
    storing = Storing()
    assert finish(card_of(Page), storing) == []
    assert storing.files == {"page-x-abc.html": b"token final; lone ?"}


class Markup(str):
    def replace(self, *args: Any) -> Any:
        return 5

    def encode(self, *args: Any) -> Any:
        raise SystemExit


def test_a_page_may_be_of_a_type_of_texts_of_its_own() -> None:
    storing = Storing()
    assert finish(card_of(page_with(Markup("token [METAFLOW_RELOAD_TOKEN]"))), storing) == []
    assert finish(card_of(page_with(Markup("no token")), save_errors=False), storing) == []
    assert storing.files == {"page-x-abc.html": b"no token"}


def test_viewers_of_an_earlier_page_are_told_to_load_the_last_one() -> None:
    storing = Storing()
    finish(card_of(Page), storing, is_outdated=True)
    assert storing.written == ["page-x-abc.html", "page-x-abc.data.json"], "the page first: that is what they load then"
    document = json.loads(storing.files["page-x-abc.data.json"])
    assert (document["reload_token"], document["data"]["render_seq"]) == ("final", "final")


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "returned nothing instead of HTML"),
        (b"bytes", "returned a value of type bytes"),
        (ValueError("<script>alert(1)</script>"), "ValueError: <script>"),
        (SystemExit(0), "asked the process to exit"),
    ],
)
def test_an_error_takes_the_place_of_the_page(result: Any, reason: str) -> None:
    storing = Storing()
    (told,) = finish(card_of(page_with(result)), storing, is_outdated=True)
    assert told.startswith("The card of type 'page' with id 'x' cannot be rendered: ")
    assert reason in told
    page = storing.files["page-x-abc.html"].decode()
    assert "cannot be rendered" in page and "<script>alert(1)</script>" not in page
    assert "[METAFLOW_RELOAD_TOKEN]" not in page
    assert "page-x-abc.data.json" in storing.files


def test_an_error_is_not_stored_if_it_shall_not_be() -> None:
    storing = Storing()
    told = finish(card_of(page_with(None), save_errors=False), storing, is_outdated=True)
    assert len(told) == 1
    assert list(storing.files) == ["page-x-abc.data.json"], "viewers of what was shown before shall stop waiting"


def test_a_missing_type_was_told_at_the_start() -> None:
    storing = Storing()
    assert finish(card_of(None, "There is no such type."), storing) == []
    assert "There is no such type." in storing.files["page-x-abc.html"].decode()


def test_a_store_that_fails_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    storing = Storing(refused=".html")
    (told,) = finish(card_of(Page), storing, is_outdated=True)
    assert told == "The card page-x-abc.html cannot be stored. Data store error: The disk is full."
    assert storing.files == {}, "nobody is told of a page that is not there"


def test_a_page_stands_in_while_code_of_others_is_at_work() -> None:
    storing = Storing()

    class Looks(Page):
        def render(self, task: Any) -> str:
            assert b"If this page stays" in storing.files["page-x-abc.html"]
            return "done"

    assert finish(card_of(Looks), storing, owns_process=True) == []
    assert storing.files == {"page-x-abc.html": b"done"}
    assert may_crash(card_of(Looks))
    assert not may_crash(card_of(PathSpecCard))


def test_components_are_part_of_what_is_contained() -> None:
    class Exits(MetaflowCardComponent):
        def render(self) -> str:
            raise SystemExit

    card = card_of(Page)
    card.components.append(Exits())
    page, problem, _ = render_final(card, maker(Storing()))
    assert page is None
    assert problem is not None and "asked the process to exit" in problem.reason


def test_our_own_code_is_not_in_traces() -> None:
    storing = Storing()
    (told,) = finish(card_of(ErrorCard), storing)
    assert told == "The card of type 'page' with id 'x' cannot be rendered: Exception: Unknown Things Happened."


def test_long_traces_are_cut_in_the_middle() -> None:
    def even(depth: int) -> None:
        odd(depth - 1) if depth else {}["missing"]

    def odd(depth: int) -> None:
        even(depth - 1)

    try:
        even(100)
    except KeyError as error:
        lines = trace_of(error).splitlines()
    assert len(lines) == 31
    assert "lines left out" in lines[15]


def test_where_it_went_wrong_is_told_without_code_of_ours() -> None:
    try:
        MetaflowData({}, lambda: None).reslut
    except AttributeError as error:
        trace = trace_of(error)
    assert "MetaflowData({}" in trace and trace.count("File") == 1, trace


def test_a_problem_as_text() -> None:
    assert str(CardProblem("It failed", "For a reason.")) == "It failed: For a reason."
    assert str(CardProblem("It failed", "For a reason.", "  here\n")) == "It failed: For a reason.\n  here"
