"""``EventsTimeline``: what happened, newest first."""

from __future__ import annotations

from collections import deque
from itertools import count
from time import time
from typing import NamedTuple

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.exception import InvalidComponentArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

#: Characters of a value of an event that are shown; of further ones, once these have been shown of all together.
_MOST_SHOWN, _MOST_SHOWN_IN_ALL, _FEWEST_SHOWN = 4000, 2_000_000, 100
#: Fields of an event, and of all events, that are shown; every event has a few.
_MOST_FIELDS, _MOST_FIELDS_IN_ALL, _FEWEST_FIELDS = 100, 10_000, 4
#: Fields that tell what an event is: shown in any case.
_TELLING = ("title", "name", "event", "event_name", "event_type", "action", "message", "timestamp", "duration")
#: Characters up to which nested data stay on one line.
_ON_ONE_LINE = 120


class _Event(NamedTuple):
    #: From 0, of all that there ever were.
    number: int
    received_at: float
    facts: Mapping[str, Any]
    theme: str | None
    priority: Any
    payloads: Mapping[str, Any]
    #: Whether the timeline was said to be finished, by this event or by one before it.
    finished: bool


class EventsTimeline(MetaflowCardComponent):
    """What happened, newest first: the stages of a job, say, or the calls that an agent makes.

    Each event is a dictionary of facts, and may hold further components. `update` takes a few microseconds, however
    many events there are.

    Parameters
    ----------
    title : str, optional
    max_events : int or None
        How many events are kept: older ones are dropped. None keeps all.

    Raises
    ------
    InvalidComponentArgument
        If `max_events` is negative or no whole number.

    Examples
    --------
    >>> timeline = EventsTimeline("Agent")
    >>> current.card.append(timeline)
    >>> timeline.update({"event": "Search", "query": "weather"}, style_theme="tool_call")
    >>> timeline.update({"event": "Answer"}, "ai_response", payloads={"text": Markdown("**Sunny**")}, finished=True)
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True

    VALID_THEMES: ClassVar[tuple[str, ...]] = (
        "default",
        "success",
        "warning",
        "error",
        "info",
        "primary",
        "secondary",
        "tool_call",
        "ai_response",
    )

    def __init__(self, title: str | None = None, max_events: int | None = 100) -> None:
        is_whole = isinstance(max_events, int) and not isinstance(max_events, bool)
        if max_events is not None and (not is_whole or max_events < 0):
            raise InvalidComponentArgument(
                f"max_events of an EventsTimeline is a whole number of at least 0, or None for all; not {max_events!r}."
            )
        self._title = title
        self._max_events = max_events
        self._events: deque[_Event] = deque(maxlen=max_events)
        self._numbers = count()
        self._first: float | None = None
        self._latest: _Event | None = None

    def update(
        self,
        event_data: Mapping[str, Any],
        style_theme: str | None = "default",
        priority: Any = None,
        payloads: Mapping[str, Any] | None = None,
        finished: bool | None = None,
    ) -> None:
        """Add an event.

        Parameters
        ----------
        event_data : dict
            What is to be told of it, in order. Its headline is what stands under ``title``, ``name``, ``event``,
            ``event_name``, ``event_type``, ``action`` or ``message``, the first that is there. ``timestamp``, in
            seconds since the epoch, is added unless it is given; a text or a datetime is taken as well. ``duration``,
            in seconds, is shown as such.
        style_theme : str
            One of ``VALID_THEMES``; how it looks.
        priority : str, optional
            Shown beside it, such as ``"high"``.
        payloads : dict, optional
            Components to show with it, by name: ValueBox, Image, Markdown, Artifact, PythonCode, JSONViewer,
            YAMLViewer, or any other; what is none is shown as if it were put on a card.
        finished : bool, optional
            Whether this is the last one. What was said last holds.
        """
        now = time()
        facts: dict[str, Any] = dict(event_data) if hasattr(event_data, "keys") else {"event": event_data}
        if facts.get("timestamp") is None:
            facts["timestamp"] = now
        latest = self._latest
        is_finished = bool(finished) if finished is not None else latest is not None and latest.finished
        inner = _inner(payloads) if payloads is not None else {}
        event = _Event(next(self._numbers), now, facts, style_theme, priority, inner, is_finished)
        if self._first is None:
            self._first = now
        self._events.append(event)
        self._latest = event

    def get_stats(self) -> dict[str, Any]:
        """How many events there were, and when.

        Returns
        -------
        dict
            ``total_events``, ``displayed_events``; ``first_event`` and ``last_update`` in seconds since the epoch, None
            if there was none; ``finished``; once there was one, ``total_runtime_seconds``, and after some time
            ``events_per_minute``.
        """
        return self._stats(self._latest, len(self._events))

    def render(self) -> dict[str, Any]:
        """The node, with what the components of its events show now."""
        latest = self._latest
        events = self._snapshot()
        return {
            "type": "eventsTimeline",
            **({"title": str(self._title)} if self._title is not None else {}),
            "events": _nodes(events),
            "config": {"show_stats": True, "show_relative_time": True, "max_events": self._max_events},
            "stats": self._stats(latest if not events else events[-1], len(events)),
        }

    def _snapshot(self) -> list[_Event]:
        while True:
            try:
                return list(self._events)
            except RuntimeError:  # an event was added meanwhile
                continue

    def _stats(self, latest: _Event | None, displayed: int) -> dict[str, Any]:
        stats: dict[str, Any] = {
            "total_events": latest.number + 1 if latest else 0,
            "displayed_events": displayed,
            "last_update": latest.received_at if latest else None,
            "first_event": self._first,
            "finished": latest is not None and latest.finished,
        }
        if latest is not None and self._first is not None:
            seconds = max(latest.received_at - self._first, 0.0)
            stats["total_runtime_seconds"] = round(seconds, 3)
            if seconds >= 1:
                stats["events_per_minute"] = round(latest.number * 60 / seconds, 1)
        return stats


def _inner(payloads: Mapping[str, Any]) -> dict[str, Any]:
    from metaflow.cards.components.contents import as_content, as_contents

    named = payloads if hasattr(payloads, "items") else dict(enumerate(as_contents(payloads), 1))
    return {str(name): as_content(value) for name, value in named.items()}


def _nodes(events: list[_Event]) -> list[dict[str, Any]]:
    """Nodes of events, the newest first; of the older ones of very many or large ones, less is shown."""
    fields, characters = _MOST_FIELDS_IN_ALL, _MOST_SHOWN_IN_ALL
    nodes = []
    for event in reversed(events):
        node = _node(event, max(min(fields, _MOST_FIELDS), _FEWEST_FIELDS), characters)
        fields -= len(node["metadata"])
        characters -= sum([len(value) for value in node["metadata"].values() if isinstance(value, str)])
        nodes.append(node)
    return nodes


def _node(event: _Event, most_fields: int, characters: int) -> dict[str, Any]:
    from metaflow.cards.components.contents import content_nodes

    names = list(event.facts)
    if len(names) > most_fields:
        telling = [name for name in names if name in _TELLING]
        names = [*telling, *[name for name in names if name not in _TELLING][: max(0, most_fields - len(telling))]]
    left_out = len(event.facts) - len(names)
    most = _MOST_SHOWN if characters > 0 else _FEWEST_SHOWN
    given = {"style_theme": event.theme, "priority": event.priority}
    return {
        "event_id": f"event_{event.number}",
        "received_at": event.received_at,
        "metadata": {str(name): _shown(event.facts[name], most) for name in names},
        **({"left_out": left_out} if left_out else {}),
        "payloads": dict(zip(event.payloads, content_nodes(list(event.payloads.values())))),
        **{name: str(value) for name, value in given.items() if value is not None},
    }


def _shown(value: Any, most: int = _MOST_SHOWN) -> Any:
    """A value of an event as JSON has it; what is large or odd, as text."""
    if value is None or isinstance(value, bool):
        return value
    from metaflow.cards.values.plain_numbers import plain_number

    number = plain_number(value)
    if number is not None:
        return number if -float("inf") < number < float("inf") else str(number)
    try:
        if hasattr(value, "isoformat"):
            text = value.isoformat()
        elif isinstance(value, dict | list | tuple):
            import json

            text = json.dumps(value, default=str, ensure_ascii=False)
            if len(text) > _ON_ONE_LINE:
                text = json.dumps(value, indent=2, default=str, ensure_ascii=False)
        else:
            text = str(value)
    except Exception:  # of any object's own
        text = f"<{type(value).__name__} that cannot be shown as text>"
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
