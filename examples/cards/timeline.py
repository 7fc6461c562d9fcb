"""What a program did, event by event, as a timeline that grows while it works.

::

    python examples/cards/timeline.py run
    python examples/cards/timeline.py card view start
"""

import time

from metaflow import FlowSpec, card, current, step
from metaflow.cards import EventsTimeline, JSONViewer, Markdown, PythonCode


def celsius(fahrenheit):
    """A tool that the assistant calls."""
    return (fahrenheit - 32) * 5 / 9


class TimelineFlow(FlowSpec):
    """An assistant that calls a tool, with every step of it on record."""

    @card(type="blank", options={"title": "What the assistant did"}, refresh_interval=1)
    @step
    def start(self):
        """Work, and note each event."""
        timeline = EventsTimeline(title="Events", max_events=50)
        current.card.append(Markdown("Newest first. The tool's code and data are in the events' details."))
        current.card.append(timeline)

        timeline.update({"event": "question", "text": "How warm is 77 °F?"}, style_theme="info")
        current.card.refresh()
        time.sleep(0.2)
        self.answer = celsius(77)
        timeline.update(
            {"event": "tool", "name": "celsius", "took": "0.2 s"},
            style_theme="tool_call",
            payloads={
                "code": PythonCode(celsius),
                "data": JSONViewer({"arguments": {"fahrenheit": 77}, "result": self.answer}),
            },
            finished=True,
        )
        timeline.update({"event": "answer", "text": f"{self.answer:.0f} °C"}, style_theme="ai_response")
        timeline.update({"event": "note", "text": "No thermometer was asked."}, style_theme="warning", priority="low")
        self.events = timeline.get_stats()
        self.next(self.end)

    @step
    def end(self):
        """Done."""
        print(self.events)


if __name__ == "__main__":
    TimelineFlow()
