"""The flow of a cell, as a file of its own."""

from __future__ import annotations

import ast

import pytest

from metaflow.runner.notebook_cell import cell_of, flow_source

CELL = '''import math
from metaflow import FlowSpec, step, NBRunner
get_ipython().run_line_magic("matplotlib", "inline")
RATE = max(1, 2); get_ipython().system("ls")

def helper():
    return 'ä'; get_ipython

class F(FlowSpec):
    """A "flow"."""
    @step
    def start(self):
        self.x = helper()

LATER = 3
COMPUTED = helper()
async def later():
    await something()
run = NBRunner(F,
    show_output=False).nbrun()
await later()
print(run); OTHER = LATER
async with run: pass
import os
'''


def names_in(source: str) -> set[str]:
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets}
        elif hasattr(node, "name"):
            names.add(node.name)
    return names


def test_what_belongs_to_the_flow_is_kept_on_its_lines() -> None:
    source = flow_source(CELL, "F")
    assert names_in(source) == {
        *{"math", "FlowSpec", "step", "NBRunner", "os"},
        *{"RATE", "F", "LATER", "OTHER", "later"},
    }
    assert source.splitlines()[8] == CELL.splitlines()[8] == "class F(FlowSpec):"
    assert source.endswith('\n\nif __name__ == "__main__":\n    F()\n')
    assert "get_ipython" not in source.replace("return 'ä'; get_ipython", "")


def test_a_cell_without_the_class_is_refused() -> None:
    with pytest.raises(ValueError, match="does not define a class G"):
        flow_source(CELL, "G")
    with pytest.raises(ValueError, match="cannot be read: .* \\(line 1\\)"):
        flow_source("class F(:", "F")


def test_what_is_no_class_has_no_cell():
    with pytest.raises(TypeError, match="A flow's class is needed, such as MyFlow, not 3"):
        cell_of(3)
