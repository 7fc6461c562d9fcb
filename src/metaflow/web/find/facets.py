"""Names by which runs can be found: of flows, users, tags and values."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaflow.metadata_store.overviews import RunOverviews

_PROJECT, _BRANCH = "project:", "project_branch:"
# Tags of the system that say nothing that other filters do not say better, or the same for nearly all runs.
_LEFT_OUT = (_PROJECT, _BRANCH, "user:", "metaflow_version:", "python_version:", "runtime:", "metaflow_r_version:")
# Beyond these, names are found by typing all of them.
_MOST_NAMES = 20_000
# Somebody who types asks several times a second, and names hardly change.
_FRESH_SECONDS = 5.0

Counts = list[tuple[str, int]]


class Names(NamedTuple):
    """All names, the most frequent first, with the number of runs that have them."""

    statuses: Counts
    flows: Counts
    users: Counts
    projects: Counts
    branches: Counts
    tags: Counts
    parameters: list[str]
    artifacts: list[str]


class FacetIndex:
    """The names of one database, read now and then; for any number of threads.

    Parameters
    ----------
    overviews : RunOverviews
        Where they are.
    clock : callable
        Gives the time in seconds.
    """

    def __init__(self, overviews: RunOverviews, clock: Callable[[], float] = time.monotonic) -> None:
        self._overviews = overviews
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Names | None = None
        self._read_at = 0.0

    def names(self) -> Names:
        """All names, as they were a few seconds ago at the earliest."""
        with self._lock:
            if self._known is None or self._clock() - self._read_at >= _FRESH_SECONDS:
                self._known = _read(self._overviews)
                self._read_at = self._clock()
            return self._known


def _read(overviews: RunOverviews) -> Names:
    tags = overviews.counts("tag", _MOST_NAMES)
    return Names(
        statuses=sorted(overviews.runs_by_status().items(), key=lambda pair: -pair[1]),
        flows=overviews.counts("flow", _MOST_NAMES),
        users=overviews.counts("user", _MOST_NAMES),
        projects=_behind(tags, _PROJECT),
        branches=_behind(tags, _BRANCH),
        tags=[pair for pair in tags if not pair[0].startswith(_LEFT_OUT)],
        parameters=overviews.value_names("parameter", _MOST_NAMES),
        artifacts=overviews.value_names("artifact", _MOST_NAMES),
    )


def _behind(tags: Counts, prefix: str) -> Counts:
    return [(tag[len(prefix) :], count) for tag, count in tags if tag.startswith(prefix)]


def facets(names: Names, text: str, limit: int) -> dict[str, Any]:
    """The names that have a text in them, at most so many of each kind, as plain data.

    Parameters
    ----------
    names : Names
        All names.
    text : str
        What must occur in them; upper and lower case are the same.
    limit : int
        Most names of each kind.
    """
    part = text.casefold()
    found: dict[str, Any] = {}
    for kind, all_names in names._asdict().items():
        if kind in ("parameters", "artifacts"):
            fitting: Sequence[Any] = [name for name in all_names if part in name.casefold()]
            shown: list[Any] = list(fitting[:limit])
        else:
            fitting = [pair for pair in all_names if part in pair[0].casefold()]
            shown = [{"name": name, "runs": count} for name, count in fitting[:limit]]
        found[kind] = {"names": shown, "more": len(fitting) > limit}
    return found
