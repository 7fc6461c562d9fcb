"""A flow without a single annotation, as most are written, checked as editors do."""
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, check-untyped-defs
# pyright: basic

from metaflow import FlowSpec, Parameter, current, retry, step


class PlainFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.1)
    limit = 3

    @step
    def start(self):
        self.items = ["a", "b"]
        self.count = len(self.items) * self.limit
        self.next(self.work, foreach="items")

    @retry
    @step
    def work(self):
        self.result = f"{self.input} {self.index} {self.alpha + 1}"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = [each.result for each in inputs]
        self.first = inputs[0].result + inputs.work.result
        self.merge_artifacts(inputs, exclude=["result"])
        self.next(self.end)

    @step
    def end(self):
        print(self.results, self.count + 1, self.name, current.run_id, self.foreach_stack())


if __name__ == "__main__":
    PlainFlow()
