"""One flow that runs anywhere: estimates pi by throwing darts, on this machine or wherever its steps are sent.

    python examples/anywhere.py run
    python examples/anywhere.py run --with slurm
    python examples/anywhere.py --datastore s3 run --with kubernetes
    python examples/anywhere.py --datastore s3 run --with batch

The artifacts are the same in each case.
"""

from __future__ import annotations

import random

from metaflow import FlowSpec, Parameter, resources, retry, step


class AnywhereFlow(FlowSpec):
    throws = Parameter("throws", help="Darts of each thrower.", default=20_000)
    throwers = Parameter("throwers", help="How many throw at the same time.", default=4)

    @step
    def start(self):
        self.seeds = list(range(self.throwers))
        self.next(self.throw, foreach="seeds")

    @retry(times=2, minutes_between_retries=0)
    @resources(cpu=1, memory=256)
    @step
    def throw(self):
        dice = random.Random(self.input)
        points = [(dice.random(), dice.random()) for _ in range(self.throws)]
        self.hits = [x * x + y * y <= 1 for x, y in points]
        print(f"thrower {self.input} hit {sum(self.hits):,} times")
        self.next(self.count)

    @step
    def count(self, inputs):
        self.hits_of_each = [sum(each.hits) for each in inputs]
        self.pi = 4 * sum(self.hits_of_each) / (self.throws * len(self.hits_of_each))
        self.next(self.end)

    @step
    def end(self):
        print(f"pi is about {self.pi:.4f}")


if __name__ == "__main__":
    AnywhereFlow()
