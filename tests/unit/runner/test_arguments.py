"""Values of Python become arguments that a command line reads as the same values."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import numpy
import pytest
from hypothesis import given, strategies as st

from metaflow.cli.describe_command import _describe
from metaflow.runner.arguments import MAXIMUM_ARGUMENT_BYTES, arguments
from metaflow.runner.flow_description import OptionDescription

COMMAND = click.Command(
    "run",
    params=[
        click.Option(["--text"]),
        click.Option(["--whole"], type=int),
        click.Option(["--number"], type=float),
        click.Option(["--yes"], type=bool),
        click.Option(["--pylint/--no-pylint"], default=True),
        click.Option(["--plain-flag"], is_flag=True),
        click.Option(["-v", "--verbose"], count=True),
        click.Option(["--tag", "tags"], multiple=True),
        click.Option(["--pair"], type=(str, int), multiple=True),
        click.Option(["--range"], nargs=2, type=float),
        click.Option(["--solver"], type=click.Choice(["adam", "sgd"])),
        click.Option(["--file"], type=click.Path()),
        click.Option(["--hidden-one"], hidden=True),
        click.Argument(["steps"], nargs=-1),
    ],
)


def described(command: click.Command = COMMAND) -> list[OptionDescription]:
    return [OptionDescription(**_describe(parameter, None)) for parameter in command.params]


def read(values: dict[str, Any], command: click.Command = COMMAND) -> dict[str, Any]:
    """What the command line makes of the arguments for these values, as far as they were given."""
    context = command.make_context("run", arguments(described(command), values))
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }


def option(**changes: Any) -> OptionDescription:
    plain = OptionDescription("x", "--x", None, "value", ["str"], None, False, 1, None, False, None, True, False, None)
    return plain._replace(**changes)


# What can be in an argument of a process: anything but zero characters and halves of surrogate pairs.
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "text": texts,
            "whole": st.integers(),
            "number": st.floats(allow_nan=False),
            "yes": st.booleans(),
            "pylint": st.booleans(),
            "tags": st.lists(texts, min_size=1).map(tuple),
            "pair": st.lists(st.tuples(texts, st.integers()), min_size=1).map(tuple),
            "range": st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
            "solver": st.sampled_from(["adam", "sgd"]),
            "verbose": st.integers(1, 4),
        },
    )
)
def test_every_value_survives(values: dict[str, Any]) -> None:
    assert read(values) == values


@given(st.lists(texts, min_size=1))
def test_arguments_without_a_name_survive_too(values: list[str]) -> None:
    assert read({"step_to_rerun": values})["steps"] == tuple(values)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda x: st.lists(x) | st.dictionaries(texts, x))
)
def test_json_survives(value: Any) -> None:
    if value is None or isinstance(value, str):
        return  # no value, and JSON itself
    (word,) = arguments([option(types=["JSON"])], {"x": value})
    assert json.loads(word.removeprefix("--x=")) == value


def test_none_stands_for_the_default() -> None:
    assert arguments(described(), {"text": None, "tags": None, "pylint": None}) == []


def test_dashes_and_underscores_are_the_same() -> None:
    assert read({"plain-flag": True}) == read({"plain_flag": True}) == {"plain_flag": True}


def test_a_flag_that_cannot_be_turned_off_is_left_out() -> None:
    assert arguments(described(), {"plain_flag": False}) == []


@pytest.mark.parametrize(
    ("values", "read_as"),
    [
        ({"whole": numpy.int64(3)}, {"whole": 3}),
        ({"number": numpy.float32(0.5)}, {"number": 0.5}),
        ({"number": 2}, {"number": 2.0}),
        ({"number": Decimal("0.25")}, {"number": 0.25}),
        ({"yes": numpy.bool_(True)}, {"yes": True}),
        ({"pylint": numpy.bool_(False)}, {"pylint": False}),
        ({"tags": iter(["a", "b"])}, {"tags": ("a", "b")}),
        ({"pair": {"a": 1, "b": 2}}, {"pair": (("a", 1), ("b", 2))}),
        ({"solver": "ADAM"}, {"solver": "adam"}),
        ({"file": Path("/a b")}, {"file": "/a b"}),
        ({"step_to_rerun": "train"}, {"steps": ("train",)}),
    ],
)
def test_values_of_related_types_are_taken(values: dict[str, Any], read_as: dict[str, Any]) -> None:
    assert read(values) == read_as


@pytest.mark.parametrize(
    "values",
    [
        {"text": 3},
        {"text": Path("x")},
        {"whole": "3"},
        {"whole": 3.0},
        {"whole": True},
        {"number": "0.5"},
        {"number": False},
        {"number": numpy.zeros(2)},
        {"yes": 1},
        {"pylint": "no"},
        {"verbose": -1},
        {"tags": "abc"},
        {"tags": b"abc"},
        {"tags": {"a": "b"}},
        {"tags": [1]},
        {"tags": 7},
        {"pair": [("a",)]},
        {"range": (1.0,)},
        {"file": 3},
        {"step_to_rerun": 3},
    ],
    ids=str,
)
def test_a_wrong_type_is_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"^'?{next(iter(values))}|only|must be real"):
        arguments(described(), values)


def test_an_unknown_name_lists_what_there_is_but_hides_what_is_hidden() -> None:
    with pytest.raises(ValueError, match="^Unknown argument: 'solvr', possible args are: text, whole") as caught:
        arguments(described(), {"solvr": "adam"})
    assert "Did you mean 'solver'?" in str(caught.value)
    assert "hidden_one" not in str(caught.value)
    assert read({"hidden_one": "x"}) == {"hidden_one": "x"}


def test_a_wrong_choice_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="'solver' is one of 'adam', 'sgd', not 'lbfgs'"):
        arguments(described(), {"solver": "lbfgs"})


def test_what_is_required_must_be_given() -> None:
    with pytest.raises(ValueError, match="Missing argument: 'x' must be given"):
        arguments([option(required=True)], {"x": None})


def test_lists_are_joined_by_their_separator() -> None:
    described = [option(separator=",")]
    assert arguments(described, {"x": ["a", "b"]}) == ["--x=a,b"]
    assert arguments(described, {"x": "a,b"}) == ["--x=a,b"]
    with pytest.raises(ValueError, match="separates the values"):
        arguments(described, {"x": ["a,b"]})
    with pytest.raises(TypeError, match="'x' takes a list of texts, not 1"):
        arguments(described, {"x": [1]})


def test_json_may_be_given_as_json_but_must_be_some() -> None:
    described = [option(types=["JSON"])]
    assert arguments(described, {"x": '{"a": 1}'}) == ['--x={"a": 1}']
    assert arguments(described, {"x": {"a": numpy.arange(2), "b": numpy.float64(1)}}) == ['--x={"a": [0, 1], "b": 1.0}']
    with pytest.raises(TypeError, match="'hello' is no valid JSON"):
        arguments(described, {"x": "hello"})
    with pytest.raises(TypeError, match="'x' takes what JSON can hold: an object of type set"):
        arguments(described, {"x": [{1}]})


def test_values_of_configs_are_written_as_json_or_left_as_they_are() -> None:
    described = [option(name="config_value", option="--config-value", types=["str", "JSON"], multiple=True, nargs=2)]
    described = [described[0]._replace(is_parameter=False)]
    assert arguments(described, {"config_value": [("a", {"k": 1}), ("b", "k: 1")]}) == [
        *["--config-value", "a", '{"k": 1}'],
        *["--config-value", "b", "k: 1"],
    ]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * (MAXIMUM_ARGUMENT_BYTES + 1)], ids=["zero", "half", "long"])
def test_what_no_process_can_be_given_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="The value of --text"):
        arguments(described(), {"text": text})
