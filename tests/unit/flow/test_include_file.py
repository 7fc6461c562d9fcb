"""Declarations of files: their paths, and what a flow object outside of a run reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from metaflow import FlowSpec, IncludeFile, step
from metaflow.exception import MetaflowException, ParameterFieldTypeMismatch
from metaflow.flow.config_parsers import json_parser
from metaflow.flow.include_file import FilePathType


def content(parameter: IncludeFile) -> Any:
    class F(FlowSpec):
        file = parameter

        @step
        def end(self) -> None: ...

    return F(use_cli=False).file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_bytes("one\r\nzwölf\n".encode())
    return path


def test_content_outside_of_a_run(path: Path) -> None:
    assert content(IncludeFile("f")) is None
    assert content(IncludeFile("f", default=path)) == "one\nzwölf\n"
    assert content(IncludeFile("f", default=lambda context: str(path))) == "one\nzwölf\n"
    assert content(IncludeFile("f", default=str(path), is_text=False)) == path.read_bytes()
    assert content(IncludeFile("f", default=str(path), encoding="latin-1")) == "one\nzwÃ¶lf\n"
    assert content(IncludeFile("f", default=str(path), parser=str.split)) == ["one", "zwölf"]
    assert content(IncludeFile("f", default=str(path), parser="os.path.basename")) == "one\nzwölf\n"


def test_the_parser_is_called_once_for_an_object(path: Path) -> None:
    calls = []

    class F(FlowSpec):
        file = IncludeFile("f", default=str(path), parser=lambda text: calls.append(text) or [])

        @step
        def end(self) -> None: ...

    flow = F(use_cli=False)
    assert flow.file is flow.file and len(calls) == 1
    flow.file = "given by a test"
    assert flow.file == "given by a test" and len(calls) == 1


def test_content_that_the_parser_refuses_is_refused_again(path: Path) -> None:
    class F(FlowSpec):
        file = IncludeFile("f", default=str(path), parser=int)

        @step
        def end(self) -> None: ...

    flow = F(use_cli=False)
    for _ in range(2):
        with pytest.raises(MetaflowException, match=r"parser of IncludeFile 'f'.*int\(\) raised ValueError"):
            flow.file  # noqa: B018


def test_a_file_that_is_not_in_the_encoding(path: Path) -> None:
    path.write_bytes(b"\xff")
    with pytest.raises(MetaflowException, match=r"IncludeFile 'f', .*words\.txt, cannot be read: 'utf-8' codec"):
        content(IncludeFile("f", default=str(path)))


def test_a_default_that_is_not_there() -> None:
    with pytest.raises(ParameterFieldTypeMismatch, match=r"'nope\.txt' cannot be read: No such file"):
        content(IncludeFile("f", default="nope.txt"))


def test_paths(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = FilePathType("utf-8")
    monkeypatch.setenv("HOME", str(path.parent))
    assert kind.parse("~/words.txt").path == str(path)
    assert kind.accept(path).size == 12
    monkeypatch.chdir(path.parent)
    assert kind.parse("words.txt").is_text
    for text, said in {
        "nope": "No such file",
        str(path.parent): "is a directory",
        "s3://bucket/key": "download it first",
        "git+https://host/x": "download it first",
    }.items():
        with pytest.raises(ValueError, match=said):
            kind.parse(text)
    if os.getuid():
        path.chmod(0)
        with pytest.raises(ValueError, match="Permission denied"):
            kind.parse("words.txt")


@pytest.mark.parametrize("name", ["json.nope", "no_such_module_anywhere.f", "loads", "sys.path"])
def test_a_parser_that_does_not_exist(path: Path, name: str) -> None:
    with pytest.raises(MetaflowException, match=f"IncludeFile 'f': its parser '{name}' "):
        content(IncludeFile("f", default=str(path), parser=name))


def test_a_leading_dot_stands_for_this_package(path: Path) -> None:
    assert content(IncludeFile("f", default=str(path), parser=".flow.config_parsers.parser_for")) is json_parser
