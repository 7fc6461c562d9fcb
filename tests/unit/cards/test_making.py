"""How objects of card classes are made, whatever their constructors take."""

from __future__ import annotations

from functools import wraps
from typing import Any

import pytest

from metaflow.cards import MetaflowCard, MetaflowCardComponent
from metaflow.cards.running.card_files import CardFiles
from metaflow.cards.running.making import CardMaker, accepted_names, node_of
from metaflow.cards.running.running_card import CardDeclaration, RunningCard


def logged(function: Any) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


class Nothing(MetaflowCard):
    pass


class OnlyOptions(MetaflowCard):
    def __init__(self, options=None):
        self.got = {"options": options}


class Older(MetaflowCard):
    def __init__(self, options={}, components=[], graph=None):
        self.got = {"options": options, "components": components, "graph": graph}


class WithInfo(MetaflowCard):
    def __init__(self, *, graph_info, flow=None, options=None):
        self.got = {"graph_info": graph_info, "flow": flow, "options": options}


class AnyKeyword(MetaflowCard):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.got = kwargs


class Decorated(MetaflowCard):
    @logged
    def __init__(self, components=()):
        self.got = {"components": components}


class NoArguments(MetaflowCard):
    def __init__(self):
        self.got = {}


ALL = {"options": {"a": 1}, "components": ["node"], "graph": {"steps": {}}, "flow": "the flow"}


@pytest.mark.parametrize(
    ("card_class", "expected"),
    [
        (OnlyOptions, ("options",)),
        (Older, ("options", "components", "graph")),
        (WithInfo, ("options", "flow", "graph_info")),
        (AnyKeyword, ("options", "components", "graph", "flow")),
        (Decorated, ("components",)),
        (NoArguments, ()),
    ],
)
def test_a_constructor_gets_what_it_takes(card_class: type[MetaflowCard], expected: tuple[str, ...]) -> None:
    card = make(card_class)
    assert card.got == {**{name: ALL[name] for name in expected if name in ALL}, **graph_info(expected)}


def graph_info(expected: tuple[str, ...]) -> dict[str, Any]:
    return {"graph_info": ALL["graph"]} if "graph_info" in expected else {}


def test_the_graph_is_read_only_for_classes_that_want_it() -> None:
    def unreadable() -> dict[str, Any]:
        raise AssertionError("nobody asked for it")

    make(OnlyOptions, unreadable)


def test_a_class_without_a_constructor_of_its_own_can_be_made() -> None:
    assert isinstance(make(Nothing), Nothing)
    assert {"options", "components", "graph", "flow"} <= accepted_names(Nothing)


def make(card_class: type[MetaflowCard], graph: Any = lambda: ALL["graph"]) -> Any:
    maker = CardMaker("F/1/start/1", 0, ALL["flow"], graph, lambda: None, CardFiles(lambda name, content: None))  # type: ignore
    declared = CardDeclaration("x", None, ALL["options"], 45, True, False, 5)  # type: ignore[arg-type]
    return maker.instance(RunningCard(declared, card_class, "", "ab"), ALL["components"])  # type: ignore[arg-type]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class Gives(MetaflowCardComponent):
    def __init__(self, value: Any) -> None:
        self._value = value

    def render(self) -> Any:
        if self._value is None:
            raise Unspeakable
        return self._value


@pytest.mark.parametrize(("value", "message"), [(None, "its text could not be made"), (Unspeakable(), "no text")])
def test_a_component_that_cannot_be_rendered_at_all_shows_that_in_its_place(value: Any, message: str) -> None:
    node = node_of(Gives(value))
    assert isinstance(node, dict)
    assert node["type"] == "error" and message in node["message"]
