"""``@card``: what it may be given, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from metaflow import Config, ConfigValue, FlowSpec, card, config_expr, current, step
from metaflow.cards.exception import IncorrectCardArgsException
from metaflow.cards.running.finishing import finish_card
from metaflow.cards.running.running_card import CardDeclaration, RunningCard
from metaflow.cards.running.task_cards import with_usable_ids
from metaflow.decorators.card import CardDecorator
from metaflow.exception import InvalidDecoratorAttribute, MetaflowException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.named_decorators import extract_step_decorator_from_decospec
from metaflow.testing import run_flow, run_step


def declared(**attributes: Any) -> CardDeclaration:
    decorator = CardDecorator(attributes)
    decorator.validate(None, "train")  # type: ignore[arg-type]
    return decorator.declared()


def test_defaults() -> None:
    assert declared() == CardDeclaration("default", None, {}, 45, True, False, 5)


def test_everything_given() -> None:
    given = declared(
        type="blank", id="x", options={"title": "t"}, timeout="7", save_errors=False, customize=True, refresh_interval=0
    )
    assert given == CardDeclaration("blank", "x", {"title": "t"}, 7, False, True, 0)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"type": "my card"}, "'my card', but should be a name of letters, digits and underscores"),
        ({"type": None}, "None, but should be a name"),
        ({"type": "a/../b"}, "should be a name"),
        ({"scope": "run"}, "'run', but should be 'task'"),
        ({"options": "title"}, "'title', but should be a dictionary"),
        ({"timeout": 0}, "should be more than zero seconds"),
        ({"save_errors": "perhaps"}, "'perhaps', but should be True or False"),
        ({"customize": 2}, "2, but should be True or False"),
    ],
)
def test_what_makes_no_sense_is_told(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(IncorrectCardArgsException) as caught:
        declared(**attributes)
    assert message in caught.value.message
    assert "Step *train*" in caught.value.message


@pytest.mark.parametrize("attributes", [{"timeout": -1}, {"timeout": "soon"}, {"refresh_interval": float("nan")}])
def test_numbers(attributes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match="should be a number"):
        declared(**attributes)


def test_as_written_for_with() -> None:
    decorator, has_arguments = extract_step_decorator_from_decospec(
        'card:id=7,type=blank,save_errors=False,customize=true,options={"title": "a, b"}'
    )
    assert has_arguments
    assert isinstance(decorator, CardDecorator)
    assert decorator.declared() == CardDeclaration("blank", "7", {"title": "a, b"}, 45, False, True, 5)


class Several(FlowSpec):
    settings = Config("settings", default_value={"kind": "test_editable_card", "options": {"deep": {"a": 1}}})

    @card(id="first", type="test_pathspec_card")
    @card(id="second", type=config_expr("settings.kind"), options=config_expr("settings.options"))
    @step
    def start(self):
        self.next(self.end)

    @card
    @step
    def end(self):
        pass


def test_options_can_come_from_configs() -> None:
    declaration = FlowDeclaration(Several)
    declaration.configure({"settings": ConfigValue({"kind": "test_editable_card", "options": {"deep": {"a": 1}}})})
    second = declaration.steps["start"].decorators[0]
    assert isinstance(second, CardDecorator)
    assert second.declared().type == "test_editable_card"
    assert second.declared().options == {"deep": {"a": 1}}
    assert type(second.declared().options["deep"]) is dict


def test_the_cards_of_a_step_come_as_they_stand_above_it_and_those_of_with_after_them() -> None:
    result = run_flow(Several, decospecs=["card:id=third,type=test_non_editable_card"])
    assert [page.id for page in result.steps["start"][0].cards] == ["first", "second", "third"]


def test_cards_take_part_when_one_step_is_tested() -> None:
    result = run_step(Several, "start")
    assert [(page.type, page.id) for page in result.cards] == [
        ("test_pathspec_card", "first"),
        ("test_editable_card", "second"),
    ]
    assert result.cards[0].html.startswith("Several/1/start/1 ")
    assert result.stderr == ""


def test_a_card_that_cannot_be_finished_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(card: RunningCard, *args: Any) -> None:
        if card.declared.id == "first":
            raise OSError("Too many open files")
        finish_card(card, *args)

    monkeypatch.setattr("metaflow.cards.running.finishing.finish_card", finish)
    result = run_step(Several, "start")
    assert result.ok
    assert [page.id for page in result.cards] == ["second"]
    assert (
        "The card of type 'test_pathspec_card' with id 'first' cannot be finished. OSError: Too many" in result.stderr
    )


def test_a_step_may_take_its_output_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(FlowSpec):
        @card(type="test_error_card")
        @step
        def start(self):
            monkeypatch.setattr("sys.stderr", None)
            self.next(self.end)

        @step
        def end(self):
            pass

    (page,) = run_step(Mute, "start").cards
    assert "cannot be rendered" in page.html


def test_a_step_goes_on_if_its_cards_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def info(card: RunningCard) -> None:
        raise ValueError("no such thing")

    class Puts(FlowSpec):
        @card
        @step
        def start(self):
            current.card.append("text")
            current.card.refresh()
            self.next(self.end)

        @step
        def end(self):
            pass

    monkeypatch.setattr("metaflow.cards.running.task_cards.card_info", info)
    result = run_step(Puts, "start")
    assert result.ok and result.cards == ()
    assert "The cards of this task cannot be made. ValueError: no such thing" in result.stderr


def cards_with_ids(*ids: str | None) -> list[CardDeclaration]:
    return [CardDeclaration("blank", each, {}, 45, True, False, 5) for each in ids]


def test_ids_that_cannot_be_used_are_dropped_with_a_warning() -> None:
    told: list[str] = []
    usable = with_usable_ids(cards_with_ids("a", None, "b c", "a", None, "", "é"), told.append)
    assert [each.id for each in usable] == ["a", None, None, None, None, None, None]
    assert [text.partition(".")[0] for text in told] == [
        "The id 'b c' of a @card is left out: an id is made of letters, digits and underscores",
        "There are several cards with the id 'a'",
        "The id '' of a @card is left out: an id is made of letters, digits and underscores",
        "The id 'é' of a @card is left out: an id is made of letters, digits and underscores",
    ]


def test_it_stands_above_step() -> None:
    with pytest.raises(MetaflowException, match="applied to"):

        @card
        def no_step(self):
            pass
