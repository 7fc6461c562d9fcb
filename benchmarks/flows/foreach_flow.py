"""A foreach whose tasks do nothing: what is left is the cost of a task."""

from metaflow import FlowSpec, Parameter, step


class ForeachFlow(FlowSpec):
    tasks = Parameter("tasks", help="number of tasks in the foreach", default=10)

    @step
    def start(self):
        self.elements = list(range(self.tasks))
        self.next(self.body, foreach="elements")

    @step
    def body(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachFlow()
