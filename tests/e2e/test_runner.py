"""Flows that are run from Python."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from metaflow import Run, Runner
from metaflow.exception import MetaflowException
from metaflow.runner.click_api import MetaflowAPI
from metaflow.runner.metaflow_runner import ExecutingTask

from .conftest import Project

pytestmark = pytest.mark.usefixtures("environment_of_project")

ECHO = """
import os, sys

class Echo(FlowSpec):
    text = Parameter("text", default="nothing")
    learning_rate = Parameter("learning-rate", default=0.5, help="Step size")
    count = Parameter("count", type=int)
    loud = Parameter("loud", default=False)

    @step
    def start(self):
        self.variable = os.environb.get(b"GIVEN")
        self.profile = os.environ.get("METAFLOW_PROFILE")
        self.directory = os.getcwd()
        print("to stdout", self.text)
        print("to stderr", file=sys.stderr)
        if self.count == 13:
            raise ValueError("unlucky")
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_run_and_all_that_can_be_given_to_it(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    flow = project.write(ECHO)
    (project.path / "home" / "config_small.json").write_text("{}")
    elsewhere = project.path / "else where"
    elsewhere.mkdir()
    text = '--quiet it\'s "a\n new\tline" $HOME \\ ü 漢字 🙂'
    with Runner(
        flow.name,
        show_output=False,
        profile="small",
        env={"GIVEN": os.fsdecode(b"\xff=\xfe")},
        cwd=elsewhere,
        pylint=False,
        datastore_root=str(project.path / "results"),
    ) as runner:
        result = runner.run(
            text=text, learning_rate=1, count=None, loud=True, tags=["a b", "-c"], max_workers=1, run_id_file="id"
        )
        assert repr(result) == f"ExecutingRun('Echo/{result.run.id}', status='successful')"
    assert (result.status, result.returncode, result.runner) == ("successful", 0, runner)
    assert isinstance(result.run, Run)
    data = result.run.data
    assert (data.text, data.learning_rate, data.count, data.loud) == (text, 1.0, None, True)
    assert (data.variable, data.profile, data.directory) == (b"\xff=\xfe", "small", str(elsewhere))
    assert result.run.user_tags == {"a b", "-c"}
    assert (elsewhere / "id").read_text() == result.run.id
    assert "to stdout --quiet it's" in result.stdout
    assert "pylint" not in result.stderr
    assert "The graph looks good!" in result.stderr
    assert capsys.readouterr() == ("", "")


def test_a_failed_run_is_no_exception_but_one_that_never_began_is(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(ECHO)
    runner = Runner("flow.py")
    result = runner.run(count=13)
    assert (result.status, result.returncode) == ("failed", 1)
    assert "ValueError: unlucky" in result.stdout + result.stderr
    assert not result.run.successful
    shown, _ = capsys.readouterr()
    assert result.stdout in shown or sorted(shown) == sorted(result.stdout + result.stderr)
    assert "Step failure" in shown

    project.write(ECHO.replace("self.next(self.end)", "pass"))
    with pytest.raises(RuntimeError) as caught:
        Runner("flow.py", show_output=False).run()
    message = str(caught.value)
    assert "ended with exit code 1 before anything was started" in message
    assert "--- stderr:" in message
    assert "Validity checker found an issue" in message


def test_what_is_given_is_checked_before_anything_starts(project: Project) -> None:
    project.write(ECHO)
    runner = Runner("flow.py", show_output=False)
    for wrong, kind, message in (
        (
            {"txt": "x"},
            ValueError,
            "Unknown argument: 'txt', possible args are: text, learning_rate, count, loud, tags",
        ),
        ({"text": 1}, TypeError, "'text' takes a text, not 1, which is of type int"),
        ({"count": 1.5}, TypeError, "'count' takes a whole number, not 1.5"),
        ({"learning_rate": "fast"}, TypeError, "'learning_rate' takes a number, not 'fast'"),
        ({"loud": "yes"}, TypeError, "'loud' takes True or False, not 'yes'"),
        ({"tags": "x"}, TypeError, "'tags' takes a list"),
        ({"text": "\0"}, ValueError, "zero character"),
    ):
        with pytest.raises(kind, match=message):
            runner.run(**wrong)
    with pytest.raises(ValueError, match="Unknown argument: 'pylnt', .* Did you mean 'pylint'"):
        Runner("flow.py", pylnt=False)
    with pytest.raises(TypeError, match="env takes texts"):
        Runner("flow.py", env={"A": 1})
    with pytest.raises(TypeError, match="env takes texts"):
        Runner("flow.py", env="A=1")
    with pytest.raises(TypeError, match="'file_read_timeout' takes seconds, as a number, not '9'"):
        Runner("flow.py", file_read_timeout="9")
    assert not (project.path / ".metaflow").exists()

    parameters = inspect.signature(runner.run).parameters
    assert list(parameters)[:4] == ["text", "learning_rate", "count", "loud"]
    assert (parameters["learning_rate"].annotation, parameters["learning_rate"].default) == (float, 0.5)
    assert parameters["count"].default is None
    assert parameters["max_workers"].annotation is int
    assert inspect.signature(runner.async_run).parameters == parameters

    # A parameter that was written since is known: the file is asked again when it has changed.
    project.write(ECHO.replace("    @step", '    added = Parameter("added", default="")\n    @step', 1))
    assert "added" in inspect.signature(runner.run).parameters
    command = MetaflowAPI.from_cli("flow.py")(pylint=False).run(added="-x", tags=["t"])
    assert command == ["python", "flow.py", "--no-pylint", "run", "--added=-x", "--tag=t"]


def test_nothing_of_the_flow_gets_into_this_process(project: Project) -> None:
    (project.path / "beside.py").write_text("import threading\nthreading.Thread(target=lambda: None).start()\n")
    project.write("import beside, wave\n" + "from metaflow import FlowSpec, Parameter, step\n" + ECHO)
    before = (list(sys.path), os.getcwd(), threading.active_count())
    modules = set(sys.modules)
    Runner("flow.py")
    assert (list(sys.path), os.getcwd(), threading.active_count()) == before
    assert not {"beside", "flow", "wave"} & (set(sys.modules) - modules)


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("class F(FlowSpec:\n    pass\n", "is no valid Python", 1),
        ("print('hello')\nraise OSError('no\\nway')\n", "exit code 1. It said:\nhello\n(.|\n)*OSError: no\nway", None),
        ("print('hello')\n", "starts no flow. It should hold exactly one FlowSpec class(.|\n)*hello", None),
        (ECHO + "\nclass Other(FlowSpec):\n    @step\n    def start(self): pass\n", "2 flows, Echo .*, Other", None),
        (ECHO.replace('"count"', '"TEXT"'), "declared twice", None),
    ],
    ids=["syntax", "raises", "no flow", "two flows", "wrong declaration"],
)
def test_a_file_that_cannot_be_used(project: Project, source: str, message: str, line: int | None) -> None:
    main = '\nif __name__ == "__main__":\n    Echo()\n' if "Echo" in source else ""
    header = "from metaflow import FlowSpec, Parameter, step\n" if "Echo" in source else ""
    (project.path / "flow.py").write_text(header + source + main)
    with pytest.raises(MetaflowException, match=message) as caught:
        Runner("flow.py")
    assert caught.value.line_no == line or line is None
    if line is not None:
        assert caught.value.source_file == str(project.path / "flow.py")


def test_places_that_do_not_exist(project: Project) -> None:
    with pytest.raises(MetaflowException, match=r"There is no file .*/nowhere.py"):
        Runner("nowhere.py")
    project.write(ECHO)
    with pytest.raises(MetaflowException, match="working directory .* does not exist"):
        Runner("flow.py", cwd="nowhere")


def test_answers_of_files_are_kept_until_a_file_changes(project: Project) -> None:
    (project.path / "shared.py").write_text("DEFAULT = 1\n")
    source = "import os\nfrom metaflow import FlowSpec, Parameter, step\nfrom shared import DEFAULT\n"
    source += "open('loads', 'a').write('x')\n" + ECHO.replace("type=int", "default=DEFAULT")
    project.write(source)
    loads = project.path / "loads"

    def default(runner: Runner) -> object:
        return inspect.signature(runner.run).parameters["count"].default

    assert default(Runner("flow.py")) == 1
    assert default(Runner("flow.py")) == 1
    assert loads.read_text() == "x"
    script = "from metaflow import Runner; Runner('flow.py')"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=project.path)
    assert loads.read_text() == "x"  # it was in the user's cache
    (project.path / "shared.py").write_text("DEFAULT = 22\n")
    assert default(Runner("flow.py")) == 22
    assert loads.read_text() == "xx"
    # Damaged answers are made again.
    for path in (project.path / "cache/metaflow/commands").iterdir():
        path.write_text("{}")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=project.path)
    assert loads.read_text() == "xxx"


def test_what_depends_on_the_environment_is_never_refused_because_of_an_old_answer(project: Project) -> None:
    source = "import os\nfrom metaflow import FlowSpec, Parameter, step\n" + ECHO
    project.write(source.replace('"count"', '"number" if os.path.exists("new") else "count"'))
    runner = Runner("flow.py", show_output=False)
    (project.path / "new").touch()
    assert runner.run(number=3).run.data.count == 3
    with pytest.raises(ValueError, match="Unknown argument: 'count'"):
        runner.run(count=3)


def test_a_single_step(project: Project) -> None:
    project.write(ECHO)
    runner = Runner("flow.py", show_output=False)
    run = runner.run(text="of the run").run
    result = runner.spin(f"{run.id}/start", persist=True)
    assert isinstance(result, ExecutingTask)
    assert result.status == "successful"
    assert result.task.data.text == "of the run"
    assert repr(result).startswith("ExecutingTask('Echo/")
    assert list(inspect.signature(runner.spin).parameters)[0] == "pathspec"
    with pytest.raises(ValueError, match="Unknown argument: 'presist', possible args are: pathspec"):
        runner.spin("start", presist=True)
    with pytest.raises(RuntimeError, match="nowhere"):
        runner.spin("nowhere")

    async def main() -> None:
        result = await runner.async_spin(f"{run.id}/end")
        assert (await result.wait()).status == "successful"

    asyncio.run(main())


KINDS = """
from enum import Enum
from typing import Literal
from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, step

class Color(Enum):
    RED = 1
    BLUE = 2

class Kinds(FlowSpec):
    cfg = Config("the-config", required=True)
    rate = Parameter("rate", default=cfg.rate)
    data = Parameter("data", type=JSONType, default={"a": 1})
    words = Parameter("words", separator=",", default="a,b")
    numbers = Parameter("numbers", multiple=True, type=int)
    pair = Parameter("pair", nargs=2, type=float, default=(1.0, 2.0))
    solver = Parameter("solver", type=Literal["adam", "sgd"], default="adam")
    color = Parameter("color", type=Color, default=Color.RED)
    flag = Parameter("flag", is_flag=True)
    file = IncludeFile("file")
    computed = Parameter("computed", default=lambda context: 7, type=int)

    @step
    def start(self):
        self.found = (
            dict(self.cfg), self.rate, self.data, self.words, self.numbers, self.pair, self.solver,
            self.color.name, self.flag, self.file, self.computed,
        )
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Kinds()
"""


def test_parameters_and_configs_of_every_kind(project: Project) -> None:
    class Color(Enum):  # what the flow has by this name is not to be had here
        BLUE = 2

    project.write(KINDS)
    with pytest.raises(MetaflowException, match="missing configuration for 'the-config'"):
        Runner("flow.py")
    (project.path / "config.json").write_text('{"rate": 0.25}')
    runner = Runner("flow.py", show_output=False, config=[("the-config", "config.json")])
    parameters = inspect.signature(runner.run).parameters
    expected = {
        "rate": float,
        "words": list[str],
        "numbers": list[int],
        "pair": tuple[float, float],
        "solver": Literal["adam", "sgd"],
        "color": Literal["RED", "BLUE"],
        "flag": bool,
        "file": str,
    }
    assert {name: parameters[name].annotation for name in expected} == expected
    assert runner.run().run.data.found == (
        {"rate": 0.25},
        0.25,
        {"a": 1},
        ["a", "b"],
        (),
        (1.0, 2.0),
        "adam",
        "RED",
        False,
        None,
        7,
    )
    (project.path / "config.json").write_text('{"rate": 0.125}')
    assert inspect.signature(runner.run).parameters["rate"].default == 0.125

    (project.path / "text").write_text("content")
    config = {"rate": 2, "nested": {"list": [1, None, "it's"]}}
    runner = Runner("flow.py", show_output=False, config_value={"the-config": config})
    given = {
        "rate": 3,
        "data": [{"b": None}],
        "words": ["x y", ""],
        "numbers": [-1, 2],
        "pair": (-0.5, 1e300),
        "solver": "sgd",
        "color": Color.BLUE,
        "flag": True,
        "file": project.path / "text",
        "computed": 8,
    }
    assert runner.run(**given).run.data.found == (
        config,
        3,
        [{"b": None}],
        ["x y", ""],
        (-1, 2),
        (-0.5, 1e300),
        "sgd",
        "BLUE",
        True,
        "content",
        8,
    )
    with pytest.raises(ValueError, match="'solver' is one of 'adam', 'sgd', not 'adamw'"):
        runner.run(solver="adamw")
    with pytest.raises(TypeError, match="'file' takes the path of a file, not 3"):
        runner.run(file=3)
    with pytest.raises(ValueError, match="'config' is one of 'the-config', not 'other'"):
        Runner("flow.py", config=[("other", "config.json")])
    with pytest.raises(MetaflowException, match="no valid JSON"):
        Runner("flow.py", config_value=[("the-config", "{")])


def test_the_working_directory_need_not_be_the_flow_s(project: Project, tmp_path: Path) -> None:
    (project.path / "flows").mkdir()
    project.write(ECHO, "flows/flow.py")
    (project.path / "flows" / "beside.py").write_text("")
    result = Runner(Path("flows") / "flow.py", show_output=False).run()
    assert result.run.data.directory == str(project.path)
