"""A small flow with a parameter and a result, of which a store is to hold many runs."""

from metaflow import FlowSpec, Parameter, step


class ManyFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.5)

    @step
    def start(self):
        self.accuracy = self.alpha / 2
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ManyFlow()
