"""One run of a flow."""

from __future__ import annotations

from metaflow.client.object import MetaflowObject, local_time
from metaflow.client.step import Step
from metaflow.exception import MetaflowTaggingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any

    from metaflow.client.artifact import MetaflowData
    from metaflow.client.cancellation import CancelledRun
    from metaflow.client.code import MetaflowCode
    from metaflow.client.flow import Flow
    from metaflow.client.task import Task
    from metaflow.client.trigger import Trigger
    from metaflow.client.upkeep.run_deletion import DeletedRun
    from metaflow.metadata_store.records import RunRecord, RunStatus


class Run(MetaflowObject):
    """A run. Iterating gives its steps, newest first.

    Parameters
    ----------
    pathspec : str
        ``"FlowName/RunID"``.

    Examples
    --------
    >>> run = Run("Training/1711000000000000")
    >>> run.successful
    True
    >>> run.data.model
    LogisticRegression()
    >>> run["train"].task.stdout.splitlines()
    ['epoch 1: loss 0.3']
    """

    _PARTS = 2
    _record: RunRecord

    def _load(self) -> bool:
        record = self._provider.run(*self._names)
        if record is not None:
            self._record = record
        return record is not None

    def _run_record(self) -> RunRecord:
        return self._record

    def _created(self) -> float:
        return self._record.started_at

    @property
    def parent(self) -> Flow:
        """The flow."""
        from metaflow.client.flow import Flow

        return self._related(Flow, self._names[:1])

    @property
    def origin_pathspec(self) -> str:
        """The run that this one resumes; ``Flow/None`` if it resumes none, as Metaflow has it."""
        return f"{self._names[0]}/{self._record.origin_run_id}"

    @property
    def status(self) -> RunStatus:
        """``running``, ``done``, ``failed`` or ``stopped``; a run whose process died has failed."""
        self._refresh()
        return self._record.status

    @property
    def duration(self) -> float | None:
        """Seconds from the run's start to its end, whichever way it ended; None as long as it runs."""
        self._refresh()
        finished_at = self._record.finished_at
        return None if finished_at is None else finished_at - self._record.started_at

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the run's parameters and constants, by name.

        Those that are None, bools, ints of 64 bits, floats or texts of at most 200 characters; others are in
        ``run["_parameters"].task.data``.
        """
        from metaflow.metadata_store.store import TaskQuery

        flow, run_id = self._names
        found = self._provider.tasks(TaskQuery(flow, run_id, "_parameters", limit=1))
        return {name: value for task in found for name, value in task.own_values.items()}

    def steps(self, *tags: str) -> Iterator[Step]:
        """Give the steps that have tasks, newest first, without those whose name begins with an underscore.

        Parameters
        ----------
        *tags : str
            Give nothing unless the run has every one of these tags.

        Yields
        ------
        Step
            The next older one.
        """
        if not self.tags.issuperset(tags):
            return
        for record in self._provider.steps(*self._names):
            if not record.step.startswith("_"):
                yield self._related(Step, [*self._names, record.step], _record=record)

    def __iter__(self) -> Iterator[Step]:
        return self.steps()

    def __getitem__(self, key: str) -> Step:
        step = self._step(str(key))
        if step is None:
            raise KeyError(key)
        return step

    def _step(self, name: str) -> Step | None:
        flow, run_id = self._names
        found = self._provider.steps(flow, run_id, name)
        return self._related(Step, [flow, run_id, name], _record=found[0]) if found else None

    @property
    def end_task(self) -> Task | None:
        """The task of the last step; None as long as there is none."""
        step = self._step(self._record.end_step or "end")
        return None if step is None else step.task

    @property
    def data(self) -> MetaflowData | None:
        """Artifacts of the last step; None as long as it has no task."""
        task = self.end_task
        return None if task is None else task.data

    @property
    def successful(self) -> bool:
        """The last step finished, and nothing was raised in it."""
        if self._record.status != "running":
            return self._record.outcome is not None and self._record.outcome.success
        task = self.end_task
        return task is not None and task.successful

    @property
    def finished(self) -> bool:
        """The last step finished. A run that failed somewhere never does."""
        if self._record.status != "running":
            return self._record.outcome is not None and self._record.outcome.ok
        task = self.end_task
        return task is not None and task.finished

    @property
    def finished_at(self) -> datetime | None:
        """When the last step finished, in local time."""
        if self._record.status != "running":
            outcome = self._record.outcome
            return None if outcome is None or outcome.finished_at is None else local_time(outcome.finished_at)
        task = self.end_task
        return None if task is None else task.finished_at

    @property
    def code(self) -> MetaflowCode | None:
        """The code that the run was started with; None if it was not recorded."""
        from metaflow.client.code import code_of_run

        return code_of_run(self._provider, *self._names)

    @property
    def trigger(self) -> Trigger | None:
        """The events that started the run, or the runs whose ends did; None if a person started it."""
        from metaflow.client.trigger import METADATA_FIELD, Trigger
        from metaflow.metadata_store.store import TaskQuery

        flow, run_id = self._names
        for task in self._provider.tasks(TaskQuery(flow, run_id, "_parameters", "0")):
            if METADATA_FIELD in task.metadata:
                return Trigger.from_json(task.metadata[METADATA_FIELD])
        return None

    def add_tag(self, tag: str | Iterable[str]) -> None:
        """Add a user tag to the run.

        Parameters
        ----------
        tag : str
            The tag; a list of tags is accepted too.

        Raises
        ------
        MetaflowTaggingError
            The tag is not allowed, or the run has too many.
        """
        self._change_tags(_one_or_more(tag), [])

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add user tags to the run. A tag that it has already changes nothing.

        Parameters
        ----------
        tags : iterable of str
            The tags.

        Raises
        ------
        MetaflowTaggingError
            A tag is not allowed, or the run would have too many.
        """
        self._change_tags(_several(tags), [])

    def remove_tag(self, tag: str | Iterable[str]) -> None:
        """Remove a user tag from the run.

        Parameters
        ----------
        tag : str
            The tag; a list of tags is accepted too.

        Raises
        ------
        MetaflowTaggingError
            It is a system tag.
        """
        self._change_tags([], _one_or_more(tag))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove user tags from the run. A tag that it does not have changes nothing.

        Parameters
        ----------
        tags : iterable of str
            The tags.

        Raises
        ------
        MetaflowTaggingError
            One of them is a system tag.
        """
        self._change_tags([], _several(tags))

    def replace_tag(self, tag_to_remove: str | Iterable[str], tag_to_add: str | Iterable[str]) -> None:
        """Remove a user tag and add another, in one.

        Parameters
        ----------
        tag_to_remove, tag_to_add : str
            The tags; lists of tags are accepted too.

        Raises
        ------
        MetaflowTaggingError
            A tag is not allowed, or one to remove is a system tag.
        """
        self._change_tags(_one_or_more(tag_to_add), _one_or_more(tag_to_remove))

    def replace_tags(self, tags_to_remove: Iterable[str], tags_to_add: Iterable[str]) -> None:
        """Remove user tags, then add others, in one. A tag in both lists stays.

        Parameters
        ----------
        tags_to_remove, tags_to_add : iterable of str
            The tags.

        Raises
        ------
        MetaflowTaggingError
            A tag is not allowed, or one to remove is a system tag.
        """
        self._change_tags(_several(tags_to_add), _several(tags_to_remove))

    def cancel(self, wait: float = 120.0) -> CancelledRun:
        """End the run with all of its tasks, on whatever machines they are, and wait until it has ended.

        What was finished stays; the run can be resumed.

        Parameters
        ----------
        wait : float
            Seconds to wait for the run's process.

        Returns
        -------
        CancelledRun
            How the run ended, and what became of each task that was going on.

        Raises
        ------
        CannotCancel
            It has ended already.
        DataException
            Its datastore cannot be reached, or not be written.
        MetaflowException
            A compute engine that has tasks of it does not answer.

        Examples
        --------
        >>> Run("Training/1711000000000000").cancel().status
        'stopped'
        """
        from metaflow import registry

        cancelled: CancelledRun = registry.load("compute", "cancel_run")(self._provider, *self._names, patience=wait)
        self._load()
        return cancelled

    def delete(self, chunks: bool = True) -> DeletedRun:
        """Delete the run with all that it left: records, artifacts, logs, cards. There is no way back.

        What other runs need stays, also if it was this run that made it.

        Parameters
        ----------
        chunks : bool
            Whether to free the room of its larger artifacts at once, for which the manifests of all runs are read.
            Otherwise that is left to ``metaflow gc``, as it is for what was saved within the last hour (in an object
            store, within the last day).

        Returns
        -------
        DeletedRun
            How much room is free now.

        Raises
        ------
        CannotDelete
            It still runs, a run that goes on takes over its results, or somebody else is deleting it right now.
        RunDeleted
            It is gone already: somebody else deleted it.
        DataException, MetadataException
            A store failed. What was begun is finished by ``metaflow gc``.

        Examples
        --------
        >>> Run("Training/1711000000000000").delete()
        DeletedRun(pathspec='Training/1711000000000000', size=52428800, size_left=0)
        """
        from metaflow.client.upkeep.run_deletion import delete_run

        flow, run_id = self._names
        return delete_run(self._provider, flow, run_id, chunks)

    def _change_tags(self, add: list[str], remove: list[str]) -> None:
        self._record = self._provider.change_tags(self._record, add, remove)

    def _refresh(self) -> None:
        if self._record.status == "running":
            self._load()


def _one_or_more(tags: str | Iterable[str]) -> list[str]:
    return [tags] if isinstance(tags, str) else _several(tags)


def _several(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise MetaflowTaggingError(f"Give a list of tags, not the string {tags!r}: [{tags!r}].")
    try:
        return list(tags)
    except TypeError as error:
        raise MetaflowTaggingError(f"Give a list of tags, not {type(tags).__name__}.") from error
