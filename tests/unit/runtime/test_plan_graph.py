"""The plan's view of a flow's graph."""

from __future__ import annotations

from metaflow.flow.graph import FlowGraph
from metaflow.flow.lint import check
from metaflow.flow.step import step
from metaflow.runtime.plan_graph import PlanGraph, PlanStep


class EveryKind:
    """A flow with steps of every kind."""

    @step(start=True)
    def begin(self):
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.next(self.node, num_parallel=2)

    @step
    def node(self):
        self.next(self.gather)

    node.decorators.append(type("Parallel", (), {"name": "parallel", "attributes": {}})())

    @step
    def gather(self, inputs):
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.next(self.fork)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.both)

    @step
    def right(self):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.repeat)

    @step
    def repeat(self):
        self.next({"again": self.repeat, "on": self.branch}, condition="way")

    @step
    def branch(self):
        if self.way:
            self.next(self.one)
        else:
            self.next(self.two)

    @step
    def one(self):
        self.next(self.meet)

    @step
    def two(self):
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.next(self.finish)

    @step(end=True)
    def finish(self):
        pass


def test_kind_follows_from_how_a_step_goes_on():
    flow_graph = FlowGraph(EveryKind)
    check(flow_graph)
    graph = PlanGraph.from_graph(flow_graph)
    assert (graph.start, graph.end) == ("begin", "finish")
    assert list(graph.steps.values()) == [
        PlanStep("begin", ("each",), "foreach"),
        PlanStep("each", ("node",), "parallel"),
        PlanStep("node", ("gather",), "linear"),
        PlanStep("gather", ("collect",), "join"),
        PlanStep("collect", ("fork",), "join"),
        PlanStep("fork", ("left", "right"), "split"),
        PlanStep("left", ("both",), "linear"),
        PlanStep("right", ("both",), "linear"),
        PlanStep("both", ("repeat",), "join"),
        PlanStep("repeat", ("repeat", "branch"), "switch"),
        PlanStep("branch", ("one", "two"), "switch"),
        PlanStep("one", ("meet",), "linear"),
        PlanStep("two", ("meet",), "linear"),
        PlanStep("meet", ("finish",), "linear"),
        PlanStep("finish", (), "end"),
    ]


def test_join_lists_its_parents_in_the_order_of_the_graph():
    graph = PlanGraph(
        [
            PlanStep("start", ("b", "a"), "split"),
            PlanStep("a", ("join",), "linear"),
            PlanStep("b", ("join", "join"), "switch"),
            PlanStep("join", ("end",), "join"),
            PlanStep("end", (), "end"),
        ]
    )
    assert graph.joins["join"].parents == ("a", "b"), "a step counts once, however many of its cases lead there"
    assert graph.joins["join"].ranks == {"a": 0, "b": 1}
