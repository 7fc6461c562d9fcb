"""Signatures of the commands of a flow."""

from __future__ import annotations

import inspect
from typing import Any, Literal

import click

from metaflow.cli.describe_command import _describe
from metaflow.runner.flow_description import FlowDescription, OptionDescription, signature

from .test_arguments import described, option


def test_a_signature_tells_names_types_and_defaults() -> None:
    options = [
        *described(),
        option(name="needed", required=True, types=["int"]),
        option(name="computed", default={"text": "<computed>"}),
        option(name="words", separator=","),
        option(name="class"),
        option(name="not valid"),
    ]
    shown = signature(options, int)
    parameters = shown.parameters
    assert list(parameters)[0] == "step_to_rerun"
    assert list(parameters)[1] == "needed"
    assert parameters["needed"].default is inspect.Parameter.empty
    assert repr(parameters["computed"].default) == "<computed>"
    assert parameters["pylint"].default is True
    kinds = {name: parameter.annotation for name, parameter in parameters.items()}
    assert kinds["whole"] is int
    assert kinds["tags"] == list[str]
    assert kinds["words"] == list[str]
    assert kinds["solver"] == Literal["adam", "sgd"]
    assert kinds["pair"] == list[tuple[str, int]]
    assert kinds["range"] == tuple[float, float]
    assert kinds["verbose"] is int
    assert kinds["pylint"] is bool
    assert kinds["step_to_rerun"] == str | list[str]
    assert "hidden_one" not in parameters
    assert "not valid" not in parameters
    assert "class" not in parameters
    assert shown.return_annotation is int


def test_a_description_survives_being_kept() -> None:
    content: dict[str, Any] = {
        "flow": "F",
        "top_level": [_describe(click.Option(["--config"], type=(str, str), multiple=True), None)],
        "commands": {"run": [_describe(click.Option(["--x"], default=3), None)]},
        "error": None,
        "sources": [["/a", 1, 2]],
    }
    description = FlowDescription.from_dict(content)
    assert description.has_configs
    assert isinstance(description.commands["run"][0], OptionDescription)
    assert description.commands["run"][0].default == {"value": 3}
    assert description.sources == [("/a", 1, 2)]
