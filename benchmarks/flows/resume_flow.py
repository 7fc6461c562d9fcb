"""A foreach whose tasks do nothing, and a join that says when it begins."""

import time

from metaflow import FlowSpec, Parameter, step


class ResumeFlow(FlowSpec):
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
        print(f"began_at {time.time():.6f}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ResumeFlow()
