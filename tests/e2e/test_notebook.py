"""Flows that are written in a notebook, run as one."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from .conftest import Project
from .test_kill import children_named, wait_until

IMPORTS = """
from metaflow import NBDeployer, NBRunner
import os
"""

FLOW = """
%env A=1
from metaflow import FlowSpec, Parameter, step
import beside

class Squares(FlowSpec):
    number = Parameter("number", default=2)

    @step
    def start(self):
        print("in the notebook's flow")
        self.square = beside.square(self.number)
        self.next(self.end)

    @step
    def end(self):
        if self.number == 13:
            raise ValueError("unlucky")

run = NBRunner(Squares, show_output=False).nbrun(number=3)
(run.data.square, run.finished, os.listdir("."))
"""

AGAIN = """
runner = NBRunner(Squares, base_dir="here")
assert [name for name in os.listdir("here") if name.startswith("notebook_")]
result = runner.run(number=13)
assert result.status == "failed"
assert "unlucky" in result.stdout
runner.cleanup()
os.listdir("here")
"""

# A cell may await, because the kernel runs an event loop; and what does not await works all the same.
ASYNCHRONOUS = """
runner = NBRunner(Squares)
started = await runner.async_run(number=5)
await started.wait()
runner.cleanup()
started.run.data.square
"""

NEEDS_OTHER_CELL = """
class Needy(FlowSpec):
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass

try:
    NBRunner(Needy)
except Exception as error:
    print(type(error).__name__, error)
try:
    NBRunner(Needy, base_dir="nowhere")
except Exception as error:
    print(type(error).__name__, error)
try:
    NBRunner(dict)
except ValueError as error:
    print(error)
with NBDeployer(Squares) as deployer:
    try:
        deployer.argo_workflows()
    except AttributeError as error:
        print(error)
print([name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("notebook_")])
"""


def test_flows_of_cells(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    work = project.path / "work"
    temporary = project.path / "temporary"
    for directory in (work, work / "here", temporary):
        directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("IPYTHONDIR", str(project.path / "ipython"))
    (work / "beside.py").write_text("def square(x):\n    return x * x\n")

    said = _execute([IMPORTS, FLOW, AGAIN, ASYNCHRONOUS, NEEDS_OTHER_CELL], work)

    value = said[1].splitlines()[-1]
    assert value.startswith("(9, True, [")
    assert "'.metaflow'" in value
    assert "in the notebook's flow" not in said[1]
    assert (work / ".metaflow").is_dir()
    assert "in the notebook's flow" in said[2]
    assert said[2].endswith("[]")
    assert "in the notebook's flow" in said[3]
    assert said[3].endswith("25")
    assert "MetaflowException The flow file" in said[4]
    assert "NameError: name 'FlowSpec' is not defined" in said[4]
    assert "all that the flow uses, imports included, has to be in that cell" in said[4]
    assert "MetaflowException The directory base_dir='nowhere' for the flow's file does not exist." in said[4]
    assert "The cell that defines dict cannot be found" in said[4]
    assert "cannot be deployed to 'argo_workflows'" in said[4]
    assert said[4].rstrip().endswith("[]")
    wait_until(lambda: not children_named(work))


def _execute(cells: list[str], directory: Path) -> list[str]:
    """What each cell says: what it prints, and its value."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(directory)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        pytest.fail(str(error))
    return ["".join(map(_text, cell.outputs)).rstrip() for cell in notebook.cells]


def _text(output: nbformat.NotebookNode) -> str:
    return output.text if output.output_type == "stream" else output.data["text/plain"]
