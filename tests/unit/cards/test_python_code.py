"""`PythonCode`: where the source of things is found."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from metaflow.cards import PythonCode

SOURCE = '''"""A module."""

import functools
from metaflow import FlowSpec, retry, step


def plain(x):
    # doubled
    return 2 * x


def wrapping(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


@wrapping
def wrapped():
    return "inside"


double = lambda x: x + x


class Things:
    def method(self):
        return self

    @classmethod
    def of_class(cls):
        return cls

    @property
    def value(self):
        return "value"

    def __call__(self):
        return "called"


class Flow(FlowSpec):
    @retry
    @step
    def start(self):
        self.next(self.end)
'''


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    file = tmp_path / "work.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("work_of_test", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["work_of_test"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["work_of_test"]


def line_of(text: str) -> int:
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


def test_a_function_with_where_it_stands(module: ModuleType) -> None:
    assert PythonCode(module.plain).render() == {
        "type": "pythonCode",
        "code": "def plain(x):\n    # doubled\n    return 2 * x",
        "first_line": line_of("def plain"),
        "label": f"work.py, line {line_of('def plain')}",
    }


@pytest.mark.parametrize(
    ("find", "beginning"),
    [
        (lambda m: m.wrapped, "@wrapping\ndef wrapped():"),
        (lambda m: m.double, "double = lambda"),
        (lambda m: m.Things, "class Things:\n    def method"),
        (lambda m: m.Things().method, "def method(self):\n    return self"),
        (lambda m: m.Things.of_class, "@classmethod\ndef of_class"),
        (lambda m: m.Things.__dict__["of_class"], "@classmethod\ndef of_class"),
        (lambda m: m.Things.value, "@property\ndef value"),
        (lambda m: m.Things(), "class Things:"),
        (lambda m: functools.partial(m.plain, 2), "def plain(x):"),
        (lambda m: m.Flow.start, "@retry\n@step\ndef start(self):\n    self.next"),
        (lambda m: m, '"""A module."""'),
    ],
)
def test_the_source_of_things_without_their_indentation(module: ModuleType, find: Any, beginning: str) -> None:
    node = PythonCode(find(module)).render()
    assert node["type"] == "pythonCode", node
    assert node["code"].startswith(beginning)


def test_code_as_text() -> None:
    node = PythonCode(code_string="\n    x = 1\n    y = 2\n").render()
    assert node == {"type": "pythonCode", "code": "x = 1\ny = 2"}
    assert PythonCode(code_string="").render()["code"] == ""


def made_by_exec() -> Any:
    namespace: dict[str, Any] = {}
    exec("def made():\n    pass", namespace)
    return namespace["made"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "takes a function as `code_func`"),
        (len, "len has none: it is not written in Python"),
        (3, "int has none"),
        (made_by_exec(), "made is not to be had"),
    ],
)
def test_why_there_is_none(value: Any, reason: str) -> None:
    node = PythonCode(value).render()
    assert node["type"] == "log"
    assert reason in node["data"]


def test_a_function_of_a_notebook_cell() -> None:
    source = "def of_cell():\n    return 1\n"
    linecache.cache["<cell 1>"] = (len(source), None, source.splitlines(True), "<cell 1>")
    namespace: dict[str, Any] = {}
    exec(compile(source, "<cell 1>", "exec"), namespace)
    node = PythonCode(namespace["of_cell"]).render()
    assert node["code"] == source.rstrip()
    assert "label" not in node


def test_a_file_that_has_changed_is_not_shown_as_if_it_had_not(module: ModuleType) -> None:
    assert module.__file__ is not None
    Path(module.__file__).write_text("# new\n" * 5 + "class Other:\n    pass\n\n\ndef other():\n    pass\n")
    node = PythonCode(module.plain).render()
    assert node["type"] == "log"
    assert "plain is not" in node["data"] or "that of plain" in node["data"]
