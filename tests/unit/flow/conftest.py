"""Flows from source text, as a file or a notebook cell would define them."""

from __future__ import annotations

import itertools
import linecache
import sys
import textwrap
from pathlib import Path

# The strategies are shared by the tests of several rooms.
sys.path.insert(0, str(Path(__file__).parents[2]))

from metaflow.flow.graph import FlowGraph

STEP = "from metaflow.flow.step import step\n"
_numbers = itertools.count()


class Decorator:
    """A step decorator as the graph sees it."""

    def __init__(self, name, **attributes):
        self.name = name
        self.attributes = attributes

    def recorded_attributes(self):
        return dict(self.attributes)

    def __call__(self, function):
        function.decorators.append(self)
        return function


def define(source: str, name: str = "F", **names: object) -> type:
    """The class `name` that `source` defines."""
    text = textwrap.dedent(source)
    file = f"<flow {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {"__name__": "defined_by_test", **names}
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]


def flow(**steps: str) -> str:
    """Source of class F with a step for each argument; steps whose name starts with ``j`` take `inputs`.

    The text of a step is its body; line 1 of the source is the import, line 2 the class.
    """
    lines = [STEP + "class F:"]
    for name, body in steps.items():
        lines.append(f"    @step\n    def {name}(self{', inputs' if name.startswith('j') else ''}):")
        lines.append(textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8))
    return "\n".join(lines) + "\n"


def graph_of(**steps: str) -> FlowGraph:
    """Graph of the flow with these steps."""
    return FlowGraph(define(flow(**steps)))
