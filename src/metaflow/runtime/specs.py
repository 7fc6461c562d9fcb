"""All that a task needs to know, as plain data that any process on any machine can be given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..flow.state import Frame
from ..flow.transition import PARALLEL_ITERATOR

if TYPE_CHECKING:
    from ..client.home import Home

#: Pseudo step whose one task holds the run's parameters and constants.
PARAMETERS_STEP = "_parameters"
PARAMETERS_TASK = "_parameters/0/0"


class SpinSpec(NamedTuple):
    """What makes a run the spin of a single step: where it reads, and where its result goes.

    Attributes
    ----------
    origin_run_id : str
        Run whose artifacts the task reads.
    origin_task : str or None
        Pathspec of the task that is done over; None if the step never ran there.
    root : str
        Root of the datastore that the result goes to.
    persist : bool
        Whether to keep the artifacts.
    skip_decorators : bool
        Whether to run the step without any of its decorators.
    artifacts_module : str or None
        Absolute path of a Python file whose ``ARTIFACTS`` stand in for what is stored.
    """

    origin_run_id: str
    origin_task: str | None
    root: str
    persist: bool = False
    skip_decorators: bool = False
    artifacts_module: str | None = None


class RunSpec(NamedTuple):
    """What all tasks of a run have in common.

    Attributes
    ----------
    flow, run_id : str
    root : str
        Directory of this machine where runs are kept.
    user : str
    namespace : str
        Namespace that the run belongs to: the user's identity, such as ``user:ada``, or one chosen for its flow.
    tags : tuple of str
        User tags of the run.
    client_namespace : str or None
        Namespace in which the client looks in tasks; empty for all runs, None for the user's own identity.
    origin_run_id : str or None
        Run that this one resumes.
    read_only : dict
        Attributes that tasks may not assign, and what each is.
    parameter_names : tuple of str
        Attribute names of the parameters, sorted.
    decospecs : tuple of str
        Decorators that every step got beside those in the source.
    spin : SpinSpec or None
        Set if this is no run of the flow, but the spin of one step.
    facts : dict of str to object
        Attributes of ``current`` that the flow's decorators contribute.
    datastore : str
        Location of the datastore, if it is not `root`.
    service : str
        Address of the metadata service, if there is one.
    """

    flow: str
    run_id: str
    root: str
    user: str
    namespace: str
    tags: tuple[str, ...] = ()
    origin_run_id: str | None = None
    client_namespace: str | None = None
    read_only: dict[str, str] = {}
    parameter_names: tuple[str, ...] = ()
    decospecs: tuple[str, ...] = ()
    spin: SpinSpec | None = None
    facts: dict[str, Any] = {}
    datastore: str = ""
    service: str = ""

    @property
    def home(self) -> Home:
        """Where the run is kept."""
        from ..client.home import Home

        return Home(self.root, self.datastore, self.service)


class TaskSpec(NamedTuple):
    """One attempt of one task.

    Attributes
    ----------
    step, task_id : str
    attempt : int
        Number of the attempt, from 0.
    user_attempts : int
        Number of attempts that run the user's code; further ones are fallbacks.
    inputs : tuple of str
        Tasks that it reads from, as ``step/task/attempt``, in the order in which a join sees them.
    targets : tuple of str
        Steps that the step leads to, according to the graph.
    is_join : bool
        Whether it starts with what all its inputs agree on only, instead of the artifacts of its one input.
    takes_inputs : bool
        Whether the step's code takes `inputs`.
    last_failure : str or None
        Why the attempt before this one failed.
    frames : tuple of Frame
        Enclosing foreaches, outermost first.
    iteration : int or None
        Number of the repetition in a recursive step, None elsewhere.
    started_at : float or None
        When the run started the attempt, if the process that executes it is not to look at the clock itself: tasks
        that start together are then in the order in which they were started, however their processes get along.
    metadata : dict of str to str
        Facts to record with the task, such as where it runs.
    ready_at : float or None
        When nothing but room was missing for the attempt to start.
    """

    step: str
    task_id: str
    attempt: int
    user_attempts: int
    inputs: tuple[str, ...]
    targets: tuple[str, ...] = ()
    is_join: bool = False
    takes_inputs: bool = False
    last_failure: str | None = None
    frames: tuple[Frame, ...] = ()
    iteration: int | None = None
    started_at: float | None = None
    metadata: dict[str, str] = {}
    ready_at: float | None = None

    @property
    def key(self) -> str:
        """``step/task/attempt``."""
        return f"{self.step}/{self.task_id}/{self.attempt}"

    @property
    def is_fallback(self) -> bool:
        """Whether this attempt stands in for user code whose process died every time."""
        return self.attempt >= self.user_attempts


def node_metadata(spec: TaskSpec) -> dict[str, str]:
    """What is recorded of a node beside what is recorded of every task; empty for a task that is none."""
    if not spec.frames or spec.frames[-1].variable != PARALLEL_ITERATOR:
        return dict(spec.metadata)
    metadata = {**spec.metadata, "parallel-world-size": str(spec.frames[-1].num_splits)}
    if spec.frames[-1].index == 0:
        metadata["internal_task_type"] = "control_task"
    return metadata


def encode(run: RunSpec, task: TaskSpec) -> bytes:
    """Both as JSON, for a process that does not share our memory."""
    return json.dumps([run, task]).encode()


def decode(data: bytes) -> tuple[RunSpec, TaskSpec]:
    """What :func:`encode` wrote."""
    run, task = json.loads(data)
    return run_from_list(run), task_from_list(task)


def run_from_list(data: list[Any]) -> RunSpec:
    """A run's specification after a journey through JSON."""
    run = RunSpec(*data)
    return run._replace(
        tags=tuple(run.tags),
        parameter_names=tuple(run.parameter_names),
        decospecs=tuple(run.decospecs),
        spin=None if run.spin is None else SpinSpec(*run.spin),
    )


def task_from_list(data: list[Any]) -> TaskSpec:
    """A task's specification after a journey through JSON."""
    task = TaskSpec(*data)
    return task._replace(
        inputs=tuple(task.inputs), targets=tuple(task.targets), frames=tuple(Frame(*frame) for frame in task.frames)
    )
