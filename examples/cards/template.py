"""A template and a component of one's own.

A class derived from ``MetaflowCard`` that the flow's program defines or imports is a type of card like any other. In a
package it is found by its entry point, see docs/cards-templates.md.

::

    python examples/cards/template.py run
    python examples/cards/template.py card view start
"""

from html import escape

from metaflow import FlowSpec, card, current, step
from metaflow.cards import MetaflowCard, MetaflowCardComponent


class Poster(MetaflowCard):
    """A page with one artifact in very large letters. Option: ``artifact``, its name."""

    type = "poster"

    def __init__(self, options=None, components=(), graph=None, flow=None):
        self.artifact = (options or {}).get("artifact", "title")

    def render(self, task):
        """One HTML page."""
        shown = escape(str(task[self.artifact].data))
        return (
            "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Poster</title>"
            "<body style='display:grid;place-items:center;height:90vh;font:12vw Georgia,serif'>"
            f"<main>{shown}</main></body></html>"
        )


class Stars(MetaflowCardComponent):
    """A rating, as stars. What `render` returns is a node that cards know how to show: here, a text."""

    REALTIME_UPDATABLE = True

    def __init__(self, rating, most=5):
        self.rating = rating
        self.most = most

    def render(self):
        """Filled and empty stars."""
        return {"type": "heading", "title": "★" * self.rating + "☆" * (self.most - self.rating)}

    def update(self, rating):
        """Change the rating."""
        self.rating = rating


class TemplateFlow(FlowSpec):
    """Two cards: one of the program's own type, one with a component of its own."""

    @card(type="poster", options={"artifact": "slogan"})
    @card(type="blank", id="rating")
    @step
    def start(self):
        """Leave something to show."""
        self.slogan = "Ship <it>"
        rating = Stars(2)
        current.card["rating"].append(rating)
        rating.update(4)
        self.next(self.end)

    @step
    def end(self):
        """Done."""


if __name__ == "__main__":
    TemplateFlow()
