"""Many runs of one flow: tag them, find them by what they were given and what they found, and compare them.

    python experiments.py run --tag first-try
    python experiments.py run --rate 0.5 --tag bold
    python experiments.py run --rate 1.2 --tag bold

A line is fitted to points by gradient descent; how well depends on the rate. Which runs were good, and why?

    metaflow runs list ExperimentsFlow --artifact 'loss<0.1' --show rate
    metaflow runs list ExperimentsFlow --tag bold
    metaflow runs compare latest~1 latest
"""

from metaflow import FlowSpec, Parameter, step


class ExperimentsFlow(FlowSpec):
    """Fit a line to points."""

    rate = Parameter("rate", help="length of each step downhill", default=0.1)
    rounds = Parameter("rounds", help="number of steps downhill", default=50)

    @step
    def start(self):
        self.points = [(x / 10, 3 * x / 10 + 1 + 0.1 * (-1) ** x) for x in range(20)]
        self.next(self.fit)

    @step
    def fit(self):
        self.slope = self.offset = 0.0
        for _ in range(self.rounds):
            errors = [(self.slope * x + self.offset - y, x) for x, y in self.points]
            self.slope -= self.rate * sum(error * x for error, x in errors) / len(errors)
            self.offset -= self.rate * sum(error for error, _ in errors) / len(errors)
        self.next(self.end)

    @step
    def end(self):
        self.loss = sum((self.slope * x + self.offset - y) ** 2 for x, y in self.points) / len(self.points)
        self.has_converged = self.loss < 1
        print(f"y = {self.slope:.3g} x + {self.offset:.3g}, loss {self.loss:.3g}")


if __name__ == "__main__":
    ExperimentsFlow()
