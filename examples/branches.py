"""The ways a flow can branch: a split, a switch in its two forms, and a step that repeats itself.

Run it::

    python examples/branches.py run
    python examples/branches.py run --number 27
    python examples/branches.py show

It takes a number and

* looks at it in two branches at once (``divisors`` and ``digits``), which meet in a join;
* picks the next step by comparing (``if``/``elif``/``else``, each with its own ``self.next``);
* repeats one step, the Collatz rule "halve it if even, else times three plus one", until it is down to 1.
  Each repetition is a task of its own, so each is recorded, and a run that failed can resume in the middle.
"""

from metaflow import FlowSpec, Parameter, step


class BranchesFlow(FlowSpec):
    """Say what there is to say about a number."""

    number = Parameter("number", help="a positive whole number", default=12)

    @step
    def start(self):
        if self.number < 1:
            raise ValueError(f"--number should be 1 or more, not {self.number}")
        self.next(self.divisors, self.digits)

    @step
    def divisors(self):
        self.found = [candidate for candidate in range(1, self.number) if self.number % candidate == 0]
        self.next(self.meet)

    @step
    def digits(self):
        self.digit_sum = sum(int(digit) for digit in str(self.number))
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.merge_artifacts(inputs)
        print(f"{self.number} has the divisors {self.found} and the digit sum {self.digit_sum}")
        self.next(self.compare)

    @step
    def compare(self):
        self.divisor_sum = sum(self.found)
        if self.divisor_sum > self.number:
            self.next(self.abundant)
        elif self.divisor_sum < self.number:
            self.next(self.deficient)
        else:
            self.next(self.perfect)

    @step
    def abundant(self):
        self.kind = "abundant"
        self.next(self.prepare)

    @step
    def deficient(self):
        self.kind = "deficient"
        self.next(self.prepare)

    @step
    def perfect(self):
        self.kind = "perfect"
        self.next(self.prepare)

    @step
    def prepare(self):
        self.path = [self.number]
        self.next(self.walk)

    @step
    def walk(self):
        last = self.path[-1]
        if last > 1:
            self.path = [*self.path, last // 2 if last % 2 == 0 else 3 * last + 1]
        self.arrived = "yes" if self.path[-1] == 1 else "no"
        self.next({"yes": self.end, "no": self.walk}, condition="arrived")

    @step
    def end(self):
        print(f"{self.number} is {self.kind}: its divisors add up to {self.divisor_sum}")
        print(f"its way to 1 takes {len(self.path) - 1} steps and climbs to {max(self.path)}")


if __name__ == "__main__":
    BranchesFlow()
