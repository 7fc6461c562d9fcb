"""The tasks that a plan hands out: which step, where in the foreaches, and what they read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from .plan_scope import Scope

    #: What makes out a task among all of a run whatever its id: step, position in the foreaches, repetition.
    TaskKey = tuple[str, tuple[tuple[str, int], ...], int]

# States of a task, kept as plain integers because every task passes through them.
READY = 0
RUNNING = 1
WAITING_FOR_RETRY = 2
OVER = 3


class TaskRef(NamedTuple):
    """A finished task that another one reads from.

    Attributes
    ----------
    step : str
    task_id : int
    attempt : int
        The attempt that succeeded.
    node : int
        Which node of a gang; 0 for the control task, and for every other task.
    """

    step: str
    task_id: int
    attempt: int
    node: int = 0

    @property
    def key(self) -> str:
        """``step/task/attempt``, as :attr:`TaskSpec.key` has it."""
        return f"{self.step}/{node_task_id(self.task_id, self.node)}/{self.attempt}"


def node_task_id(task_id: int | str, node: int) -> str:
    """Task id of a gang's node, as text: the control task's own for node 0, ``<control>_node_<i>`` for the others."""
    return f"{task_id}_node_{node}" if node else str(task_id)


class Foreach(NamedTuple):
    """A foreach that was opened; all of its tasks share it.

    Attributes
    ----------
    opener : TaskRef
        The task that split.
    num_splits : int
        Number of its tasks.
    variable : str or None
        Attribute that is iterated over.
    labels : sequence of str or None
        Short text of each element.
    """

    opener: TaskRef
    num_splits: int
    variable: str | None = None
    labels: Sequence[str] | None = None


class Frame:
    """Position in one foreach, linked to that in the foreach around it. Immutable.

    Attributes
    ----------
    foreach : Foreach
    index : int
        Which of its tasks, from 0.
    parent : Frame or None
        Position in the foreach around it.
    """

    __slots__ = ("foreach", "index", "parent")

    def __init__(self, foreach: Foreach, index: int, parent: Frame | None) -> None:
        self.foreach: Final = foreach
        self.index: Final = index
        self.parent: Final = parent

    @property
    def step(self) -> str:
        """Step that opened the foreach."""
        return self.foreach.opener.step

    @property
    def num_splits(self) -> int:
        """Number of tasks of the foreach."""
        return self.foreach.num_splits

    def __repr__(self) -> str:
        return f"Frame({self.step!r}, {self.index} of {self.num_splits})"


class PlannedTask:
    """A task of the plan, or a gang: the nodes of a ``@parallel`` step, which are one to the plan.

    A gang is handed out, finishes, fails and is tried again as a whole. Its id and its position are those of its
    control task, node 0. The plan alone changes it.

    Attributes
    ----------
    step : str
    task_id : int
        Number in order of launch, from 1; the same for all attempts. 0 until the plan has handed the task
        out.
    attempt : int
        Which attempt this is, from 0.
    fallback : bool
        Whether this attempt only records the failure, without running the user's code.
    frames : Frame or None
        Position in the innermost foreach, linked to those around it; None outside any.
    iteration : int
        How often the step has been repeated by its own switch; 0 for other steps.
    inputs : sequence of TaskRef
        Tasks that it reads from: none for the first step of the flow; for a static join, one for each branch
        in the order of the split; for a foreach join, by direct parent in the order of the graph, then by
        split index.
    scope : Scope or None
        The split or foreach that the task belongs to; None outside any. The plan's own.
    branch : int
        Which branch (index of the split) of `scope` it belongs to. The plan's own.
    ready_at : float
        What :attr:`Plan.time` was when this attempt became ready.
    gang : int or None
        Number of nodes, if this is a gang; None for an ordinary task. What makes out one of them is
        :meth:`node_key`, its task id is :func:`node_task_id`.
    state : int
        The plan's own.
    """

    __slots__ = (
        "attempt",
        "branch",
        "fallback",
        "frames",
        "gang",
        "inputs",
        "iteration",
        "ready_at",
        "scope",
        "state",
        "step",
        "task_id",
    )

    def __init__(
        self,
        step: str,
        frames: Frame | None,
        inputs: Sequence[TaskRef],
        scope: Scope | None,
        branch: int,
        *,
        iteration: int = 0,
        gang: int | None = None,
        ready_at: float = 0.0,
    ) -> None:
        self.step = step
        self.task_id = 0
        self.attempt = 0
        self.fallback = False
        self.frames = frames
        self.iteration = iteration
        self.inputs = inputs
        self.scope = scope
        self.branch = branch
        self.gang = gang
        self.ready_at = ready_at
        self.state = READY

    @property
    def ref(self) -> TaskRef:
        """How tasks that read from this one name it."""
        return TaskRef(self.step, self.task_id, self.attempt)

    @property
    def width(self) -> int:
        """Number of processes that it takes: the nodes of a gang, otherwise 1."""
        return self.gang or 1

    @property
    def split_index(self) -> int | None:
        """Index in the innermost foreach; None outside any."""
        return None if self.frames is None else self.frames.index

    @property
    def index_path(self) -> tuple[tuple[str, int], ...]:
        """Step and index of every foreach around the task, outermost first."""
        path = []
        frame = self.frames
        while frame is not None:
            path.append((frame.step, frame.index))
            frame = frame.parent
        path.reverse()
        return tuple(path)

    @property
    def key(self) -> TaskKey:
        """What makes out the task among all of a run, and its counterpart in another run of the flow."""
        return (self.step, self.index_path, self.iteration)

    def node_key(self, node: int) -> TaskKey:
        """What makes out a node of a gang, as :attr:`key` makes out its control task."""
        (*around, (opener, _)) = self.index_path
        return (self.step, (*around, (opener, node)), self.iteration)

    def __repr__(self) -> str:
        path = ", ".join(f"{step}[{index}]" for step, index in self.index_path)
        where = f" in {path}" if path else ""
        repetition = f", iteration {self.iteration}" if self.iteration else ""
        gang = f", {self.gang} nodes" if self.gang else ""
        return f"<PlannedTask {self.step}/{self.task_id} attempt {self.attempt}{where}{repetition}{gang}>"
