"""Compare the tasks of a foreach: a card for each, and one of the join that shows them side by side.

::

    python examples/cards/comparison.py run
    python examples/cards/comparison.py card view compare
"""

import math

from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown, ProgressBar, Table, VegaChart


def curve(rate):
    """What gradient descent on x**2 gives with a learning rate."""
    x, course = 5.0, []
    for epoch in range(30):
        course.append({"epoch": epoch, "error": min(abs(x), 50), "rate": str(rate)})
        x -= rate * 2 * x
    return course


class ComparisonFlow(FlowSpec):
    """Which learning rate?"""

    @step
    def start(self):
        """Rates to try."""
        self.rates = [0.01, 0.05, 0.1, 0.4, 0.9, 1.02]
        self.next(self.descend, foreach="rates")

    @card(type="blank")
    @step
    def descend(self):
        """Try one."""
        self.rate = self.input
        self.course = curve(self.rate)
        self.error = self.course[-1]["error"]
        current.card.append(Markdown(f"# Learning rate {self.rate}"))
        current.card.append(VegaChart({"data": {"values": self.course}, **LINE}))
        self.next(self.compare)

    @card(type="blank", options={"title": "Learning rates compared"})
    @step
    def compare(self, inputs):
        """Show all of them."""
        found = sorted(((each.error, each.rate) for each in inputs), key=lambda pair: pair[0])
        self.best = found[0][1]
        current.card.append(Markdown(f"The best is **{self.best}**. A bar shows how near each came."))
        rows = [[Markdown(f"`{rate}`"), error, ProgressBar(max=10, value=closeness(error))] for error, rate in found]
        current.card.append(Table(rows, headers=["Rate", "Error at the end", "Decimal places reached"]))
        values = [point for each in inputs for point in each.course]
        current.card.append(VegaChart({"data": {"values": values}, **LINE}))
        self.next(self.end)

    @step
    def end(self):
        """Done."""
        print(f"best: {self.best}")


LINE = {
    "mark": "line",
    "encoding": {
        "x": {"field": "epoch", "type": "quantitative"},
        "y": {"field": "error", "type": "quantitative", "scale": {"type": "symlog"}},
        "color": {"field": "rate", "type": "nominal"},
    },
}


def closeness(error):
    """Decimal places that agree, at most 10."""
    return min(10, max(0, round(-math.log10(error or 1e-10))))


if __name__ == "__main__":
    ComparisonFlow()
