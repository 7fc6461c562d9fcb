"""Which steps read a parameter, judging by their code."""

from __future__ import annotations

from metaflow import FlowSpec, Parameter, step
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.graph import FlowGraph
from metaflow.runtime.parameter_use import steps_that_read


class Reading(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @property
    def doubled(self):
        return [value * self.alpha for value in (1, 2)]

    def indirectly(self):
        return self.doubled

    def in_a_circle(self):
        return self.in_a_circle() or self.end()

    @step
    def start(self):
        self.in_a_circle()
        self.next(self.direct)

    @step
    def direct(self):
        self.x = sorted([1, 2], key=lambda value: value * self.alpha)
        self.next(self.called)

    @step
    def called(self):
        self.indirectly()
        self.next(self.choosing)

    @step
    def choosing(self):
        self.next({1: self.spreading, 2: self.end}, condition="alpha")

    @step
    def spreading(self):
        self.next(self.each, foreach="alpha")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print(self.alpha)


def test_direct_and_indirect_reads_are_found_and_steps_answer_for_themselves() -> None:
    declaration, graph = FlowDeclaration(Reading), FlowGraph(Reading)
    readers = ["direct", "called", "choosing", "spreading", "end"]
    assert steps_that_read(declaration, graph, "alpha", declaration.steps) == readers
    assert steps_that_read(declaration, graph, "x", ["end", "gone"]) == []
