"""Timelines of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text, text_within
from metaflow.cards.page.number_text import duration_text, moment_html, number_text
from metaflow.cards.values.plain_numbers import plain_number

#: What the themes are called on the page; those that say nothing have no name.
_THEMES = {
    "default": "",
    "success": "success",
    "warning": "warning",
    "error": "error",
    "info": "info",
    "primary": "",
    "secondary": "",
    "tool_call": "tool call",
    "ai_response": "AI response",
}
#: Under which of these is the headline of an event; the first that is there.
_HEADLINES = ("title", "name", "event", "event_name", "event_type", "action", "message")
#: Events that are shown at once; older ones are folded.
_UNFOLDED = 10
#: Events that a page holds.
_MOST_EVENTS = 2000
#: Fields of one event that are shown.
_MOST_FIELDS = 100
_LONG = 160
_MOST_CHARACTERS = 5000


def timeline_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A list of events, newest first, with how many there were above it."""
    held = node.get("events")
    events = [_event_of(each) for each in held] if isinstance(held, (list, tuple)) else []
    title = node.get("title")
    name = page.new_id()
    head = page.heading(label_text(title), "mf-section-title", id=name) if title else ""
    stats = node.get("stats")
    if isinstance(stats, Mapping):
        head += _stats(stats)
    with page.under_heading():
        items = [
            _item(event, events[index + 1] if index + 1 < len(events) else None, page)
            for index, event in enumerate(events[:_MOST_EVENTS])
        ]
    labelled = f' aria-labelledby="{name}"' if title else ' aria-label="Events"'
    return f'<section class="mf-timeline"{labelled}>{head}{_list(items, len(events))}</section>'


def _list(items: list[str], total: int) -> str:
    if not items:
        return '<p class="mf-note">Nothing has happened yet.</p>'
    shown = f'<ol class="mf-events" role="list">{"".join(items[:_UNFOLDED])}</ol>'
    older = items[_UNFOLDED:]
    if older:
        count = f"{len(older):,} older event{'s' if len(older) > 1 else ''}"
        shown += (
            f'<details class="mf-events-older"><summary>{count}</summary>'
            f'<ol class="mf-events" role="list">{"".join(older)}</ol></details>'
        )
    if total > len(items):
        shown += f'<p class="mf-note">{total - len(items):,} still older events are left out.</p>'
    return shown


def _stats(stats: Mapping[str, Any]) -> str:
    total, displayed = plain_number(stats.get("total_events")), plain_number(stats.get("displayed_events"))
    if not total:
        return ""
    parts = [f"{number_text(total)} event{'s' if total != 1 else ''}"]
    if displayed is not None and displayed < total:
        parts.append(f"the last {number_text(displayed)} are kept")
    runtime, pace = plain_number(stats.get("total_runtime_seconds")), plain_number(stats.get("events_per_minute"))
    if runtime and 0 < runtime < float("inf"):
        parts.append(f"over {duration_text(runtime)}")
    if pace and 0 < pace < float("inf"):
        parts.append(f"{number_text(pace)} per minute")
    state = '<span class="mf-badge mf-live-only">going on</span>'
    if stats.get("finished"):
        state = '<span class="mf-badge mf-good">finished</span>'
    return f'<p class="mf-timeline-stats">{"".join(f"<span>{part}</span>" for part in parts)}{state}</p>'


def _event_of(value: Any) -> Mapping[str, Any]:
    """An event of a node, whatever is in its place."""
    if not isinstance(value, Mapping):
        return {"metadata": {"event": value}}
    return value if isinstance(value.get("metadata"), Mapping) else {"metadata": value}


def _item(event: Mapping[str, Any], before: Mapping[str, Any] | None, page: PageContext) -> str:
    facts = event["metadata"]
    theme = str(event.get("style_theme") or "default")
    theme = theme if theme in _THEMES else "default"
    key = next((name for name in _HEADLINES if isinstance(facts.get(name), str) and facts[name].strip()), None)
    head = f'<strong class="mf-event-title" dir="auto">{text(facts[key][:300])}</strong>' if key else ""
    if _THEMES[theme]:
        head += f'<span class="mf-badge">{_THEMES[theme]}</span>'
    priority = event.get("priority")
    if priority is not None and priority != "":
        head += f'<span class="mf-badge" dir="auto">priority: {text(str(priority)[:100])}</span>'
    moment = moment_html(facts.get("timestamp"))
    told = {key if key and len(facts[key]) <= 300 else None}
    told |= {"timestamp"} if moment else set()
    duration = plain_number(facts.get("duration"))
    if duration is not None and 0 <= duration < 1e12:
        told.add("duration")
        head += f'<span class="mf-event-duration">took {duration_text(duration)}</span>'
    names = [name for name in facts if name not in told]
    pairs = "".join(_pair(name, facts[name]) for name in names[:_MOST_FIELDS])
    left_out = max(0, len(names) - _MOST_FIELDS) + (plain_number(event.get("left_out")) or 0)
    note = f'<p class="mf-note">{number_text(left_out)} more fields are left out.</p>' if left_out > 0 else ""
    return (
        f'<li class="mf-event mf-event-{theme.replace("_", "-")}"><div class="mf-event-head">{head}'
        f'<span class="mf-event-when">{moment}{_gap(event, before)}</span></div>'
        + (f'<dl class="mf-pairs">{pairs}</dl>' if pairs else "")
        + note
        + _payloads(event.get("payloads"), page)
        + "</li>"
    )


def _gap(event: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """How long after the event before it this one came."""
    now, then = plain_number(event.get("received_at")), plain_number(before.get("received_at") if before else None)
    if now is None or then is None or not 0.01 <= now - then < 1e12:
        return ""
    return f'<span class="mf-event-gap" title="since the event before">+{duration_text(now - then)}</span>'


def _pair(name: Any, value: Any) -> str:
    number = None if isinstance(value, (str, bool)) else plain_number(value)
    if value is None:
        shown = '<span class="mf-muted">none</span>'
    elif number is not None and abs(number) < float("inf"):
        shown = text(number_text(number))
    else:
        content, note = text_within(value, _MOST_CHARACTERS)
        is_long = len(content) > _LONG or "\n" in content
        if is_long:
            kind = "mf-scroll" if content.startswith(("{", "[")) else "mf-scroll mf-prose"
            content = f'<pre class="{kind}" tabindex="0" dir="auto">{content}</pre>'
        shown = content + note
    return f'<div><dt dir="auto">{label_text(name)}</dt><dd dir="auto">{shown}</dd></div>'


def _payloads(payloads: Any, page: PageContext) -> str:
    if not isinstance(payloads, Mapping):
        return ""
    return "".join(
        f'<div class="mf-payload"><p class="mf-payload-name" dir="auto">{text(name)}</p>{page.render(node)}</div>'
        for name, node in payloads.items()
    )
