"""Which steps read a parameter, judging by their code."""

from __future__ import annotations

from metaflow import FlowSpec, Parameter, step
from metaflow.flow.declaration import FlowDeclaration
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
        self.next(self.end)

    @step
    def end(self):
        print(self.alpha)


def test_direct_and_indirect_reads_are_found_and_steps_answer_for_themselves() -> None:
    declaration = FlowDeclaration(Reading)
    assert steps_that_read(declaration, "alpha", declaration.steps) == ["direct", "called", "end"]
    assert steps_that_read(declaration, "x", ["end", "gone"]) == []
