"""Flows that the tests of ``metaflow.testing`` run."""

from __future__ import annotations

import os

from metaflow import FlowSpec, Parameter, catch, current, environment, parallel, project, retry, step, timeout


class Wide(FlowSpec):
    """A foreach in a foreach, a static split, joins."""

    alpha = Parameter("alpha", default=0.5)
    rows = Parameter("num-rows", default=2)
    limit = 7

    @step
    def start(self):
        self.outer = list(range(self.rows))
        self.next(self.row, foreach="outer")

    @step
    def row(self):
        self.inner = [self.input * 10 + i for i in range(2)]
        self.next(self.cell, foreach="inner")

    @step
    def cell(self):
        self.value = self.input * self.alpha
        self.place = [(index, total) for index, total, _ in self.foreach_stack()]
        print("cell", self.index, self.input)
        self.next(self.join_cells)

    @step
    def join_cells(self, inputs):
        self.values = [i.value for i in inputs]
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.values = [i.values for i in inputs]
        self.next(self.fork)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.side = "left"
        self.next(self.both)

    @step
    def right(self):
        self.side = "right"
        self.next(self.both)

    @step
    def both(self, inputs):
        self.sides = (inputs.left.side, inputs[1].side)
        self.merge_artifacts(inputs, exclude=["side"])
        self.next(self.end)

    @step
    def end(self):
        self.total = sum(sum(values) for values in self.values) + self.limit


@project(name="tests")
class Loop(FlowSpec):
    """A step that repeats itself, then a choice."""

    @step
    def start(self):
        self.count = 0
        self.project = current.project_name
        self.next(self.again)

    @step
    def again(self):
        self.count += 1
        self.state = "more" if self.count < 3 else "enough"
        self.next({"more": self.again, "enough": self.end}, condition="state")

    @step
    def end(self):
        pass


class Troubled(FlowSpec):
    """Steps that fail, and decorators that deal with it."""

    how = Parameter("how", default="flaky")

    @step
    def start(self):
        self.next(self.flaky)

    @environment(vars={"TROUBLED": "yes"})
    @retry(times=2, minutes_between_retries=60)
    @step
    def flaky(self):
        self.variable = os.environ.get("TROUBLED")
        self.attempt = current.retry_count
        if current.retry_count < 2 and self.how == "flaky":
            raise OSError(f"attempt {current.retry_count}")
        self.next(self.caught)

    @catch(var="problem")
    @step
    def caught(self):
        self.partial = 1
        raise KeyError("nothing there")
        self.next(self.end)

    @timeout(seconds=60)
    @step
    def end(self):
        if self.how == "bad":
            self.bad = (i for i in [])
        if self.how == "raise":
            print("almost")
            raise ValueError("from the end")


class Gang(FlowSpec):
    """A step on several nodes."""

    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @parallel
    @step
    def train(self):
        self.rank = current.parallel.node_index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ranks = [i.rank for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
