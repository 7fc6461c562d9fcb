"""Ways that depend on what was found: two branches at once, a switch, and a step that repeats itself.

    python square_root.py run
    python square_root.py run --number 1e6
    python square_root.py run --number -4

Newton's rule makes a guess better again and again. Every repetition is a task of its own, so you can look at each
guess afterwards, and a run that was stopped can resume in the middle:

    metaflow tasks list SquareRootFlow
"""

from metaflow import FlowSpec, Parameter, step


class SquareRootFlow(FlowSpec):
    """Find the square root of a number."""

    number = Parameter("number", help="any number", default=2.0)
    precision = Parameter("precision", help="relative error at which to stop", default=1e-9)

    @step
    def start(self):
        self.next(self.look_at_sign, self.first_guess)

    @step
    def look_at_sign(self):
        self.sign = "negative" if self.number < 0 else "zero" if self.number == 0 else "positive"
        self.next(self.bring_together)

    @step
    def first_guess(self):
        self.guess = max(1.0, abs(self.number) / 2)
        self.next(self.bring_together)

    @step
    def bring_together(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.choose)

    @step
    def choose(self):
        self.root = None
        self.next({"positive": self.improve, "zero": self.is_zero, "negative": self.has_none}, condition="sign")

    @step
    def improve(self):
        self.guess = (self.guess + self.number / self.guess) / 2
        self.is_good = "yes" if abs(self.guess**2 / self.number - 1) < self.precision else "no"
        self.next({"yes": self.found, "no": self.improve}, condition="is_good")

    @step
    def found(self):
        self.root = self.guess
        self.next(self.end)

    @step
    def is_zero(self):
        self.root = 0.0
        self.next(self.end)

    @step
    def has_none(self):
        print("Negative numbers have no real square root.")
        self.next(self.end)

    @step
    def end(self):
        print(f"The square root of {self.number} is {self.root}")


if __name__ == "__main__":
    SquareRootFlow()
