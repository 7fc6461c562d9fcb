"""Large tables and nested data, to look through: paged, sorted and searched in the page itself.

::

    python examples/cards/data_browser.py run      (needs pandas)
    python examples/cards/data_browser.py card view start
"""

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Artifact, JSONViewer, Markdown, Table, YAMLViewer


class DataBrowserFlow(FlowSpec):
    """A table of many rows, and what is in a nested configuration."""

    rows = Parameter("rows", help="rows of the table", default=20_000)

    @card(type="blank", options={"title": "Data to look through"})
    @step
    def start(self):
        """Show them."""
        import pandas as pd

        index = pd.RangeIndex(self.rows)
        self.orders = pd.DataFrame(
            {
                "order": index + 100_000,
                "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(index % 365, unit="D"),
                "city": [("Lima", "Oslo", "Osaka", "Pune", None)[i % 5] for i in index],
                "amount": (index * 7919 % 100_003) / 100,
            }
        )
        self.configuration = {
            "model": {"kind": "forest", "trees": 300, "depth": None},
            "data": {"from": "2026-01-01", "cities": ["Lima", "Oslo", "Osaka", "Pune"]},
            "seeds": list(range(250)),
        }
        current.card.append(Markdown(f"## {self.rows:,} orders"))
        current.card.append(Table.from_dataframe(self.orders, truncate=False))
        current.card.append(Markdown("## The first of them, as most tables are shown"))
        current.card.append(Table.from_dataframe(self.orders))
        current.card.append(JSONViewer(self.configuration, title="Configuration", max_height="20rem"))
        current.card.append(YAMLViewer(self.configuration["model"], title="Model"))
        current.card.append(Artifact(self.configuration["data"], name="data"))
        self.next(self.end)

    @step
    def end(self):
        """Done."""


if __name__ == "__main__":
    DataBrowserFlow()
