"""Parameters of every kind, on real command lines: what tasks read, what is refused, what the help says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import metaflow

from .conftest import Outcome, Project

SOURCE = """
import json, pathlib
from enum import Enum
from typing import Literal
import click
from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, current, step

class Colour(Enum):
    RED = 1
    GREEN = 2

def compute(context, deploying):
    with open("computed.txt", "a") as file:
        file.write(f"{context.parameter_name} {context.flow_name} {context.user_name} {deploying}\\n")
    return 5

class Base(FlowSpec):
    base = Parameter("base-param", default=3, help="Of the base")

class F(Base):
    plain = Parameter("plain")
    flag = Parameter("flag", is_flag=True)
    boolean = Parameter("boolean", default=False)
    table = Parameter("table", default={"a": (1, 2)}, help="A table")
    names = Parameter("names", multiple=True, default=["x"])
    numbers = Parameter("numbers", type=int, multiple=True)
    pair = Parameter("pair", type=float, nargs=2)
    split = Parameter("split", separator=",", default="a,b")
    solver = Parameter("solver", type=Literal["adam", "sgd"], default="adam")
    size = Parameter("size", type=Literal[1, 2], default=2)
    colour = Parameter("colour", type=Colour, default=Colour.RED)
    colours = Parameter("colours", type=Colour, multiple=True)
    choice = Parameter("choice", type=click.Choice(["x", "y"]), default="x")
    limited = Parameter("limited", type=click.IntRange(0, 10), default=5)
    path = Parameter("path", type=pathlib.Path, default="somewhere")
    computed = Parameter("computed", default=compute, type=float)
    computed_json = Parameter("computed-json", default=lambda context: '[1]', type=JSONType)

    @step
    def start(self):
        self.seen = {name: repr(getattr(self, name)) for name in current.parameter_names}
        self.table["changed"] = "in place"
        self.next(self.end)

    @step
    def end(self):
        assert "changed" not in self.table
        try:
            self.solver = "sgd"
        except AttributeError as error:
            self.refused = str(error)

if __name__ == "__main__":
    F()
"""

DEFAULTS = {
    "base": "3",
    "plain": "None",
    "flag": "False",
    "boolean": "False",
    "table": "{'a': [1, 2]}",
    "names": "('x',)",
    "numbers": "()",
    "pair": "None",
    "split": "['a', 'b']",
    "solver": "'adam'",
    "size": "2",
    "colour": "<Colour.RED: 1>",
    "colours": "()",
    "choice": "'x'",
    "limited": "5",
    "path": "PosixPath('somewhere')",
    "computed": "5.0",
    "computed_json": "[1]",
}


def seen(project: Project) -> dict[str, str]:
    project.client()
    return metaflow.Flow("F").latest_run["start"].task["seen"].data


def test_defaults_are_what_tasks_read(project: Project) -> None:
    project.run(SOURCE)
    assert seen(project) == DEFAULTS
    run = metaflow.Flow("F").latest_run
    assert "solver is a parameter" in run["end"].task["refused"].data
    assert run["end"].task["table"].data == {"a": [1, 2]}
    kinds = {p["name"]: p["type"] for p in run["_parameters"].task["_graph_info"].data["parameters"]}
    assert kinds["table"] == "JSON" and kinds["colour"] == "Colour" and kinds["base"] == "int"
    assert Path("computed.txt").read_text() == "computed F tester False\n"  # once, and only it


GIVEN = {
    "base-param": ("9", "9"),
    "plain": ("some text", "'some text'"),
    "flag": (True, "True"),
    "boolean": ("yes", "True"),
    "table": ('{"b": null}', "{'b': None}"),
    "names": (["a b", "c"], "('a b', 'c')"),
    "numbers": (["1", "2"], "(1, 2)"),
    "split": ("x,,y", "['x', '', 'y']"),
    "solver": ("sgd", "'sgd'"),
    "size": ("1", "1"),
    "colour": ("GREEN", "<Colour.GREEN: 2>"),
    "colours": (["RED", "GREEN"], "(<Colour.RED: 1>, <Colour.GREEN: 2>)"),
    "choice": ("y", "'y'"),
    "limited": ("10", "10"),
    "path": ("/tmp", "PosixPath('/tmp')"),
    "computed": ("2.5", "2.5"),
    "computed-json": ("[]", "[]"),
}
EXPECTED = {**DEFAULTS, **{name.replace("-", "_"): shown for name, (_, shown) in GIVEN.items()}, "base": "9"}
EXPECTED.pop("base_param")


def test_values_on_the_command_line(project: Project) -> None:
    arguments = ["--pair", "1", "2.5"]
    for name, (value, _) in GIVEN.items():
        if value is True:
            arguments.append(f"--{name}")
        else:
            for text in value if isinstance(value, list) else [value]:
                arguments += [f"--{name}", text]
    project.run(SOURCE, *arguments)
    assert seen(project) == {**EXPECTED, "pair": "(1.0, 2.5)"}
    assert not Path("computed.txt").exists()  # nothing had to be computed


def test_values_from_the_environment(project: Project) -> None:
    env = {
        f"METAFLOW_RUN_{name.upper().replace('-', '_')}": json.dumps(value) if isinstance(value, list) else str(value)
        for name, (value, _) in GIVEN.items()
    }
    env |= {"METAFLOW_RUN_NUMBERS": "1 2", "METAFLOW_RUN_PAIR": "[1, 2.5]"}
    env |= {"METAFLOW_RUN_TAGS": "one two", "METAFLOW_RUN_RUN_ID_FILE": "id.txt", "METAFLOW_RUN_MAX_WORKERS": "2"}
    outcome = project.run(SOURCE, "--choice", "x", env=env)
    assert seen(project) == {**EXPECTED, "pair": "(1.0, 2.5)", "choice": "'x'"}  # the command line wins
    assert Path("id.txt").read_text() == outcome.run_id
    assert {"one", "two"} <= metaflow.Flow("F").latest_run.user_tags


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (["--size", "3"], {}, "Invalid value for '--size': '3' is not one of '1', '2'."),
        (["--solver", "adm"], {}, "'adm' is not one of 'adam', 'sgd'. Did you mean 'adam'?"),
        (["--colour", "green"], {}, "'green' is not one of 'RED', 'GREEN'. Did you mean 'GREEN'?"),
        (["--choice", "X"], {}, "'X' is not one of 'x', 'y'. Did you mean 'x'?"),
        (["--limited", "11"], {}, "11 is not in the range 0<=x<=10"),
        (["--boolean", "maybe"], {}, "Invalid value for '--boolean': 'maybe' is not a valid boolean."),
        (["--numbers", "1", "--numbers", "x"], {}, "Invalid value for '--numbers': 'x' is not a valid integer."),
        (["--table", "{a"], {}, "Invalid value for '--table': '{a' is not valid JSON: Expecting property name"),
        (["--pair", "1"], {}, "requires 2 arguments"),
        (
            [],
            {"METAFLOW_RUN_SIZE": "3"},
            "'3' is not one of '1', '2'.\nThe value comes from the environment variable METAFLOW_RUN_SIZE.",
        ),
        ([], {"METAFLOW_RUN_NUMBERS": "[1"}, "Invalid value for '--numbers': '[1' in the environment begins like a"),
    ],
)
def test_wrong_values_are_usage_errors(project: Project, arguments: list[str], env: dict[str, str], said: str) -> None:
    project.write(SOURCE)
    outcome = project.call("run", *arguments, env=env)
    assert outcome.code == 2, outcome
    assert said in outcome.stderr, outcome
    assert "Traceback" not in outcome.stderr and not Path(".metaflow").exists()


def test_help(project: Project) -> None:
    project.write(SOURCE)
    outcome = project.call("run", "--help", env={"COLUMNS": "100"})
    assert outcome.code == 0, outcome
    text = " ".join(outcome.stdout.split())
    for said in [
        "--base-param INTEGER Of the base [default: 3]",
        '--table JSON A table [default: {"a": [1, 2]}]',
        "--names TEXT [default: x]",
        "--split TEXT [default: a,b]",
        "--solver [adam|sgd] [default: adam]",
        "--colour [RED|GREEN] [default: RED]",
        "--computed FLOAT [default: computed when the run starts]",
    ]:
        assert said in text, outcome
    assert project.call("--help").code == 0
    assert not Path("computed.txt").exists()


BROKEN = """
from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step

def broken(context):
    return {{}}["missing"]

class F(FlowSpec):
    x = {declaration}

    @step
    def start(self):
        self.x
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("declaration", "code", "said"),
    [
        ('Parameter("x", default="many", type=int)', 1, ["flow.py on line 8", "'many' is not a valid integer"]),
        ('Parameter("x", default=broken)', 1, ["flow.py on line 5", "broken() raised KeyError: 'missing'"]),
        ('Parameter("x", default=lambda c: "a", type=int)', 1, ["flow.py on line 8", "a lambda returned"]),
        ('Parameter("tags")', 1, ["flow.py on line 8", "reserved"]),
        ('IncludeFile("x", default="nope.txt")', 2, ["'--x'", "its default cannot be included", "'nope.txt'"]),
        ('IncludeFile("x", default="flow.py", parser="json.nope")', 1, ["flow.py on line 8", "'json.nope'"]),
        ('IncludeFile("x", default="flow.py", encoding="utf-16")', 1, ["flow.py, for self.x, is no text", "utf-16"]),
    ],
)
def test_broken_declarations(project: Project, declaration: str, code: int, said: list[str]) -> None:
    project.write(BROKEN.format(declaration=declaration))
    outcome = project.call("run")
    assert outcome.code == code, outcome
    assert all(text in outcome.stderr for text in said), outcome
    assert "Traceback" not in outcome.stderr


FILES = """
import os
from metaflow import FlowMutator, FlowSpec, IncludeFile, step

class AddsFile(FlowMutator):
    def pre_mutate(self, flow):
        flow.add_parameter("added", IncludeFile("added", default="number.txt", parser="builtins.int"))

@AddsFile
class F(FlowSpec):
    text = IncludeFile("text", required=True)
    data = IncludeFile("data", is_text=False)
    lines = IncludeFile("lines", default="lines.txt", parser=str.splitlines)
    absent = IncludeFile("absent")
    found = IncludeFile("found", default=lambda context: "lines.txt", encoding="latin-1")
    number = IncludeFile("number", default="number.txt", parser="builtins.int")

    @step
    def start(self):
        for name in ("lines.txt", "text.txt", "data.bin", "number.txt"):
            os.unlink(name)  # whoever needs one from now on has to have it from the run
        assert self.lines == ["one", "zw\\u00f6lf"] and self.lines is self.lines
        self.parts = list(range(3))
        self.next(self.work, foreach="parts")

    @step
    def work(self):
        assert self.text == "first\\nsecond\\n" and self.absent is None
        assert type(self.data) is bytes
        self.size = len(self.data)
        assert self.number == 42 and self.added == 42
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sizes = [part.size for part in inputs]
        assert inputs[0].text == self.text and inputs[0].lines == self.lines and inputs[0].added == 42
        assert self.found == "one\\nzw\\u00c3\\u00b6lf\\n"
        self.next(self.end)

    @step
    def end(self):
        self.text = "replaced"
"""


def write_files() -> bytes:
    data = os.urandom(3_000_000)
    Path("text.txt").write_bytes(b"first\r\nsecond\r\n")
    Path("data.bin").write_bytes(data)
    Path("lines.txt").write_text("one\nzwölf\n", encoding="utf-8")
    Path("number.txt").write_text("42\n")
    return data


def test_files_are_kept_with_the_run(project: Project) -> None:
    data = write_files()
    outcome = project.run(FILES, "--text", "text.txt", "--data", "data.bin", code=1)
    assert "self.text is a parameter of the flow" in outcome.stdout  # only the last statement failed
    assert "Including file data.bin of size 2.9 MB" in outcome.stderr
    project.client()
    run = metaflow.Flow("F").latest_run
    assert run["join"].task["sizes"].data == [3_000_000] * 3
    start = run["start"].task
    assert start.data.text == "first\nsecond\n" and start.data.data == data
    assert start["lines"].data == "one\nzwölf\n"  # what was in the file; the parser belongs to the flow
    assert start["text"].type == "<class 'str'>" and start["data"].size == 3_000_000
    assert start["data"].sha == run["join"].task["data"].sha
    assert sum(path.stat().st_size for path in Path(".metaflow").rglob("blobs/*/*")) < 4_000_000  # one copy
    dumped = project.call("dump", f"{run.id}/start", "--include", "text")
    assert dumped.stdout == "text [size: 15 type: <class 'str'>] = 'first\\nsecond\\n'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope.txt", "Invalid value for '--text': the file 'nope.txt' cannot be read: No such file or directory."),
        (".", "Invalid value for '--text': '.' is a directory, not a file."),
        ("https://host/x", "Only a file of this machine can be included: download it first."),
        (None, "Missing option '--text'"),
    ],
)
def test_files_that_are_not_there_are_usage_errors(project: Project, text: str | None, said: str) -> None:
    project.write(FILES)
    outcome = project.call("run", *(["--text", text] if text else []))
    assert outcome.code == 2 and said in outcome.stderr, outcome
    assert not Path(".metaflow").exists()


def failure(project: Project, source: str, *arguments: str) -> Outcome:
    outcome = project.run(source, *arguments, code=1)
    assert "Traceback" not in outcome.stderr + outcome.stdout
    return outcome


def test_a_parser_that_does_not_accept_the_content(project: Project) -> None:
    source = BROKEN.format(declaration='IncludeFile("x", default="flow.py", parser="json.loads")')
    outcome = failure(project, source)
    assert "parser of IncludeFile 'x' does not accept the file's content: json.loads() raised" in outcome.stdout
    assert "flow.py on line 8" in outcome.stdout


def test_a_file_that_is_no_text(project: Project) -> None:
    write_files()
    outcome = failure(project, FILES, "--text", "data.bin")
    assert "The file data.bin, for self.text, is no text in the encoding utf-8" in outcome.stderr
    assert "is_text=False" in outcome.stderr
    assert "Workflow starting" not in outcome.stdout
