"""A flow with all forms of steps, as people write it who want its types checked."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from metaflow import FlowSpec, Inputs, Parameter, current, retry, step, timeout


class TrainFlow(FlowSpec):
    rounds = Parameter("rounds", help="How often", default=3)
    problem: Exception | None

    @step
    def start(self) -> None:
        self.rates = [0.1, 0.2]
        self.best: float | None = None
        self.next(self.train, foreach="rates")

    @retry
    @step
    def train(self) -> None:
        self.rate = float(self.input)
        self.score = self.rate * self.rounds
        print(self.index + 1, self.run_id, current.pathspec)
        self.next(self.collect)

    @retry(times=2)
    @timeout(minutes=5)
    @step
    def collect(self, inputs: Inputs[TrainFlow]) -> None:
        assert_type(inputs[0].score, float)
        self.scores = [each.score for each in inputs]
        self.best = max(each.rate for each in inputs)
        assert_type(inputs.train.rate, float)
        assert_type(len(inputs), int)
        self.merge_artifacts(inputs, exclude=["score"])
        self.next(self.left, self.right)

    @step
    def left(self) -> None:
        self.side = "left"
        self.next(self.join)

    @step
    def right(self) -> None:
        self.side = "right"
        self.next(self.join)

    @step
    def join(self, inputs: Inputs[Any]) -> None:
        self.sides = {inputs.left.side, inputs.right.side}
        self.merge_artifacts(inputs, include=["scores"])
        self.choice = "again" if current.retry_count else "end"
        self.next({"again": self.again, "end": self.end}, condition="choice")

    @step
    def again(self) -> None:
        self.next(self.end)

    @step
    async def end(self) -> None:
        assert_type(self.scores, list[float])
        assert_type(self.name, str)
        for function in self:
            print(function.__name__)


if __name__ == "__main__":
    TrainFlow()
