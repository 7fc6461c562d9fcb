"""Completion: what the shells are told, and what bash makes of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Project

FLOW = """
raise SystemExit("this flow was run")
from metaflow import FlowSpec, IncludeFile, Parameter, step

class Colour(Enum):
    RED = 1
    GREEN = 2

class F(FlowSpec):
    colour = Parameter("colour", type=Colour, help="of the cover")
    verbose = Parameter("verbose", default=False)
    file = IncludeFile("file")
    settings = Config("settings", required=True)
    rate = Parameter("rate", default=settings.rate)
    @step
    def start(self): ...
    @step
    def end(self): ...
"""


def ask(project: Project, line: str, shell: str = "bash", word: str | None = None) -> str:
    words = line.split(" ")
    current = word if word is not None else str(len(words) - 1)
    done = subprocess.run(
        [sys.executable, "-m", "metaflow"],
        cwd=project.path,
        env={**project.env, "COMP_WORDS": line, "COMP_CWORD": current, "_METAFLOW_COMPLETE": f"{shell}_complete"},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    return done.stdout


def values(answer: str) -> list[str]:
    return [line.partition(",")[2] for line in answer.splitlines()]


def test_words_of_a_flow(project: Project) -> None:
    project.write(FLOW, main="F")
    assert {"run", "check", "logs"} <= set(values(ask(project, "flow.py ")))
    assert values(ask(project, "./flow.py --quiet ch")) == ["check"]
    assert values(ask(project, "./flow.py kub")) == ["kubernetes"]
    assert values(ask(project, "flow.py run --colour ")) == ["RED", "GREEN"]
    assert values(ask(project, "flow.py run --colour=g")) == ["GREEN"]
    assert values(ask(project, "flow.py run --verbose t")) == ["True"]
    assert values(ask(project, "flow.py run --max-w")) == ["--max-workers"]
    assert values(ask(project, "flow.py --config se")) == ["settings"]
    assert ask(project, "flow.py --config settings pro") == "file,pro\n"
    assert values(ask(project, "flow.py --config settings nope.json run --ra")) == ["--rate"]
    assert ask(project, "flow.py run --file so") == "file,so\n"
    assert ask(project, "flow.py run --col", "zsh") == "plain\n--colour\nof the cover\n"
    assert ask(project, "flow.py run --col", "fish", "--col") == "plain,--colour\tof the cover\n"


def test_words_of_the_metaflow_command(project: Project) -> None:
    assert "completion" in values(ask(project, "metaflow "))
    assert values(ask(project, "metaflow completion ")) == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("line", ["nope.py ", "broken.py run ", "flow.py dump "])
def test_nothing_is_said_where_nothing_is_known(project: Project, line: str) -> None:
    project.write(FLOW, main="F")
    Path("broken.py").write_text("def (")
    assert ask(project, line) == ""
    assert not Path(".metaflow").exists()


def test_past_runs_steps_and_tasks(project: Project) -> None:
    source = (
        "class F(FlowSpec):\n    @step\n    def start(self): self.next(self.end)\n    @step\n    def end(self): pass\n"
    )
    first, second = project.run(source).run_id, project.call("run").run_id
    assert values(ask(project, "flow.py dump ")) == [f"{second}/", f"{first}/"]
    assert values(ask(project, f"flow.py logs {first[:-1]}")) == [f"{first}/"]
    assert values(ask(project, f"flow.py logs show {first}/")) == [f"{first}/start", f"{first}/end"]
    assert values(ask(project, f"flow.py dump {first}/start/")) == [f"{first}/start/1"]
    assert values(ask(project, "flow.py tag list ")) == [second, first]
    assert values(ask(project, f"flow.py tag add --run-id {first[:-1]}")) == [first]
    assert values(ask(project, "flow.py dump 9/")) == []
    assert values(ask(project, "flow.py --datastore-root nowhere dump ")) == []


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A script that completes its arguments as bash would, with the commands of this interpreter."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    directory = tmp_path_factory.mktemp("bash")
    script = subprocess.run(
        [sys.executable, "-m", "metaflow", "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    call = '\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n'
    call += 'case $1 in */python*) _metaflow_python "$1";; *.py) _metaflow_script "$1";; *) _metaflow "$1";; esac\n'
    call += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    (directory / "complete.sh").write_text(script + call)
    return directory / "complete.sh"


def test_the_script_of_bash(project: Project, bash: Path) -> None:
    path = project.write(FLOW, main="F")
    path.write_text(f"#!{sys.executable}\n{path.read_text()}")

    def complete(*words: str) -> list[str]:
        done = subprocess.run(
            ["bash", str(bash), *words], cwd=project.path, env=project.env, capture_output=True, text=True
        )
        return done.stdout.split()

    assert complete(sys.executable, "flow.py", "run", "--col") == ["--colour"]
    assert complete(sys.executable, "-X", "dev", "flow.py", "run", "--colour", "=", "R") == ["RED"]
    assert complete("./flow.py", "run", "--colour", "=") == ["RED", "GREEN"]
    assert complete(sys.executable, "-m", "json.tool", "flow.py", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_have_no_mistake_of_syntax(shell: str) -> None:
    script = subprocess.run(
        [sys.executable, "-m", "metaflow", "completion", shell], capture_output=True, text=True, check=True
    ).stdout
    assert "_METAFLOW_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
