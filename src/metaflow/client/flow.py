"""All flows, and one flow: the lists of their runs."""

from __future__ import annotations

from metaflow.client.namespaces import get_namespace
from metaflow.client.object import MetaflowObject
from metaflow.client.provider import current_provider
from metaflow.client.run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.metadata_store.records import FlowRecord

_RUNS_PER_PAGE = 200


class Metaflow:
    """Everything in the datastore. Iterating gives the flows in the current namespace, newest first.

    Examples
    --------
    >>> for flow in Metaflow():
    ...     print(flow.id, flow.latest_run)
    """

    def __init__(self) -> None:
        self._provider = current_provider()
        self._namespace = get_namespace()

    @property
    def flows(self) -> list[Flow]:
        """Flows that have runs in the current namespace, newest first."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        for record in self._provider.flows():
            flow = Flow.__new__(Flow)
            flow._attempt = None
            flow._place(self._provider, [record.flow], self._namespace, True)
            flow._record = record
            if flow.is_in_namespace():
                yield flow

    def __getitem__(self, name: str) -> Flow:
        return Flow(name)

    def __str__(self) -> str:
        return "Metaflow()"

    def __repr__(self) -> str:
        return str(self)


class Flow(MetaflowObject):
    """A flow. Iterating gives its runs, newest first.

    Parameters
    ----------
    pathspec : str
        Name of the flow.

    Examples
    --------
    >>> Flow("Training").latest_successful_run.data.accuracy
    0.97
    >>> [run.id for run in Flow("Training").runs("nightly")]
    ['1711000000000000', '1710900000000000']
    """

    _PARTS = 1
    _record: FlowRecord

    def _load(self) -> bool:
        found = self._provider.flows(self.id)
        if found:
            self._record = found[0]
        return bool(found)

    def _created(self) -> float:
        return self._record.created_at

    @property
    def user_tags(self) -> frozenset[str]:
        """Nothing: runs have tags, flows do not."""
        return frozenset()

    @property
    def system_tags(self) -> frozenset[str]:
        """Nothing: runs have tags, flows do not."""
        return frozenset()

    @property
    def tags(self) -> frozenset[str]:
        """Nothing: runs have tags, flows do not."""
        return frozenset()

    def is_in_namespace(self) -> bool:
        """Tell whether any run of the flow may be seen in the namespace in which this was made."""
        return self._namespace is None or self.latest_run is not None

    @property
    def latest_run(self) -> Run | None:
        """The run that was started last; None if there is none in the namespace."""
        return next(self._runs((), 1), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The run that was started last of those that succeeded; None if there is none in the namespace."""
        return next((run for run in self.runs() if run.successful), None)

    def runs(self, *tags: str) -> Iterator[Run]:
        """Give the flow's runs, newest first.

        Parameters
        ----------
        *tags : str
            Only runs that have every one of these tags.

        Yields
        ------
        Run
            The next older one.
        """
        return self._runs(tags, _RUNS_PER_PAGE)

    def _runs(self, tags: tuple[str, ...], page_size: int) -> Iterator[Run]:
        from metaflow.metadata_store.store import RunQuery

        wanted = tags if self._namespace is None else (self._namespace, *tags)
        after = None
        while page := self._provider.runs(RunQuery(self.id, wanted, limit=page_size, after=after)):
            for record in page:
                yield self._related(Run, [self.id, record.run_id], _record=record)
            after = page[-1].cursor

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __getitem__(self, key: str) -> Run:
        record = self._provider.run(self.id, str(key))
        if record is None:
            raise KeyError(key)
        run = self._related(Run, [self.id, record.run_id], _record=record)
        run._check_namespace()
        return run
