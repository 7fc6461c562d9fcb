"""From functions to syntax trees."""

from __future__ import annotations

import functools
import linecache

import pytest

from metaflow.exception import MetaflowException
from metaflow.flow.source import SourceIndex, clean_docstring

from .conftest import STEP, Decorator, define


def test_finds_a_function_behind_decorators_of_several_lines():
    flow = define(
        STEP
        + """
class F:
    @deco(
        "a",
        x=1,
    )
    @deco("b")
    @step
    def start(
        self,
    ):
        pass
""",
        deco=Decorator,
    )
    source = SourceIndex().find(flow.start)
    assert source.node.name == "start"
    assert source.line == 10


def test_follows_wrapped_functions_to_the_one_that_the_author_wrote():
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args)

        return wrapper

    flow = define(STEP + "class F:\n    @logged\n    @step\n    def start(self):\n        pass\n", logged=logged)
    assert SourceIndex().find(flow.start).line == 5


def test_finds_functions_wherever_a_class_can_be_defined():
    text = """
    from metaflow.flow.step import step

    def make():
        try:
            if True:
                class F:
                    @step
                    def start(self):
                        pass
        finally:
            pass
        return F

    F = make()
    """
    assert SourceIndex().find(define(text).start).node.name == "start"


def test_each_file_is_parsed_once(monkeypatch):
    flow = define(STEP + "class F:\n" + "".join(f"    @step\n    def s{n}(self):\n        pass\n" for n in range(5)))
    read = []
    getlines = linecache.getlines
    monkeypatch.setattr(linecache, "getlines", lambda *args: read.append(args[0]) or getlines(*args))
    index = SourceIndex()
    for n in range(5):
        index.find(getattr(flow, f"s{n}"))
    assert len(read) == 1


def test_code_without_a_source_is_an_error_that_says_so():
    namespace: dict = {}
    exec("def start(self):\n    pass\n", namespace)
    with pytest.raises(MetaflowException, match=r"source of \*start\* is not available.*'<string>'"):
        SourceIndex().find(namespace["start"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\nclass F:\n    def start(self): pass\n", "has changed since"),
        ("class F(:\n", "can no longer be parsed"),
    ],
)
def test_a_file_that_changed_after_it_was_imported_is_an_error(tmp_path, text, message):
    file = tmp_path / "flow.py"
    file.write_text("class F:\n    def start(self): pass\n")
    namespace: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    file.write_text(text)
    with pytest.raises(MetaflowException, match=message) as caught:
        SourceIndex().find(namespace["F"].start)
    assert caught.value.source_file == str(file)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (None, ""),
        ("One line.", "One line."),
        ("First.\n\n        Second,\n          indented.\n        ", "First.\n\nSecond,\n  indented."),
        ("\n    Starts below.\n    And on.\n", "Starts below.\nAnd on."),
        ("  \n   \n", ""),
    ],
)
def test_docstrings_lose_the_indentation_of_the_code(raw, clean):
    assert clean_docstring(raw) == clean
