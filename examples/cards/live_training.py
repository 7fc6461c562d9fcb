"""A card that is live: progress, figures and a chart that change while the step works.

::

    python examples/cards/live_training.py run &
    python examples/cards/live_training.py card server
"""

import math
import random
import time

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Columns, Markdown, ProgressBar, ValueBox, VegaChart


def loss_chart(losses):
    """The course of the losses, as a Vega-Lite chart."""
    return {
        "title": "Loss",
        "data": {"values": losses},
        "mark": {"type": "line", "point": False},
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative"},
            "y": {"field": "loss", "type": "quantitative", "scale": {"zero": False}},
            "color": {"field": "on", "type": "nominal", "title": None},
        },
    }


class LiveTrainingFlow(FlowSpec):
    """Pretend to train, and show how it goes."""

    epochs = Parameter("epochs", help="how many epochs", default=40)
    seconds = Parameter("seconds", help="seconds an epoch takes", default=0.25)

    @card(type="blank", options={"title": "Training, live"}, refresh_interval=1)
    @step
    def start(self):
        """Train."""
        random.seed(0)
        progress = ProgressBar(max=self.epochs, label="Epochs", unit="epochs")
        best = ValueBox("Best loss", "-", subtitle="on held-out data", theme="success")
        speed = ValueBox("Epoch", f"{self.seconds:.2f} s")
        self.losses = []
        chart = VegaChart(loss_chart(self.losses))
        current.card.append(Markdown("The page follows the step; nothing has to be loaded again."))
        current.card.extend([progress, Columns([[best], [speed]]), chart])

        lowest = math.inf
        for epoch in range(1, self.epochs + 1):
            time.sleep(self.seconds)
            train = 2.4 * math.exp(-epoch / 12) + random.uniform(0, 0.05)
            held_out = 2.4 * math.exp(-epoch / 14) + 0.12 + random.uniform(0, 0.08)
            self.losses += [
                {"epoch": epoch, "loss": train, "on": "training data"},
                {"epoch": epoch, "loss": held_out, "on": "held-out data"},
            ]
            if held_out < lowest:
                lowest = held_out
                best.update(title="Best loss", value=f"{lowest:.3f}", subtitle=f"in epoch {epoch}", theme="success")
            progress.update(epoch)
            chart.update(loss_chart(self.losses))
            current.card.refresh()
        self.next(self.end)

    @step
    def end(self):
        """Done."""
        print(f"{len(self.losses)} losses")


if __name__ == "__main__":
    LiveTrainingFlow()
