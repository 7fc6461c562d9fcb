"""Declarations of parameters: what is refused, and what a flow object outside of a run reads."""

from __future__ import annotations

import sys
from enum import Enum
from functools import partial
from typing import Any, Literal

import pytest

from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step
from metaflow.exception import MetaflowException, ParameterFieldFailed, ParameterFieldTypeMismatch
from metaflow.flow.declaration import FlowDeclaration


class Colour(Enum):
    RED = 1
    GREEN = 2


def flow_with(*parameters: Parameter) -> type[FlowSpec]:
    """A flow with these parameters as self.p0, self.p1, ..."""

    @step
    def end(self: FlowSpec) -> None: ...

    return type(
        "F", (FlowSpec,), {f"p{number}": parameter for number, parameter in enumerate(parameters)} | {"end": end}
    )


def declared(*parameters: Parameter) -> FlowDeclaration:
    declaration = FlowDeclaration(flow_with(*parameters))
    declaration.configure({})
    return declaration


def value_outside_of_a_run(parameter: Parameter) -> Any:
    return flow_with(parameter)(use_cli=False).p0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "tags"}, "reserved"),
        ({"name": "run_id"}, "reserved"),
        ({"name": ""}, "needs a name"),
        ({"name": 5}, "needs a name"),
        ({"name": "a b"}, "cannot be the name"),
        ({"name": "x", "defualt": 3}, "Did you mean 'default'?"),
        ({"name": "x", "required": lambda c: True}, "required may not be a function"),
        ({"name": "x", "show_default": lambda c: True}, "show_default may not be a function"),
        ({"name": "x", "separator": lambda c: ","}, "separator may not be a function"),
        ({"name": "x", "separator": ""}, "separator should be a text"),
        ({"name": "x", "separator": ",", "type": int}, "only a text can be split"),
        ({"name": "x", "separator": ",", "multiple": True}, "exclude each other"),
        ({"name": "x", "is_flag": True, "multiple": True}, "exclude each other"),
        ({"name": "x", "type": "int"}, "cannot be of this type"),
        ({"name": "x", "type": int, "default": "many"}, "'many' is not a valid integer"),
        ({"name": "x", "type": int, "default": 5.5}, "5.5"),
        ({"name": "x", "type": Literal["adam", "sgd"], "default": "adm"}, "Did you mean 'adam'?"),
        ({"name": "x", "type": Colour, "default": "BLUE"}, "'RED', 'GREEN'"),
        ({"name": "x", "type": Colour, "multiple": True, "default": ["RED", "BLUE"]}, "'BLUE'"),
        ({"name": "x", "type": JSONType, "default": "{"}, "not valid JSON"),
        ({"name": "x", "default": {1, 2}}, "cannot be written as JSON"),
        ({"name": "x", "separator": ",", "default": [1]}, "list of texts"),
        ({"name": "x", "nargs": 2, "default": [1]}, "2 elements"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(arguments: dict[str, Any], said: str) -> None:
    line = sys._getframe().f_lineno + 1
    parameter = Parameter(**arguments)
    with pytest.raises(MetaflowException) as raised:
        declared(parameter)
    assert said in raised.value.message
    assert (raised.value.source_file, raised.value.line_no) == (__file__, line)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"encoding": "utf-99"}, "no encoding 'utf-99'"),
        ({"encoding": "hex"}, "no encoding 'hex'"),
        ({"default": 5}, "should be a path"),
        ({"parser": 5}, "parser should be a function"),
        ({"type": int}, "cannot have a type"),
        ({"multiple": True}, "its value is one file"),
    ],
)
def test_a_wrong_declaration_of_a_file(arguments: dict[str, Any], said: str) -> None:
    line = sys._getframe().f_lineno + 1
    parameter = IncludeFile("x", **arguments)
    with pytest.raises(MetaflowException) as raised:
        declared(parameter)
    assert said in raised.value.message
    assert (raised.value.source_file, raised.value.line_no) == (__file__, line)


def test_names_are_unique_ignoring_case() -> None:
    with pytest.raises(MetaflowException, match=r"'Alpha' is declared twice, as self\.p0 and self\.p1"):
        declared(Parameter("alpha"), Parameter("Alpha"))


def test_the_required_flag_gives_way_to_a_default() -> None:
    assert Parameter("x", required=True).required
    assert not Parameter("x", required=True, default=0).required


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Parameter("x"), None),
        (Parameter("x", type=int), None),
        (Parameter("x", default="5", type=int), 5),
        (Parameter("x", default=[1, {"a": (2,)}]), [1, {"a": [2]}]),
        (Parameter("x", default='{"a": 1}', type=JSONType), {"a": 1}),
        (Parameter("x", type=Colour, default="GREEN"), Colour.GREEN),
        (Parameter("x", default=Colour.RED), Colour.RED),
        (Parameter("x", type=Literal[1, 2], default="2"), 2),
        (Parameter("x", multiple=True), ()),
        (Parameter("x", multiple=True, default=["a"]), ("a",)),
        (Parameter("x", multiple=True, default="a"), ("a",)),
        (Parameter("x", nargs=2, type=int, default=("1", 2)), (1, 2)),
        (Parameter("x", separator=","), None),
        (Parameter("x", separator=",", default="a,b"), ["a", "b"]),
        (Parameter("x", separator=",", default=["a,b"]), ["a,b"]),
        (Parameter("x", separator=",", default=""), []),
        (Parameter("x", is_flag=True), False),
        (Parameter("x", is_flag=True, default=True), True),
        (Parameter("x", count=True), 0),
        (Parameter("x", default=lambda context: context.flow_name), "F"),
        (Parameter("x", default=lambda context: 5, type=float), 5.0),
        (Parameter("x", default=lambda context: "[1]", type=JSONType), [1]),
        (Parameter("x", default=lambda context: [1], type=JSONType), [1]),
        (Parameter("x", default=lambda context: "RED", type=Colour), Colour.RED),
        (Parameter("x", default=lambda context: ["a"], multiple=True), ("a",)),
        (Parameter("x", default=lambda context: "a,b", separator=","), ["a", "b"]),
        (Parameter("x", default=lambda context: None, type=int), None),
    ],
)
def test_value_outside_of_a_run(parameter: Parameter, value: object) -> None:
    declared(parameter)
    found = value_outside_of_a_run(parameter)
    assert found == value and type(found) is type(value)


def test_a_value_outside_of_a_run_is_made_once_and_can_be_replaced() -> None:
    calls = []
    flow: Any = flow_with(Parameter("x", default=lambda context: calls.append(1) or [1], type=JSONType))(use_cli=False)
    flow.p0.append(2)
    assert flow.p0 == [1, 2] and len(calls) == 1
    flow.p0 = "mine"
    assert flow.p0 == "mine"
    default: list[int] = [1]
    other: Any = flow_with(Parameter("x", default=default))(use_cli=False)
    other.p0.append(2)
    assert default == [1]


class Computer:
    def method(self, context: Any, deploying: bool) -> str:
        return f"{context.parameter_name} {deploying}"

    def __call__(self, context: Any) -> str:
        return "called"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda context: "one", "one"),
        (lambda context, deploying: str(deploying), "False"),
        (lambda context, deploying=None: str(deploying), "False"),
        (lambda *arguments: str(len(arguments)), "2"),
        (lambda context, *, option=1: "keyword", "keyword"),
        (Computer().method, "x False"),
        (Computer(), "called"),
        (partial(lambda first, context: first, "bound"), "bound"),
    ],
)
def test_functions_take_a_context_and_whether_this_is_a_deployment_if_they_like(function: Any, value: str) -> None:
    assert value_outside_of_a_run(Parameter("x", default=function)) == value


def failing(context: Any) -> int:
    return int("many")


def mistaken(context: Any) -> str:
    return "many"


def test_a_function_that_fails_is_named_with_the_line() -> None:
    with pytest.raises(ParameterFieldFailed) as raised:
        value_outside_of_a_run(Parameter("x", default=failing))
    assert "parameter 'x'" in raised.value.message and "failing() raised ValueError" in raised.value.message
    assert (raised.value.source_file, raised.value.line_no) == (__file__, failing.__code__.co_firstlineno + 1)


def test_a_function_that_returns_something_else_is_named_with_the_line() -> None:
    with pytest.raises(ParameterFieldTypeMismatch) as raised:
        value_outside_of_a_run(Parameter("x", default=mistaken, type=int))
    assert "mistaken() returned something else: 'many' is not of type int" in raised.value.message
    assert (raised.value.source_file, raised.value.line_no) == (__file__, mistaken.__code__.co_firstlineno)


def test_a_function_without_an_argument() -> None:
    with pytest.raises(ParameterFieldFailed, match="0 positional arguments"):
        value_outside_of_a_run(Parameter("x", default=lambda: 1))
