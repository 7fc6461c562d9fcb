"""``current.card``."""

from __future__ import annotations

from typing import Any

import pytest

from live_card_doubles import Files, PageCard, Shown, maker, running_card
from metaflow.cards.exception import ComponentOverwriteNotSupportedException
from metaflow.cards.running.card_contents import CardContents
from metaflow.cards.running.current_card import CardCollector
from metaflow.cards.running.live import LiveCards
from metaflow.cards.running.running_card import RunningCard
from metaflow.exception import TimeoutException


class Closed(PageCard):
    """Does not take components."""

    type = "closed"
    ALLOW_USER_COMPONENTS = False


def collector(*cards: RunningCard) -> CardCollector:
    return CardCollector(list(cards), LiveCards(list(cards), maker(Files())))


def test_append_extend_clear_and_what_is_there() -> None:
    card = running_card()
    current_card = collector(card)
    one, two, three = Shown(1), Shown(2), Shown(3)
    current_card.append(one)
    current_card.extend([two, three])
    assert list(current_card) == card.components == [one, two, three]
    assert len(current_card) == 3
    assert current_card[-1] is three
    assert current_card[:2] == [one, two]
    current_card.clear()
    assert card.components == []
    assert current_card, "a card without components is a card"


def test_extend_takes_whatever_has_several_things() -> None:
    card = running_card()
    current_card = collector(card)
    current_card.extend(Shown(number) for number in range(3))
    current_card.extend({Shown(3)})
    current_card.extend({"a": Shown(4)}.values())
    current_card.extend(Shown(5))
    assert [each.value for each in card.components] == [0, 1, 2, 3, 4, 5]
    current_card.append([Shown(6), Shown(7)])
    assert [each.value for each in card.components[6:]] == [6, 7], "a list of components is several components"


def test_components_by_id() -> None:
    card = running_card()
    current_card = collector(card)
    one, two = Shown(1), Shown(2)
    current_card.append(one, id="one")
    current_card.append(two)
    components = current_card.components
    assert components["one"] is one
    assert one.component_id == "one"
    assert components[two.component_id] is two
    assert "one" in components and "missing" not in components
    assert list(components) == components.values() == [one, two]
    assert components.keys() == ["one", two.component_id]
    assert dict(components.items())["one"] is one
    assert components.get("missing") is None
    assert len(components) == 2
    components.append(Shown(3), id="three")
    assert card.components[2].component_id == "three"
    with pytest.raises(ComponentOverwriteNotSupportedException, match="'one'"):
        components["one"] = Shown(4)
    assert card.components[0] is one
    components.extend([Shown(5), Shown(6)])
    components["seven"] = Shown(7)
    assert [each.value for each in card.components[3:]] == [5, 6, 7]
    components.clear()
    assert card.components == [] and "one" not in components


def test_an_id_that_is_there_is_replaced_in_its_place() -> None:
    card = running_card()
    current_card = collector(card)
    current_card.append(Shown(1), id="a")
    current_card.append(Shown(2))
    new = Shown(3)
    current_card.append(new, id="a")
    assert [each.value for each in card.components] == [3, 2]
    assert current_card.components["a"] is new
    current_card.clear()
    current_card.append(Shown(4), id="a")
    assert [each.value for each in card.components] == [4]


def test_one_component_may_be_there_twice_and_on_two_cards() -> None:
    card, other = running_card(id="a"), running_card(id="b")
    current_card = collector(card, other)
    shown = Shown()
    current_card["a"].append(shown, id="first")
    current_card["a"].append(shown, id="second")
    current_card["b"].append(shown)
    assert card.components == [shown, shown]
    assert current_card["a"].components["first"] is current_card["a"].components["second"] is shown
    assert other.components == [shown]


@pytest.mark.parametrize("odd", ["", " ", '"><script>', "ä\N{SNOWMAN}", "a\x00b", "\u202e", "\ud800", 7])
def test_ids_with_odd_characters(odd: Any) -> None:
    current_card = collector(running_card())
    shown = Shown()
    current_card.append(shown, id=odd)
    assert current_card.components[odd] is shown
    assert shown.component_id.isprintable()


def test_a_component_that_is_not_there_is_told_once_and_can_be_updated(capsys: pytest.CaptureFixture[str]) -> None:
    current_card = collector(running_card())
    for value in range(3):
        current_card.components["missing"].update(value, any="thing")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "'missing'" in told and told.startswith("[@card WARNING] ")


def test_cards_by_id_and_type() -> None:
    first, second, closed = running_card(id="first"), running_card(id="second"), running_card(Closed)
    current_card = collector(first, second, closed)
    current_card["first"].append(Shown(1))
    current_card["second"] = [Shown(2), Shown(3)]
    current_card["second"] = Shown(4)
    assert [each.value for each in first.components] == [1]
    assert [each.value for each in second.components] == [4]
    assert [each.card for each in current_card.get(type="page")] == [first, second]
    assert [each.card for each in current_card.get()] == [first, second]
    assert [each.card for each in current_card.get("closed")] == [closed]
    assert current_card.get("unknown") == []
    assert current_card["first"][0].value == 1


def test_an_unknown_id_is_told_once_and_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    card = running_card(id="known")
    current_card = collector(card)
    for _ in range(100):
        nowhere = current_card["unknown"]
        nowhere.append(Shown())
        nowhere.extend([Shown()])
        nowhere.clear()
        nowhere.refresh()
        nowhere.components["any"].update(1)
        current_card["unknown"] = [Shown()]
    assert isinstance(nowhere, CardContents)
    assert not nowhere and list(nowhere) == [] and len(nowhere) == 0
    assert card.components == []
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "'unknown'" in told and "'known'" in told


A, B = {"id": "a"}, {"id": "b"}
CUSTOM: dict[str, Any] = {"customize": True}


@pytest.mark.parametrize(
    ("cards", "main"),
    [
        ([(PageCard, {})], 0),
        ([(PageCard, A)], 0),
        ([(Closed, {}), (PageCard, A)], 1),
        ([(Closed, CUSTOM), (PageCard, A)], 1),
        ([(PageCard, A), (PageCard, {})], 1),
        ([(PageCard, A), (PageCard, {}), (Closed, {})], 1),
        ([(PageCard, {}), (PageCard, {**A, **CUSTOM})], 1),
        ([(PageCard, CUSTOM), (PageCard, {**A, **CUSTOM})], 0),
        ([(None, {}), (PageCard, A)], 1),
        ([(PageCard, A), (PageCard, B)], None),
        ([(PageCard, {}), (PageCard, {})], None),
        ([(Closed, {})], None),
    ],
)
def test_which_card_is_meant(
    cards: list[tuple[Any, dict[str, Any]]], main: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [running_card(card_class, **declared) for card_class, declared in cards]
    current_card = collector(*made)
    for _ in range(5):
        current_card.append(Shown())
    assert [len(card.components) for card in made] == [5 if number == main else 0 for number in range(len(made))]
    assert capsys.readouterr().err.count("\n") == (main is None)


def test_why_nothing_is_shown_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    collector(running_card(**A), running_card(**B)).append(Shown())
    assert "customize=True" in capsys.readouterr().err
    collector(running_card(Closed)).append(Shown())
    assert "'closed'" in capsys.readouterr().err
    collector(running_card(Closed, **A))["a"].append(Shown())
    assert "do not show components" in capsys.readouterr().err
    collector(running_card()).append(None)
    assert "None" in capsys.readouterr().err
    monkeypatch.setenv("METAFLOW_CARD_NO_WARNING", "1")
    collector(running_card(**A), running_card(**B)).append(Shown())
    collector(running_card())["b"].append(Shown())
    assert capsys.readouterr().err == ""


def test_refresh_without_a_name_means_the_only_card_also_if_it_takes_no_components() -> None:
    card = running_card(Closed)
    files = Files()
    live = LiveCards([card], maker(files))
    CardCollector([card], live).refresh({"a": 1})
    assert files.wait(1)["data"]["user"] == {"a": 1}
    live.finish(True)


def test_a_value_that_cannot_be_shown_does_not_fail_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    class Figure:
        __module__ = "matplotlib.figure"

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError("it is broken")

    card = running_card()
    current_card = collector(card)
    current_card.append(Figure())
    current_card.append(Shown(1))
    assert len(card.components) <= 2 and card.components[-1].value == 1


def test_outside_of_a_step_with_cards_there_is_none() -> None:
    from metaflow import current

    with pytest.raises(AttributeError, match="@card"):
        _ = current.card
    assert "card" not in current


def test_the_time_of_the_step_may_be_over_while_something_is_put_on_a_card() -> None:
    class DataFrame:
        __module__ = "pandas"

        def __len__(self) -> int:
            raise TimeoutException("Step start timed out")

    with pytest.raises(TimeoutException):
        collector(running_card()).append(DataFrame())
