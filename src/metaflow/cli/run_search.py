"""The one place where the ``metaflow`` command asks for runs: a page at a time, and only what is asked for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.run_summary import duration_of
from ..metadata_store.records import RunOutcome
from ..metadata_store.store import RunQuery
from .conditions import holds
from .run_values import parameters_of, results_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..client.provider import Provider
    from ..metadata_store.records import RunRecord, RunStatus
    from .conditions import Condition
    from .reading import Place


#: Orders of runs by name. A run that lacks what it is sorted by comes last, either way round.
ORDERS: dict[str, Callable[[RunRecord], Any]] = {
    "started": lambda run: run.started_at,
    "finished": lambda run: run.finished_at,
    "duration": duration_of,
    "status": lambda run: run.status,
    "user": lambda run: run.user,
    "flow": lambda run: run.flow,
}


class RunFilter(NamedTuple):
    """Which runs are wanted.

    Attributes
    ----------
    flow : str or None
        Only those of this flow.
    status : str or None
    tags : tuple of str
        All of which a run must have.
    user : str or None
    since, until : float or None
        When it was started, in seconds since the epoch; `until` is the first moment that is too late.
    parameters, artifacts : tuple of Condition
        On what it was given, and on what its last step left.
    order : str
        One of ORDERS, with a dash before it for the largest first.
    limit : int or None
        At most so many.
    """

    flow: str | None = None
    status: RunStatus | None = None
    tags: tuple[str, ...] = ()
    user: str | None = None
    since: float | None = None
    until: float | None = None
    parameters: tuple[Condition, ...] = ()
    artifacts: tuple[Condition, ...] = ()
    order: str = "-started"
    limit: int | None = None


def find_runs(place: Place, wanted: RunFilter) -> list[RunRecord]:
    """The runs that are wanted, in their order.

    Parameters
    ----------
    place : Place
        Where to look.
    wanted : RunFilter

    Returns
    -------
    list of RunRecord
        Without graphs.
    """
    provider = place.provider
    found = (run for run in _matching(place, wanted) if _has_values(provider, run, wanted))
    if wanted.order == "-started":
        return list(islice(found, wanted.limit))
    return _ordered(list(found), wanted.order)[: wanted.limit]


def runs_of(provider: Provider, query: RunQuery) -> list[RunRecord]:
    """The runs that match a query of the index."""
    return list(provider.runs(query))


def _matching(place: Place, wanted: RunFilter) -> Iterator[RunRecord]:
    """Runs by what the index knows of them, newest first; with their values, if they are asked for by these."""
    tags = tuple(dict.fromkeys((*place.tags, *wanted.tags)))
    query = RunQuery(wanted.flow, tags, wanted.status, wanted.user, wanted.since, wanted.until)
    return place.provider.each_run(query._replace(with_values=bool(wanted.parameters or wanted.artifacts)))


def _has_values(provider: Provider, run: RunRecord, wanted: RunFilter) -> bool:
    known = run.outcome or RunOutcome()
    parameters = known.parameters or {}
    artifacts = {name: value for name, value in (known.artifacts or {}).items() if name not in parameters}
    for conditions, indexed, read in (
        (wanted.parameters, parameters, parameters_of),
        (wanted.artifacts, artifacts, results_of),
    ):
        # What the index cannot hold, such as a long text, is in the task's own record.
        stored = None if all(condition.name in indexed for condition in conditions) else read(provider, run)
        for condition in conditions:
            if condition.name in indexed:
                found = holds(condition, indexed[condition.name])
            else:
                value = stored.get(condition.name) if stored else None
                found = value is not None and value.is_scalar and holds(condition, value.scalar)
            if not found:
                return False
    return True


def _ordered(runs: list[RunRecord], order: str) -> list[RunRecord]:
    key = ORDERS[order.removeprefix("-")]
    known = [run for run in runs if key(run) is not None]
    unknown = [run for run in runs if key(run) is None]
    return sorted(known, key=key, reverse=order.startswith("-")) + unknown
