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
    from metaflow.metadata_store.records import StepRecord

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
        from metaflow.metadata_store.store import TaskQuery

        flow, run_id, step = self._names
        after = None
        while page := self._provider.tasks(TaskQuery(flow, run_id, step, limit=page_size, after=after)):
            for record in page:
                yield self._related(Task, [*self._names, record.task_id], _record=record)
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
