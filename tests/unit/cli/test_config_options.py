"""What the command line, the environment and the defaults come to."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from metaflow import Config
from metaflow.cli.config_options import PATHS_VARIABLE, VALUES_VARIABLE, GivenConfigs, read_configs
from metaflow.flow.configs import declaration_of


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("default", "option", "env"):
        Path(f"{name}.json").write_text(json.dumps({"from": name}))
    for variable in (PATHS_VARIABLE, VALUES_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def read(given: GivenConfigs = GivenConfigs(), **fields: dict) -> dict:
    configs = {name: declaration_of(Config(name, **(of or {}))) for name, of in fields.items()}
    return {name: reading.value for name, reading in read_configs("F", configs, given).items()}


DEFAULT = {"default": "default.json"}


@pytest.mark.parametrize(
    ("given", "environment", "origin"),
    [
        (GivenConfigs(), {}, "default"),
        (GivenConfigs(), {PATHS_VARIABLE: '{"cfg": "env.json"}'}, "env"),
        (GivenConfigs(), {VALUES_VARIABLE: '{"cfg": {"from": "object"}}'}, "object"),
        (GivenConfigs(), {VALUES_VARIABLE: json.dumps({"cfg": '{"from": "text"}'})}, "text"),
        (GivenConfigs((("cfg", "option.json"),)), {VALUES_VARIABLE: '{"cfg": {"from": "env"}}'}, "option"),
        (GivenConfigs((), (("cfg", '{"from": "value"}'),)), {PATHS_VARIABLE: '{"cfg": "env.json"}'}, "value"),
        (GivenConfigs(file="option.json"), {}, "option"),
    ],
)
def test_options_come_before_the_environment_and_that_before_defaults(
    given: GivenConfigs, environment: dict, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert read(given, cfg=DEFAULT) == {"cfg": {"from": origin}}


def test_a_file_without_a_name_is_for_the_config_called_config() -> None:
    assert read(GivenConfigs(file="option.json"), other=None, config=DEFAULT) == {
        "other": None,
        "config": {"from": "option"},
    }


@pytest.mark.parametrize(
    ("given", "environment", "messages"),
    [
        (GivenConfigs((("a", "x"),), (("a", "{}"),)), {}, ["'a' is given twice, by --config and --config-value"]),
        (GivenConfigs((("a", "x"), ("a", "x"))), {}, ["'a' is given twice, by --config. "]),
        (GivenConfigs(file="x"), {}, ["does not say which config is meant: this flow has a, b"]),
        (GivenConfigs(), {PATHS_VARIABLE: "{", VALUES_VARIABLE: "[]"}, ["is no valid JSON", "should be a JSON object"]),
        (GivenConfigs(), {PATHS_VARIABLE: '{"z": "x", "a": 1}'}, ["'z': invalid choice. (choose from a, b)", "a path"]),
        (
            GivenConfigs(),
            {PATHS_VARIABLE: '{"a": "x"}', VALUES_VARIABLE: '{"a": 1}'},
            [f"by {PATHS_VARIABLE} and {VALUES_VARIABLE}"],
        ),
        (GivenConfigs((("a", "no.json"),), (("b", "{"),)), {}, ["no.json could not be read", "no valid JSON"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(
    given: GivenConfigs, environment: dict, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(click.UsageError) as caught:
        read(given, a=DEFAULT, b=None)
    said = caught.value.format_message()
    assert said.startswith("Bad values passed for configuration options:\n")
    for message in messages:
        assert message in said
