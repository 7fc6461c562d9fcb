"""What the service counts, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Media type of the text.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters of one process; used from the event loop only."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, tuple[list[int], float]] = {}
        self._counters: dict[str, tuple[str, int]] = {}
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        Parameters
        ----------
        method, route : str
            What was asked; the route's pattern, so that there are few.
        status : int
            Status of the answer.
        seconds : float
            How long it took.
        """
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        counts, total = self._seconds.get(route) or ([0] * (len(_BUCKETS) + 1), 0.0)
        counts[bisect_left(_BUCKETS, seconds)] += 1
        self._seconds[route] = (counts, total + seconds)

    def count(self, name: str, doc: str, amount: int = 1) -> None:
        """Add to a counter."""
        _, before = self._counters.get(name, (doc, 0))
        self._counters[name] = (doc, before + amount)

    def gauge(self, name: str, doc: str, read: Callable[[], float]) -> None:
        """Have a value read whenever the text is made."""
        self._gauges[name] = (doc, read)

    def text(self) -> str:
        """All that was counted."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        name = "metaflow_http_requests_total"
        yield from _head(name, "counter", "Requests that were answered.")
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'{name}{{method="{_quoted(method)}",route="{_quoted(route)}",status="{status}"}} {count}'
        name = "metaflow_http_request_seconds"
        yield from _head(name, "histogram", "How long answers took; streams are counted when they end.")
        for route, (counts, total) in sorted(self._seconds.items()):
            label, cumulated = f'route="{_quoted(route)}"', 0
            for bound, count in zip((*_BUCKETS, "+Inf"), counts):
                cumulated += count
                yield f'{name}_bucket{{{label},le="{bound}"}} {cumulated}'
            yield f"{name}_sum{{{label}}} {total:.6f}"
            yield f"{name}_count{{{label}}} {cumulated}"
        for name, (doc, count) in sorted(self._counters.items()):
            yield from _head(name, "counter", doc)
            yield f"{name} {count}"
        for name, (doc, read) in sorted(self._gauges.items()):
            yield from _head(name, "gauge", doc)
            yield f"{name} {read():g}"


def _head(name: str, kind: str, doc: str) -> tuple[str, str]:
    return f"# HELP {name} {doc}", f"# TYPE {name} {kind}"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
