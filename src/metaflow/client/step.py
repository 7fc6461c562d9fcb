"""One step of a run."""

from __future__ import annotations

from metaflow.client.object import MetaflowObject
from metaflow.client.task import Task
from metaflow.exception import MetaflowNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metaflow.client.run import Run
    from metaflow.client.table import Table
    from metaflow.metadata_store.records import StepRecord, TaskRecord

_TASKS_PER_PAGE = 2000


class Step(MetaflowObject):
    """A step of a run. Iterating gives its tasks, newest first.

    Parameters
    ----------
    pathspec : str
        ``"FlowName/RunID/StepName"``.

    Examples
    --------
    >>> [task.data.accuracy for task in Step("Training/1711000000000000/train")]
    [0.97, 0.95, 0.91]
    """

    _PARTS = 3
    _record: StepRecord

    def _load(self) -> bool:
        if self._provider.run(*self._names[:2]) is None:
            return False
        found = self._provider.steps(*self._names)
        if found:
            self._record = found[0]
        return bool(found)

    def _created(self) -> float:
        return self._record.created_at

    @property
    def parent(self) -> Run:
        """The run."""
        from metaflow.client.run import Run

        return self._related(Run, self._names[:2])

    @property
    def origin_pathspec(self) -> str:
        """The step of the run that this one resumes; ``Flow/None/step`` if it resumes none."""
        return f"{self.parent.origin_pathspec}/{self.id}"

    @property
    def task(self) -> Task | None:
        """The task that was started last; the only one, unless the step is in a foreach."""
        return next(self._tasks(1), None)

    def find(self, value: object) -> Task | None:
        """Give the task whose innermost foreach value is this; the newest one, if there are several.

        Values are compared by the short text that was recorded of them. Where that leaves several tasks, or was cut
        off, the values themselves are compared.

        Parameters
        ----------
        value : object
            An element of what the foreach iterated over.

        Returns
        -------
        Task or None
            The task; None if there is none.

        Examples
        --------
        >>> Run("Training/1711000000000000")["train"].find("resnet").data.accuracy
        0.97
        """
        from metaflow.client.foreach import tasks_with_value

        flow, run_id, step = self._names
        record = next(tasks_with_value(self._provider, flow, run_id, step, value), None)
        return None if record is None else self._related(Task, [*self._names, record.task_id], _record=record)

    def table(self) -> Table:
        """Give the step's tasks as a table.

        A row has the columns ``task``, ``index`` and ``value`` of the innermost foreach (its value as a short text),
        ``status``, ``started_at``, ``duration`` (in seconds), and one for each artifact that is None, a bool, an int
        of 64 bits, a float, or a text of at most 200 characters.

        Returns
        -------
        Table
            A list of dictionaries; ``table().to_dataframe()`` is a data frame of pandas.
        """
        from metaflow.client.table import tasks_table

        return tasks_table(self._records(_TASKS_PER_PAGE))

    def tasks(self, *tags: str) -> Iterator[Task]:
        """Give the step's tasks, newest first.

        Parameters
        ----------
        *tags : str
            Give nothing unless the run has every one of these tags.

        Yields
        ------
        Task
            The next older one.
        """
        if not tags or self.tags.issuperset(tags):
            yield from self._tasks(_TASKS_PER_PAGE)

    def _tasks(self, page_size: int) -> Iterator[Task]:
        for record in self._records(page_size):
            yield self._related(Task, [*self._names, record.task_id], _record=record)

    def _records(self, page_size: int) -> Iterator[TaskRecord]:
        from metaflow.metadata_store.store import TaskQuery

        flow, run_id, step = self._names
        after = None
        while page := self._provider.tasks(TaskQuery(flow, run_id, step, limit=page_size, after=after)):
            yield from page
            if len(page) < page_size:
                return
            after = page[-1].cursor

    def __iter__(self) -> Iterator[Task]:
        return self.tasks()

    def __getitem__(self, key: str) -> Task:
        try:
            return self._related(Task, [*self._names, str(key)])
        except MetaflowNotFound:
            raise KeyError(key) from None

    @property
    def control_task(self) -> Task | None:
        """The task that leads a @parallel step; None for another step."""
        return next(self.control_tasks(), None)

    def control_tasks(self, *tags: str) -> Iterator[Task]:
        """Give the tasks that each lead a group of a @parallel step.

        Parameters
        ----------
        *tags : str
            Give nothing unless the run has every one of these tags.

        Yields
        ------
        Task
            The next older one.
        """
        for task in self.tasks(*tags):
            if task.metadata_dict.get("internal_task_type") == "control_task":
                yield task

    @property
    def finished_at(self) -> datetime | None:
        """When the last of the tasks finished, in local time; None while any has not."""
        times = []
        for task in self:
            finished_at = task.finished_at
            if finished_at is None:
                return None
            times.append(finished_at)
        return max(times, default=None)

    @property
    def environment_info(self) -> None:
        """Packages that the step ran with; None, as they are not recorded yet."""
        return None

    @property
    def parent_steps(self) -> Iterator[Step]:
        """The steps that lead to this one.

        Yields
        ------
        Step
            In the order of the flow's source.

        Raises
        ------
        MetaflowNotFound
            While iterating, when such a step never ran.
        """
        steps = self._provider.graph(*self._names[:2]).get("steps", {})
        for name, node in steps.items():
            if self.id in node.get("next", ()):
                yield self._related(Step, [*self._names[:2], name])

    @property
    def child_steps(self) -> Iterator[Step]:
        """The steps that this one leads to.

        Yields
        ------
        Step
            In the order in which ``self.next`` names them.

        Raises
        ------
        MetaflowNotFound
            While iterating, when such a step never ran.
        """
        steps = self._provider.graph(*self._names[:2]).get("steps", {})
        for name in steps.get(self.id, {}).get("next", ()):
            yield self._related(Step, [*self._names[:2], name])
