"""Splits and foreaches that are open: handing out their tasks, and collecting what arrives at their join.

What arrives is kept in arrays, about nine bytes a task, so that a join of a million tasks costs megabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from ..exception import MetaflowInternalError
from .plan_task import Foreach, Frame, PlannedTask, TaskRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .plan_graph import JoinPoint


class JoinInputs(Sequence[TaskRef]):
    """Inputs of a join, as a sequence whose elements are made when asked for.

    Parameters
    ----------
    parents : tuple of str
        Steps that lead to the join.
    ranks : array of int or None
        Position in `parents` of every input's step; None if there is only one parent.
    task_ids, attempts
        Task id and attempt of every input.
    order : sequence of int
        Position in those arrays of each input, in the order in which the join sees them.
    """

    __slots__ = ("_attempts", "_order", "_parents", "_ranks", "_task_ids")

    def __init__(
        self,
        parents: tuple[str, ...],
        ranks: array[int] | None,
        task_ids: array[int],
        attempts: bytearray,
        order: Sequence[int],
    ) -> None:
        self._parents = parents
        self._ranks = ranks
        self._task_ids = task_ids
        self._attempts = attempts
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> TaskRef: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TaskRef, ...]: ...
    def __getitem__(self, index: int | slice) -> TaskRef | tuple[TaskRef, ...]:
        if isinstance(index, slice):
            return tuple(map(self._ref, self._order[index]))
        return self._ref(self._order[index])

    def __iter__(self) -> Iterator[TaskRef]:
        return map(self._ref, self._order)

    def __repr__(self) -> str:
        return f"<JoinInputs: {len(self)} tasks of {', '.join(self._parents)}>"

    def _ref(self, slot: int) -> TaskRef:
        step = self._parents[0 if self._ranks is None else self._ranks[slot]]
        return TaskRef(step, self._task_ids[slot], self._attempts[slot])


class GangInputs(JoinInputs):
    """Inputs of the join of a gang: its nodes in order.

    Parameters
    ----------
    gang : PlannedTask
    """

    __slots__ = ("_control",)

    def __init__(self, gang: PlannedTask) -> None:
        self._parents = (gang.step,)
        self._order = range(gang.width)
        self._control = gang.ref

    def _ref(self, slot: int) -> TaskRef:
        return self._control._replace(node=slot)


class Scope:
    """A split or foreach that is open, until all of its branches have arrived at a join.

    Parameters
    ----------
    opener : PlannedTask
        The task that split.
    size : int
        Number of branches.
    is_foreach : bool
    """

    __slots__ = (
        "_arrived",
        "_attempts",
        "_join",
        "_ranks",
        "_task_ids",
        "branch",
        "frames",
        "is_foreach",
        "opened_by",
        "outer",
        "size",
    )

    def __init__(self, opener: PlannedTask, size: int, is_foreach: bool) -> None:
        self.opened_by = opener.step
        self.outer = opener.scope
        self.branch = opener.branch
        self.frames = opener.frames
        self.size = size
        self.is_foreach = is_foreach
        self._join: JoinPoint | None = None
        self._arrived = 0
        self._task_ids = array("q")
        self._attempts = bytearray()
        self._ranks: array[int] | None = None

    def arrive(self, join: JoinPoint, task: PlannedTask, branch: int) -> PlannedTask | None:
        """Note that a branch has arrived.

        Parameters
        ----------
        join : JoinPoint
            Where it has arrived.
        task : PlannedTask
            The last task of the branch.
        branch : int

        Returns
        -------
        PlannedTask or None
            The join's task, if this was the last branch.

        Raises
        ------
        MetaflowInternalError
            If other branches arrived at another join.
        """
        if task.gang is not None:
            return PlannedTask(join.step, self.frames, GangInputs(task), self.outer, self.branch)
        if self._join is None:
            self._join = join
            self._ranks = array("I") if len(join.parents) > 1 else None
        elif join is not self._join:
            raise MetaflowInternalError(
                f"The split of step *{self.opened_by}* is joined at *{self._join.step}*, "
                f"but task {task.task_id} of step *{task.step}* arrived at *{join.step}*."
            )
        self._make_room(branch)
        self._task_ids[branch] = task.task_id
        self._attempts[branch] = task.attempt
        if self._ranks is not None:
            self._ranks[branch] = join.ranks[task.step]
        self._arrived += 1
        if self._arrived < self.size:
            return None
        return PlannedTask(join.step, self.frames, self._inputs(join.parents), self.outer, self.branch)

    def _make_room(self, branch: int) -> None:
        # Branches start in order, so the arrays grow with what was started, not with what is still to come.
        missing = branch + 1 - len(self._task_ids)
        if missing > 0:
            self._task_ids.extend((0,) * missing)
            self._attempts.extend(bytes(missing))
            if self._ranks is not None:
                self._ranks.extend((0,) * missing)

    def _inputs(self, parents: tuple[str, ...]) -> JoinInputs:
        order: Sequence[int] = range(self.size)
        if self.is_foreach and self._ranks is not None:
            order = array("q", sorted(order, key=self._ranks.__getitem__))
        return JoinInputs(parents, self._ranks, self._task_ids, self._attempts, order)


class ForeachCursor:
    """The tasks of a foreach that have not been handed out: one small object, however many they are.

    Parameters
    ----------
    target : str
        Step of the tasks.
    foreach : Foreach
    scope : Scope
        What its tasks arrive at.
    inputs : tuple of TaskRef
        What each of them reads from.
    ready_at : float
        When they became ready.
    """

    __slots__ = ("_foreach", "_frames", "_index", "_inputs", "_ready_at", "_scope", "_target")

    def __init__(
        self, target: str, foreach: Foreach, scope: Scope, inputs: tuple[TaskRef, ...], ready_at: float = 0.0
    ) -> None:
        self._target = target
        self._scope = scope
        self._inputs = inputs
        self._foreach = foreach
        self._frames = scope.frames
        self._ready_at = ready_at
        self._index = 0

    @property
    def exhausted(self) -> bool:
        """Whether all tasks have been handed out."""
        return self._index == self._foreach.num_splits

    def take(self) -> PlannedTask:
        """The next task."""
        index = self._index
        self._index = index + 1
        frame = Frame(self._foreach, index, self._frames)
        return PlannedTask(self._target, frame, self._inputs, self._scope, index, ready_at=self._ready_at)
