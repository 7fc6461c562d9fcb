"""All flows, and one flow: the lists of their runs."""

from __future__ import annotations

from metaflow.client.namespaces import get_namespace
from metaflow.client.object import MetaflowObject
from metaflow.client.provider_choice import current_provider, provider_of
from metaflow.client.run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from metaflow.client.table import Table
    from metaflow.client.times import Moment
    from metaflow.metadata_store.records import FlowRecord
    from metaflow.metadata_store.store import RunQuery


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

    def runs(
        self,
        *tags: str,
        status: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifacts: Mapping[str, Any] | None = None,
        order: str = "-started_at",
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Give runs of all flows, newest first unless asked otherwise. They are read a page at a time.

        Parameters
        ----------
        *tags, status, user, since, until, parameters, artifacts, order, limit
            Which runs, and how they are sorted; see :meth:`Flow.runs`.

        Yields
        ------
        Run
            The next one.

        Raises
        ------
        InvalidQueryException
            What is asked for makes no sense. It is raised at once, before anything is read.

        Examples
        --------
        >>> for run in Metaflow().runs(status="failed", since="1 day"):
        ...     print(run.pathspec)
        """
        return self._given(
            self._query(
                tags,
                status=status,
                user=user,
                since=since,
                until=until,
                parameters=parameters,
                artifacts=artifacts,
                order=order,
                limit=limit,
            )
        )

    def table(
        self,
        *tags: str,
        status: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifacts: Mapping[str, Any] | None = None,
        order: str = "-started_at",
        limit: int | None = None,
    ) -> Table:
        """Give runs of all flows as a table, read by one query; its first column is the flow.

        Parameters
        ----------
        *tags, status, user, since, until, parameters, artifacts, order, limit
            Which runs, and how they are sorted; see :meth:`Flow.runs`.

        Returns
        -------
        Table
            See :meth:`Flow.table`.
        """
        from metaflow.client.table import runs_table

        query = self._query(
            tags,
            status=status,
            user=user,
            since=since,
            until=until,
            parameters=parameters,
            artifacts=artifacts,
            order=order,
            limit=limit,
        )
        return runs_table(self._provider.each_run(query._replace(with_values=True)), with_flow=True)

    def _query(self, tags: tuple[str, ...], **filters: Any) -> RunQuery:
        from metaflow.client.run_search import run_query

        return run_query(None, self._namespace, tags, **filters)

    def _given(self, query: RunQuery) -> Iterator[Run]:
        for record in self._provider.each_run(query):
            run = Run.__new__(Run)
            run._attempt = None
            run._place(self._provider, [record.flow, record.run_id], self._namespace, True)
            run._record = record
            yield run

    def __getstate__(self) -> dict[str, Any]:
        return {"metadata": self._provider.description, "namespace": self._namespace}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._provider = provider_of(state["metadata"])
        self._namespace = state["namespace"]

    def __eq__(self, other: object) -> bool:
        """Two are equal if they read the same datastore."""
        return self._provider is other._provider if isinstance(other, Metaflow) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._provider.home))

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
        return next(self.runs(limit=1), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The run that was started last of those that succeeded; None if there is none in the namespace."""
        return next(self._given(self._query((), limit=1)._replace(successful=True)), None)

    def runs(
        self,
        *tags: str,
        status: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifacts: Mapping[str, Any] | None = None,
        order: str = "-started_at",
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Give the flow's runs, newest first unless asked otherwise. They are read a page at a time.

        Parameters
        ----------
        *tags : str
            Only runs that have every one of these tags.
        status : str, optional
            Only runs that are ``running``, ``done``, ``failed`` or ``stopped``.
        user : str, optional
            Only runs that this user started.
        since, until : datetime, date, timedelta or str, optional
            Only runs started at or after `since`, and before `until`: a time, its ISO text, or how long ago it was,
            such as ``"7 days"``. Without a time zone it is local time.
        parameters, artifacts : dict, optional
            Only runs whose parameters and constants, or whose last step's artifacts, are so: a value, a pair of an
            operator and a value such as ``(">", 0.9)`` or ``("in", ["a", "b"])``, or a list of such pairs. Values are
            None, bools, ints of 64 bits, floats, and texts of at most 200 characters.
        order : str
            ``started_at``, ``finished_at``, ``duration``, ``user``, ``status``, ``parameter:NAME`` or
            ``artifact:NAME``; with a minus before it, the highest comes first. Runs that lack it come last.
        limit : int, optional
            At most so many.

        Yields
        ------
        Run
            The next one.

        Raises
        ------
        InvalidQueryException
            What is asked for makes no sense. It is raised at once, before anything is read.

        Examples
        --------
        >>> best = Flow("Training").runs(artifacts={"accuracy": (">", 0.9)}, order="-artifact:accuracy", limit=3)
        """
        return self._given(
            self._query(
                tags,
                status=status,
                user=user,
                since=since,
                until=until,
                parameters=parameters,
                artifacts=artifacts,
                order=order,
                limit=limit,
            )
        )

    def table(
        self,
        *tags: str,
        status: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifacts: Mapping[str, Any] | None = None,
        order: str = "-started_at",
        limit: int | None = None,
    ) -> Table:
        """Give the flow's runs as a table, read by one query.

        A row has the columns ``run``, ``status``, ``user``, ``started_at``, ``duration`` (in seconds), one for each
        parameter and constant, and one for each artifact of the last step; of these, those whose values are None,
        bools, ints of 64 bits, floats, and texts of at most 200 characters.

        Parameters
        ----------
        *tags, status, user, since, until, parameters, artifacts, order, limit
            Which runs, and how they are sorted; see :meth:`runs`.

        Returns
        -------
        Table
            A list of dictionaries; ``table(...).to_dataframe()`` is a data frame of pandas.
        """
        from metaflow.client.table import runs_table

        query = self._query(
            tags,
            status=status,
            user=user,
            since=since,
            until=until,
            parameters=parameters,
            artifacts=artifacts,
            order=order,
            limit=limit,
        )
        return runs_table(self._provider.each_run(query._replace(with_values=True)), with_flow=False)

    def _query(self, tags: tuple[str, ...], **filters: Any) -> RunQuery:
        from metaflow.client.run_search import run_query

        return run_query(self.id, self._namespace, tags, **filters)

    def _given(self, query: RunQuery) -> Iterator[Run]:
        for record in self._provider.each_run(query):
            yield self._related(Run, [self.id, record.run_id], _record=record)

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __getitem__(self, key: str) -> Run:
        record = self._provider.run(self.id, str(key))
        if record is None:
            raise KeyError(key)
        run = self._related(Run, [self.id, record.run_id], _record=record)
        run._check_namespace()
        return run
