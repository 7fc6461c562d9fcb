"""A parallel step, and a step that does not end."""

import time

from metaflow import FlowSpec, Parameter, current, parallel, step


class NodesFlow(FlowSpec):
    sleep = Parameter("sleep", default=0)

    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @parallel
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.nodes = [each.node for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        if self.sleep:
            print("sleeping", flush=True)
        time.sleep(self.sleep)


if __name__ == "__main__":
    NodesFlow()
