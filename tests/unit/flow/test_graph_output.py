"""The graph as text."""

from __future__ import annotations

from metaflow.flow.graph import FlowGraph
from metaflow.flow.graph_output import describe, to_dot

from .conftest import STEP, Decorator, define, graph_of


def test_dot_has_a_box_for_each_step_and_an_edge_for_each_transition():
    graph = graph_of(
        start="self.next(self.a, self.b)",
        a="self.next(self.j)",
        b="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    lines = to_dot(graph).splitlines()
    assert lines[0] == "digraph F {" and lines[-1] == "}"
    label = '<<b>start</b> | <font point-size="10">split</font>>'
    assert lines[1] == f'"start" [label = {label} fontname = "Helvetica" shape = "record"];'
    assert sum('shape = "record"' in line for line in lines) == 5
    assert lines[6:-1] == ["start -> a;", "start -> b;", "a -> j;", "b -> j;", "j -> end;"]


def test_dot_draws_switches_as_hexagons_with_labelled_edges():
    graph = graph_of(
        start="self.next({'say \"x\"': self.a, 2: self.a, 3: self.b}, condition='<k>')",
        a="if self.x:\n    self.next(self.b)\nelse:\n    self.next(self.end)",
        b="self.next(self.end)",
        end="pass",
    )
    dot = to_dot(graph)
    assert dot.count('shape = "hexagon"') == 2
    assert "switch: &lt;k&gt;" in dot
    assert 'start -> a [label="say \\"x\\""];\nstart -> a [label="2"];\nstart -> b [label="3"];\n' in dot
    assert "a -> b;\na -> end;" in dot


def test_description_of_each_step():
    graph = FlowGraph(
        define(
            STEP
            + '''
class F:
    @Decorator("resources")
    @Decorator("retry")
    @step
    def start(self):
        """Does this.

          And that.
        """
        self.next(self.a, self.b)
    @step
    def end(self):
        pass
''',
            Decorator=Decorator,
        )
    )
    assert describe(graph) == (
        "@retry\n@resources\nStep start\n    Does this.\n\n    And that.\n    => a, b\n\nStep end\n    ?"
    )
