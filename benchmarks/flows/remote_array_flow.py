"""One array of random numbers on an object store: saved by a step, loaded by the next; with the memory that it took.

``peak_bytes`` is the largest resident memory of the step that saves, told when its process ends.
"""

import atexit
import resource
import time

from metaflow import FlowSpec, Parameter, step


def tell_peak() -> None:
    print("peak_bytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


class RemoteArrayFlow(FlowSpec):
    mebibytes = Parameter("mebibytes", help="size of the array", default=1)

    @step
    def start(self):
        import numpy

        atexit.register(tell_peak)
        # New bytes each time: known ones are not sent again.
        self.array = numpy.random.default_rng().random(self.mebibytes * 2**17 or 1)
        self.code_ended = time.time()
        self.next(self.load)

    @step
    def load(self):
        self.save_seconds = time.time() - self.code_ended
        import numpy  # noqa: F401 - its import is not the array's cost

        began = time.perf_counter()
        self.array.sum()
        self.load_seconds = time.perf_counter() - began
        self.next(self.end)

    @step
    def end(self):
        print("save_seconds", self.save_seconds)
        print("load_seconds", self.load_seconds)


if __name__ == "__main__":
    RemoteArrayFlow()
