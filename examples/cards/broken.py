"""What becomes of a card that fails: an error card, and a task that is done all the same.

::

    python examples/cards/broken.py run
    python examples/cards/broken.py card view start
"""

from metaflow import FlowSpec, card, step
from metaflow.cards import MetaflowCard


class Broken(MetaflowCard):
    """A template with a mistake."""

    type = "broken"

    def render(self, task):
        """Look at an artifact that is not there."""
        return f"<p>{task.data.reslut}</p>"


class BrokenFlow(FlowSpec):
    """A step with a card that cannot be rendered."""

    @card(type="broken")
    @step
    def start(self):
        """Work, in spite of the card."""
        self.result = 42
        self.next(self.end)

    @step
    def end(self):
        """The flow goes on."""
        print(f"the result is {self.result}")


if __name__ == "__main__":
    BrokenFlow()
