"""``@exit_hook``: what can be called, and how."""

from __future__ import annotations

from functools import partial

import pytest

from metaflow.decorators.exit_hook import ExitHookDecorator, call
from metaflow.exception import InvalidDecoratorAttribute


def nothing() -> None:
    pass


def with_run(run: object) -> None:
    pass


def anything(**fields: object) -> None:
    pass


def default(other: int = 1) -> None:
    pass


def demanding(run: object, channel: str) -> None:
    pass


def positional(run: object, /) -> None:
    pass


@pytest.mark.parametrize("function", [nothing, with_run, anything, default, partial(demanding, channel="#ml"), dict])
def test_functions_that_can_be_called(function) -> None:
    decorator = ExitHookDecorator({"on_success": [function], "on_error": function})
    decorator.validate(None, None)
    assert decorator.functions(True) == decorator.functions(False) == [function]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "no function to call"),
        ({"on_success": []}, "no function to call"),
        ({"on_success": ["nothing"]}, "'nothing' is none"),
        ({"on_error": 3}, "3 is none"),
        ({"on_error": [demanding]}, "demanding needs the argument 'channel'"),
        ({"on_error": [positional]}, "positional only"),
        ({"on_error": [nothing], "options": 3}, "options=3"),
    ],
)
def test_what_cannot_be_called_is_refused(attributes, said) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=said):
        ExitHookDecorator(attributes).validate(None, None)


def test_the_run_is_given_to_those_who_take_it() -> None:
    seen = []
    call(lambda run: seen.append(run), "the run")
    call(lambda **fields: seen.append(fields), "the run")
    call(lambda: seen.append(None), "the run")
    call(lambda other=1: seen.append(other), "the run")
    assert seen == ["the run", {"run": "the run"}, None, 1]
