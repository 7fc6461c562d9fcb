"""Parameters are of the type of their values, in all the ways in which one declares them."""

from __future__ import annotations

import enum
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import click
from typing_extensions import assert_type

from metaflow import FlowSpec, IncludeFile, JSONType, JSONTypeClass, Parameter, step
from metaflow.parameters import ParameterContext


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def today(context: ParameterContext) -> str:
    return f"{context.user_name}-today"


def three(context: ParameterContext, deploy: bool) -> int:
    return 3


def lines(text: str) -> list[str]:
    return text.splitlines()


class ParameterFlow(FlowSpec):
    real = Parameter("real", default=0.1)
    whole = Parameter("whole", help="A number", default=3)
    truth = Parameter("truth", default=True)
    text = Parameter("text", default="abc", show_default=False)
    typed = Parameter("typed", type=int, default=3)
    converted = Parameter("converted", type=float, default=1)
    as_text = Parameter("as_text", type=int, default="3")
    needed = Parameter("needed", required=True)
    needed_number = Parameter("needed_number", type=float, required=True)
    optional = Parameter("optional")
    optional_number = Parameter("optional_number", type=int)
    computed = Parameter("computed", default=today)
    computed_number = Parameter("computed_number", type=int, default=three)
    json = Parameter("json", type=JSONType)
    json_class = Parameter("json_class", type=JSONTypeClass, default="[1]")
    layers = Parameter("layers", default=[64, 32])
    settings = Parameter("settings", default={"a": 1})
    several = Parameter("several", multiple=True)
    several_numbers = Parameter("several_numbers", type=int, multiple=True, default=(1, 2))
    several_defaults = Parameter("several_defaults", multiple=True, default=["a", "b"])
    pair = Parameter("pair", nargs=2, type=float)
    words = Parameter("words", separator=",", default="a,b")
    needed_words = Parameter("needed_words", separator=",", required=True)
    optional_words = Parameter("optional_words", separator=",")
    flag = Parameter("flag", is_flag=True)
    level = Parameter("level", count=True)
    colour = Parameter("colour", type=Colour, default=Colour.RED)
    colour_by_name = Parameter("colour_by_name", type=Colour, default="RED")
    colour_of_default = Parameter("colour_of_default", default=Colour.BLUE)
    needed_colour = Parameter("needed_colour", type=Colour, required=True)
    solver: Parameter[Literal["adam", "sgd"]] = Parameter("solver", type=Literal["adam", "sgd"], default="adam")
    some_solver = Parameter("some_solver", type=Literal["adam", "sgd"], default="adam")
    choice = Parameter("choice", type=click.Choice(["a", "b"]), default="a")
    limited = Parameter("limited", type=click.IntRange(0, 10), default=3, hidden=True, metavar="N")
    path = Parameter("path", type=Path, default="data.csv")
    path_default = Parameter("path_default", type=Path, default=Path("data.csv"))
    price = Parameter("price", type=Decimal, required=True)

    file = IncludeFile("file", default="data.csv")
    optional_file = IncludeFile("optional_file", help="Some text")
    needed_file = IncludeFile("needed_file", required=True, encoding="latin-1")
    binary = IncludeFile("binary", is_text=False, default=Path("data.bin"))
    parsed = IncludeFile("parsed", parser=lines, default="data.csv")
    counted = IncludeFile("counted", is_text=False, parser=len, required=True)

    @step
    def start(self) -> None:
        assert_type(self.real, float)
        assert_type(self.whole, int)
        assert_type(self.truth, bool)
        assert_type(self.text, str)
        assert_type(self.typed, int)
        assert_type(self.converted, float)
        assert_type(self.as_text, int)
        assert_type(self.needed, str)
        assert_type(self.needed_number, float)
        assert_type(self.optional, str | None)
        assert_type(self.optional_number, int | None)
        assert_type(self.computed, str)
        assert_type(self.computed_number, int)
        self.next(self.middle)

    @step
    def middle(self) -> None:
        assert_type(self.json, Any)
        assert_type(self.json_class, Any)
        assert_type(self.layers, Any)
        assert_type(self.settings, Any)
        assert_type(self.several, tuple[str, ...])
        assert_type(self.several_numbers, tuple[int, ...])
        assert_type(self.several_defaults, tuple[str, ...])
        assert_type(self.pair, tuple[Any, ...])
        assert_type(self.words, list[str])
        assert_type(self.needed_words, list[str])
        assert_type(self.optional_words, list[str] | None)
        assert_type(self.flag, bool)
        assert_type(self.level, int)
        assert_type(self.colour, Colour)
        assert_type(self.colour_by_name, Colour)
        assert_type(self.colour_of_default, Colour)
        assert_type(self.needed_colour, Colour)
        assert_type(self.solver, Literal["adam", "sgd"])
        assert_type(self.some_solver, str)
        assert_type(self.choice, Any)
        assert_type(self.limited, Any)
        assert_type(self.path, Path)
        assert_type(self.path_default, Path)
        assert_type(self.price, Decimal)
        self.next(self.end)

    @step
    def end(self) -> None:
        assert_type(self.file, str)
        assert_type(self.optional_file, str | None)
        assert_type(self.needed_file, str)
        assert_type(self.binary, bytes)
        assert_type(self.parsed, list[str])
        assert_type(self.counted, int)


flow = ParameterFlow(use_cli=False)
flow.whole = 7
assert_type(ParameterFlow.whole.name, str)
