"""From files and texts to configs, and what is said when that fails."""

from __future__ import annotations

import datetime
import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from metaflow import (
    Config,
    ConfigValue,
    conda_environment_yml_parser,
    pyproject_toml_parser,
    requirements_txt_parser,
    yaml_parser,
)
from metaflow.exception import ConfigException
from metaflow.flow.config_reading import read_default, read_file, read_value
from metaflow.flow.configs import declaration_of
from metaflow.flow.deploy_time import ParameterContext

tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def config(**fields: object):
    return declaration_of(Config("cfg", **fields))


def context() -> ParameterContext:
    return ParameterContext("F", "me", "cfg", print, "local")


def failing(text: str) -> dict:
    raise ValueError(f"cannot read {text}")


FILES = {
    "a.json": '{"a": {"b": 1}}',
    "bom.json": '\ufeff{"a": {"b": 1}}',
    "a.toml": "[a]\nb = 1",
    "A.YAML": "a:\n  b: 1",
    "a.yml": "a: {b: 1}",
    "noname": '{"a": {"b": 1}}',
}


@pytest.mark.parametrize(("name", "text"), FILES.items())
def test_the_name_of_a_file_says_how_it_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    reading = read_file(config(), str(tmp_path / name), "--config")
    assert reading.value.a.b == 1
    assert reading.source == ("file", "--config", str(tmp_path / name))


@pytest.mark.parametrize(
    ("fields", "text", "value"),
    [
        ({"parser": tomllib.loads}, "d = 2024-05-01", {"d": datetime.date(2024, 5, 1)}),
        ({"parser": "json.loads"}, '{"a": 1}', {"a": 1}),
        ({"parser": ".yaml_parser"}, "a: 1", {"a": 1}),
        ({"plain": True}, "any text", "any text"),
        ({"plain": True, "parser": str.split}, "a b", ["a", "b"]),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"plain": True}, {"a": 1}, {"a": 1}),
    ],
)
def test_values_are_parsed_where_they_are_text(fields: dict, text: object, value: object) -> None:
    reading = read_value(config(**fields), text, "--config-value")
    assert reading.value == value
    assert isinstance(reading.value, ConfigValue) is not fields.get("plain", False)


@pytest.mark.parametrize(
    ("fields", "text", "message"),
    [
        ({}, '{"a"\n: }', r"Config 'cfg', from the value of --x: no valid JSON: line 2, column 3: Expecting value"),
        ({}, "[" * 100_000, r"nested too deeply"),
        ({}, '{"a":' * 400 + "1" + "}" * 400, None),
        ({}, "[1]", r"should be a mapping .* of type list. For anything else, declare it with plain=True"),
        ({"parser": tomllib.loads}, "a = ", r"its parser tomllib.*loads\(\) failed: TOMLDecodeError: Invalid value"),
        ({"parser": yaml_parser}, "a: [1\nb: 2", r"no valid YAML: line 2, column 2"),
        (
            {"parser": failing},
            "it",
            rf"its parser \S*failing\(\) failed in file {__file__} on line \d+: ValueError: cannot re",
        ),
        ({"parser": "nowhere.at_all"}, "", r"its parser 'nowhere.at_all' cannot be imported: No module named 'nowh"),
        ({"parser": ".yaml_praser"}, "", r"its parser '.yaml_praser' cannot be imported"),
        ({"parser": "json"}, "", r"should be a dotted path"),
        ({"parser": "json.decoder.NaN"}, "", r"is no function but nan"),
        ({"parser": len}, "abc", r"it \(what its parser returned\) is of type int"),
    ],
)
def test_what_cannot_be_parsed(fields: dict, text: str, message: str | None) -> None:
    if message is None:
        assert read_value(config(**fields), text, "--x").value == json.loads(text)
        return
    with pytest.raises(ConfigException, match=message):
        read_value(config(**fields), text, "--x")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes('{"a": "\xe9"}'.encode("latin-1"))
    (tmp_path / "config.ini").write_text("[a]\nb=1")
    (tmp_path / "folder").mkdir()
    for name, message in {
        "latin.json": "no text in UTF-8 \\(byte 7",
        "missing.json": "missing.json could not be read: No such file.*--config cfg PATH",
        "folder": "could not be read: Is a directory",
        "config.ini": "read as JSON because its name does not end in .toml",
    }.items():
        with pytest.raises(ConfigException, match=message):
            read_file(config(), str(tmp_path / name), "--config")


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("a = 1")
    told = []
    computed = config(default_value=lambda given: told.append((given.parameter_name, given.configs)) or {"a": 2})
    assert read_default(config(default=Path("c.toml")), context()).value.a == 1
    assert read_default(config(default=lambda _: "c.toml"), context()).source.path == str(tmp_path / "c.toml")
    assert read_default(computed, context()).value.a == 2
    assert told == [("cfg", None)]
    assert read_default(config(default_value='{"a": 3}', required=True), context()).value.a == 3
    assert read_default(config(), context()) == (None, ("none", "default", None))
    for fields, message in [
        ({"required": True}, "missing configuration for 'cfg', which is required.*--config-value cfg VALUE"),
        ({"default": "no.json"}, "its default file .*no.json could not be read"),
        (
            {"default": lambda _: 1 / 0},
            rf"computed: a lambda failed in file {__file__} on line \d+: Zero",
        ),
        ({"default": lambda _: {}}, "should return the path of a file, but it returned {}"),
    ]:
        with pytest.raises(ConfigException, match=message):
            read_default(config(**fields), context())


REQUIREMENTS = """
numpy==2.1  # a comment
pandas >= 2, < 3

requests
uvicorn[standard, http2]==0.3
mine @ https://example.org/mine.whl
x===1
y~=1.2
python==3.11
"""

PYPROJECT = """
[project]
requires-python = ">=3.10"
dependencies = ["numpy==2.1", "pandas>=2"]
"""

CONDA = """
channels: [conda-forge]
dependencies:
  - python=3.11
  - numpy=2.1
  - pandas>=2,<3
  - scipy
  - conda-forge::zlib==1.3
  - six 1.16
"""


@pytest.mark.parametrize(
    ("parser", "text", "packages", "python"),
    [
        (
            requirements_txt_parser,
            REQUIREMENTS,
            {
                "numpy": "2.1",
                "pandas": ">=2,<3",
                "requests": "",
                "uvicorn[standard,http2]": "0.3",
                "mine@https://example.org/mine.whl": "",
                "x": "1",
                "y": "~=1.2",
            },
            "3.11",
        ),
        (requirements_txt_parser, "", {}, None),
        (pyproject_toml_parser, PYPROJECT, {"numpy": "2.1", "pandas": ">=2"}, ">=3.10"),
        (pyproject_toml_parser, "", {}, None),
        (
            conda_environment_yml_parser,
            CONDA,
            {"numpy": "2.1", "pandas": ">=2,<3", "scipy": "", "conda-forge::zlib": "1.3", "six": "1.16"},
            "3.11",
        ),
        (conda_environment_yml_parser, "name: x", {}, None),
    ],
)
def test_requirement_files(parser, text: str, packages: dict, python: str | None) -> None:
    assert parser(text) == {"packages": packages, "python": python}


@pytest.mark.parametrize(
    ("parser", "text", "message"),
    [
        (requirements_txt_parser, "a==1\n-r other.txt", r"line 2, '-r other.txt', is no requirement.*Options of pip"),
        (requirements_txt_parser, "a 1.0", r"line 1, 'a 1.0', is no requirement"),
        (requirements_txt_parser, "a; python_version<'3'", "environment marker"),
        (pyproject_toml_parser, "[[", "no valid TOML"),
        (pyproject_toml_parser, '[project]\ndependencies=["a b"]', r"project.dependencies\[0\], 'a b', is no requ"),
        (pyproject_toml_parser, "[project]\ndependencies=3", "should be a list of texts"),
        (conda_environment_yml_parser, "dependencies:\n  - pip:\n    - a", r"dependencies\[0\] is a section 'pip:'"),
        (conda_environment_yml_parser, "dependencies:\n  - '!!'", "is no conda package"),
        (conda_environment_yml_parser, "- a", "should have a list `dependencies`"),
    ],
)
def test_requirement_files_that_are_wrong(parser, text: str, message: str) -> None:
    with pytest.raises(ConfigException, match=message):
        parser(text)


def test_without_its_package_yaml_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ConfigException, match=r"pip install 'metaflow\[yaml\]'"):
        yaml_parser("a: 1")
