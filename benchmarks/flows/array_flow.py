"""One array of random numbers: saved by a step, loaded by the next.

The times are taken inside the steps. ``save_seconds`` runs from the end of the first step's code to the
beginning of the second's, so it holds the start of a task too; the harness subtracts the same figure for an
array of one number.
"""

import time

from metaflow import FlowSpec, Parameter, step


class ArrayFlow(FlowSpec):
    mebibytes = Parameter("mebibytes", help="size of the array; 0 for a single number", default=1)

    @step
    def start(self):
        import numpy

        self.array = numpy.random.default_rng(1).random(self.mebibytes * 2**17 or 1)
        self.code_ended = time.time()
        self.next(self.load)

    @step
    def load(self):
        self.save_seconds = time.time() - self.code_ended
        import numpy  # noqa: F401 - its import is not the array's cost

        began = time.perf_counter()
        last = self.array[-1]
        self.load_seconds = time.perf_counter() - began
        assert 0 <= last < 1
        self.array.sum()
        self.load_and_sum_seconds = time.perf_counter() - began
        self.next(self.end)

    @step
    def end(self):
        print("save_seconds", self.save_seconds)
        print("load_seconds", self.load_seconds)
        print("load_and_sum_seconds", self.load_and_sum_seconds)


if __name__ == "__main__":
    ArrayFlow()
