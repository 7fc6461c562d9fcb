"""One array that goes through five steps which do not touch it."""

import time

from metaflow import FlowSpec, Parameter, step


class PassingFlow(FlowSpec):
    mebibytes = Parameter("mebibytes", help="size of the array; 0 for a single number", default=1)

    @step
    def start(self):
        import numpy

        self.array = numpy.random.default_rng(1).random(self.mebibytes * 2**17 or 1)
        self.next(self.first)

    @step
    def first(self):
        self.passing_began = time.time()
        self.next(self.second)

    @step
    def second(self):
        self.next(self.third)

    @step
    def third(self):
        self.next(self.fourth)

    @step
    def fourth(self):
        self.next(self.fifth)

    @step
    def fifth(self):
        self.next(self.end)

    @step
    def end(self):
        print("pass_seconds", time.time() - self.passing_began)


if __name__ == "__main__":
    PassingFlow()
