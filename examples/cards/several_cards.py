"""Several cards of one step, each for other readers.

::

    python examples/cards/several_cards.py run
    python examples/cards/several_cards.py card list start
    python examples/cards/several_cards.py card view start --id summary
"""

from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown, Table, ValueBox


class SeveralCardsFlow(FlowSpec):
    """One page for whoever decides, one for whoever checks, and the default card with all that there is."""

    @card(type="blank", id="summary", options={"title": "Sales, in short"})
    @card(type="blank", id="details", options={"title": "Sales, all figures"})
    @card(id="everything", customize=True)
    @step
    def start(self):
        """Write on all of them."""
        self.sales = {"Lima": 1204, "Oslo": 873, "Osaka": 2290, "Pune": 1711}
        total = sum(self.sales.values())
        best = max(self.sales, key=self.sales.get)

        current.card["summary"].append(ValueBox("Sold", total, change_indicator="+12 % on last month", theme="success"))
        current.card["summary"].append(Markdown(f"**{best}** sold most: {self.sales[best]:,}."))

        rows = [[city, sold, f"{sold / total:.1%}"] for city, sold in self.sales.items()]
        current.card["details"].append(Table(rows, headers=["City", "Sold", "Share"]))

        # The card with customize=True is what current.card itself means.
        current.card.append(Markdown("The figures of the other two cards are artifacts of this step: see below."))
        self.next(self.end)

    @step
    def end(self):
        """Done."""


if __name__ == "__main__":
    SeveralCardsFlow()
