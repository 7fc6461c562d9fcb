"""What a page that shows many runs asks beside the runs: how far they are, what started them, which names there are.

Every question is one statement, or one for each kind of name, whatever the number of runs that it is about.
"""

from __future__ import annotations

import json
from typing import NamedTuple, Protocol

from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.run_sql import FLOW_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from metaflow.metadata_store.records import RunStatus
    from metaflow.metadata_store.run_sql import Dialect
    from metaflow.metadata_store.store import RunQuery, ValueKind

    #: What runs have one of each, or several: by what they can be counted.
    CountedField = Literal["flow", "user", "tag"]

_PROGRESS = """
SELECT k.column1, k.column2,
    (SELECT COUNT(*) FROM tasks WHERE flow = k.column1 AND run_id = k.column2 AND latest) AS known,
    (SELECT COUNT(*) FROM tasks WHERE flow = k.column1 AND run_id = k.column2 AND weight = 0 AND latest) AS running
FROM (VALUES {}) AS k"""

_COUNTS = {
    "flow": "SELECT flow, COUNT(*) AS runs FROM runs GROUP BY flow ORDER BY runs DESC, flow LIMIT ?",
    "user": 'SELECT "user", COUNT(*) AS runs FROM runs GROUP BY "user" ORDER BY runs DESC, "user" LIMIT ?',
    "tag": "SELECT tag, COUNT(*) AS runs FROM run_tags GROUP BY tag ORDER BY runs DESC, tag LIMIT ?",
}

# Jumps from name to name of each flow and kind, instead of reading every value.
_VALUE_NAMES = f"""
WITH RECURSIVE flows (flow) AS ({FLOW_NAMES}),
names (flow, name) AS (
    SELECT flow, (SELECT MIN(name) FROM run_values AS v WHERE v.flow = flows.flow AND v.kind = ?) FROM flows
    UNION ALL
    SELECT flow, (SELECT MIN(name) FROM run_values AS v WHERE v.flow = n.flow AND v.kind = ? AND v.name > n.name)
    FROM names AS n WHERE n.name IS NOT NULL
)
SELECT name, COUNT(*) AS flows FROM names WHERE name IS NOT NULL GROUP BY name ORDER BY flows DESC, name LIMIT ?"""  # noqa: S608

_NEWEST_OF_FLOWS = f"""
SELECT flow, (SELECT MAX(started_at) FROM runs WHERE runs.flow = names.flow) AS newest
FROM ({FLOW_NAMES}) AS names ORDER BY newest DESC, flow"""  # noqa: S608

_LAST_RUNS = """
SELECT * FROM (
    SELECT {number} AS number, '{kind}' AS kind, run_id, status, started_at, finished_at FROM runs
    WHERE flow = ? {condition} ORDER BY started_at DESC, run_id DESC LIMIT {limit}
) AS part_{number}_{kind}"""

_NUMBERS = """
SELECT '{number}' AS number, (SELECT COUNT(*) FROM runs WHERE flow = ?) AS runs,
    (SELECT COUNT(*) FROM runs WHERE flow = ? AND status = 'running') AS running"""

# SQLite takes five hundred parts in one statement.
_PARTS_AT_ONCE = 100
_KEYS_AT_ONCE = 200


class Progress(NamedTuple):
    """How far a run is.

    Attributes
    ----------
    known : int
        How many tasks have started so far, that of the parameters included.
    running : int
        How many of them still run.
    """

    known: int
    running: int


class PastRun(NamedTuple):
    """One of the last runs of a flow."""

    run_id: str
    status: RunStatus
    started_at: float
    finished_at: float | None


class FlowActivity(NamedTuple):
    """What a flow did lately.

    Attributes
    ----------
    flow : str
    runs, running : int
        How many runs there are, and are recorded as running.
    last : tuple of PastRun
        Its last runs, the newest first.
    successes : tuple of PastRun
        Its last runs that succeeded, the newest first.
    """

    flow: str
    runs: int
    running: int
    last: tuple[PastRun, ...]
    successes: tuple[PastRun, ...]


class RunOverviews(Protocol):
    """Answers about many runs at once. Every method may raise MetadataException."""

    def number_of_runs(self, query: RunQuery) -> int:
        """How many runs match, in whatever order and behind whatever position; none are counted beyond its limit."""

    def runs_by_status(self, flow: str | None = None) -> dict[str, int]:
        """How many runs there are of each recorded status, of all flows or of one."""

    def progress(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Progress]:
        """How far each of these runs (flow and id) is."""

    def task_metadata(self, keys: Sequence[tuple[str, str]], step: str, field: str) -> dict[tuple[str, str], str]:
        """A field of the metadata of a step's tasks, for those of these runs that have it."""

    def counts(self, field: CountedField, limit: int) -> list[tuple[str, int]]:
        """How many runs there are of each flow, of each user, or with each tag; the most frequent first."""

    def value_names(self, kind: ValueKind, limit: int) -> list[str]:
        """Names of parameters, or of artifacts of last steps; those that most flows have come first."""

    def flows_by_activity(self) -> list[str]:
        """Names of all flows that have runs; the one with the newest run first."""

    def activity(self, flows: Sequence[str], last: int) -> list[FlowActivity]:
        """What these flows did lately, in that order; at most so many of the last runs of each."""


class OverviewQueries:
    """Overviews of runs in SQL tables. Who derives from it says how a statement is run."""

    _dialect: Dialect

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows that a statement with question marks gives."""
        raise NotImplementedError

    def progress(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Progress]:
        """How far each of these runs (flow and id) is."""
        found: dict[tuple[str, str], Progress] = {}
        for part in _parts(keys, _KEYS_AT_ONCE):
            rows = self._query(_PROGRESS.format(_places(part)), _encoded(part))
            found.update({(flow, run_id): Progress(known, running) for flow, run_id, known, running in rows})
        return found

    def task_metadata(self, keys: Sequence[tuple[str, str]], step: str, field: str) -> dict[tuple[str, str], str]:
        """A field of the metadata of a step's tasks, for those of these runs that have it.

        Parameters
        ----------
        keys : sequence of (str, str)
            Flow and id of each run.
        step : str
            The step.
        field : str
            The field.

        Returns
        -------
        dict
            The field by flow and id.
        """
        found: dict[tuple[str, str], str] = {}
        for part in _parts(keys, _KEYS_AT_ONCE):
            sql = (
                f"SELECT t.flow, t.run_id, t.record FROM (VALUES {_places(part)}) AS k "  # noqa: S608 - marks only
                "CROSS JOIN tasks AS t WHERE t.flow = k.column1 AND t.run_id = k.column2 AND t.step = ? AND t.latest "
                f"AND {self._dialect.contains.format('t.record')}"
            )
            for flow, run_id, record in self._query(sql, [*_encoded(part), encodable(step), field]):
                value = (json.loads(record).get("metadata") or {}).get(field)
                if isinstance(value, str):
                    found[flow, run_id] = value
        return found

    def counts(self, field: CountedField, limit: int) -> list[tuple[str, int]]:
        """How many runs there are of each flow, of each user, or with each tag; the most frequent first."""
        return [(name, count) for name, count in self._query(_COUNTS[field], [limit])]

    def value_names(self, kind: ValueKind, limit: int) -> list[str]:
        """Names of parameters, or of artifacts of last steps; those that most flows have come first."""
        return [name for name, _ in self._query(_VALUE_NAMES, [kind, kind, limit])]

    def flows_by_activity(self) -> list[str]:
        """Names of all flows that have runs; the one with the newest run first."""
        return [flow for flow, _ in self._query(_NEWEST_OF_FLOWS)]

    def activity(self, flows: Sequence[str], last: int) -> list[FlowActivity]:
        """What these flows did lately.

        Parameters
        ----------
        flows : sequence of str
            Names of flows.
        last : int
            How many of the last runs are given of each.

        Returns
        -------
        list of FlowActivity
            In that order.
        """
        found: list[FlowActivity] = []
        for part in _parts(flows, _PARTS_AT_ONCE):
            found += self._activity_of_some(list(part), last)
        return found

    def _activity_of_some(self, flows: list[str], last: int) -> list[FlowActivity]:
        statements: list[str] = []
        parameters: list[str] = []
        for number, flow in enumerate(flows):
            for kind, condition in (("all", ""), ("success", "AND end_success")):
                statements.append(_LAST_RUNS.format(number=number, kind=kind, condition=condition, limit=int(last)))
                parameters.append(encodable(flow))
        past: dict[tuple[int, str], list[PastRun]] = {}
        for number, kind, *run in self._query(" UNION ALL ".join(statements), parameters):
            past.setdefault((number, kind), []).append(PastRun(*run))
        for runs in past.values():
            runs.sort(key=lambda run: (run.started_at, run.run_id), reverse=True)
        counted = " UNION ALL ".join(_NUMBERS.format(number=number) for number in range(len(flows)))
        numbers = {
            int(number): (runs, running)
            for number, runs, running in self._query(counted, [encodable(flow) for flow in flows for _ in range(2)])
        }
        return [
            FlowActivity(flow, *numbers.get(number, (0, 0)), *(tuple(past.get((number, kind), ())) for kind in _KINDS))
            for number, flow in enumerate(flows)
        ]


_KINDS = ("all", "success")


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _places(keys: Sequence[Any]) -> str:
    return ", ".join(["(?, ?)"] * len(keys))


def _encoded(keys: Sequence[tuple[str, str]]) -> list[str]:
    return [encodable(part) for key in keys for part in key]
