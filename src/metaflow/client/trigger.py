"""What started a run: events, or the ends of other runs."""

from __future__ import annotations

import json
from typing import NamedTuple

from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any

    from metaflow.client.run import Run

#: Field of a run's first task that says what started the run.
METADATA_FIELD = "execution-triggers"


class MetaflowEvent(NamedTuple):
    """Something that can start a run.

    Attributes
    ----------
    name, id : str
    timestamp : datetime
        When it occurred, in local time.
    type : str
        ``event``, or ``run`` for the end of a run, whose last task the id names then.
    """

    name: str
    id: str
    timestamp: datetime
    type: str


class Trigger:
    """The events that started a run. Iterating gives them as MetaflowEvent.

    ``trigger[name]`` is the run of the flow `name` if ends of runs started this one, otherwise the event `name`.

    Parameters
    ----------
    events : iterable of dict
        Each with the fields of a MetaflowEvent; the timestamp in seconds since the epoch.

    Examples
    --------
    >>> current.trigger.run
    Run('Training/1711000000000000')
    >>> current.trigger["Training"].data.model
    LogisticRegression()
    >>> current.trigger.event.name
    'metaflow.Training.end'
    """

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self._plain = [dict(event) for event in events]
        self._runs: list[Run] | None = None

    @classmethod
    def from_runs(cls, runs: list[Run]) -> Trigger:
        """Make the trigger that the ends of these runs are.

        Parameters
        ----------
        runs : list of Run
            Finished runs.

        Raises
        ------
        MetaflowException
            If one of them has not finished.
        """
        ends = []
        for run in runs:
            task = run.end_task
            finished_at = None if task is None else task.finished_at
            if task is None or finished_at is None:
                raise MetaflowException(f"{run} has not finished, so its end cannot have started another run.")
            ends.append((finished_at.timestamp(), task))
        ends.sort(key=lambda end: end[0], reverse=True)
        events = []
        for timestamp, task in ends:
            flow, _, step, _ = task.path_components
            events += [
                {"name": f"metaflow.{flow}.{name}", "id": task.pathspec, "timestamp": timestamp, "type": "run"}
                for name in dict.fromkeys((step, "end"))
            ]
        return cls(events)

    @classmethod
    def from_json(cls, text: str) -> Trigger:
        """The trigger that :meth:`to_json` described."""
        return cls(json.loads(text))

    def to_json(self) -> str:
        """All that it knows, as JSON."""
        return json.dumps(self._plain)

    def plain(self) -> list[dict[str, Any]]:
        """Its events as what the constructor takes."""
        return [dict(event) for event in self._plain]

    @property
    def events(self) -> list[MetaflowEvent]:
        """The events, newest first."""
        from metaflow.client.object import local_time

        return [
            MetaflowEvent(event["name"], event["id"], local_time(event["timestamp"]), event["type"])
            for event in self._plain
        ]

    @property
    def event(self) -> MetaflowEvent | None:
        """The newest event; None if there is none."""
        return next(iter(self.events), None)

    @property
    def runs(self) -> list[Run] | None:
        """The runs whose ends started this one, newest first; None if other events did."""
        if self._runs is None:
            from metaflow.client.run import Run

            ends = [event["id"].split("/") for event in self._plain if event["type"] == "run"]
            pathspecs = dict.fromkeys("/".join(parts[:2]) for parts in ends)
            self._runs = [Run(pathspec, _namespace_check=False) for pathspec in pathspecs]
        return list(self._runs) or None

    @property
    def run(self) -> Run | None:
        """The newest of `runs`; None if other events started this run."""
        runs = self.runs
        return runs[0] if runs else None

    def __getitem__(self, name: str) -> Any:
        found = self._by_name().get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._by_name()

    def __iter__(self) -> Iterator[MetaflowEvent]:
        return iter(self.events)

    def __repr__(self) -> str:
        return f"Trigger({', '.join(event['name'] for event in self._plain)})"

    def _by_name(self) -> dict[str, Any]:
        runs = self.runs
        # The first one is the newest, so it wins.
        named = [(run.path_components[0], run) for run in runs] if runs else [(event.name, event) for event in self]
        return dict(reversed(named))
