"""Gangs, the nodes of ``@parallel`` steps: what each node is told, whether there is room, how they end together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..exception import DataException, MetaflowException
from .plan_task import node_task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..datastore.store import ObjectStore
    from ..flow.transition import Transition
    from .plan_task import PlannedTask
    from .specs import RunSpec, TaskSpec

#: File descriptors that the run's process needs for a node: two pipes, their other ends until the node has them, and
#: its log.
_DESCRIPTORS_PER_NODE = 5
#: File descriptors to leave for everything else.
_RESERVE = 16


class Gang:
    """One attempt of a gang, until all of its nodes are over.

    Parameters
    ----------
    planned : PlannedTask

    Attributes
    ----------
    planned : PlannedTask
    running : set of str
        Nodes that are not over, as ``step/task/attempt``.
    failed_node : int or None
        The node that the gang failed because of, as far as is known: the first that failed otherwise than by being
        asked to end. From the first failure on the gang as a whole has failed, and its other nodes are stopped.
    conclude_failure : callable or None
        What to do once they have ended.
    transition : Transition or None
        The way on that the nodes took; one that is not that of the graph is kept, for the plan to refuse it.
    """

    __slots__ = ("_is_cause_known", "conclude_failure", "failed_node", "planned", "running", "transition")

    def __init__(self, planned: PlannedTask) -> None:
        self.planned = planned
        self.running: set[str] = set()
        self.failed_node: int | None = None
        self._is_cause_known = False
        self.conclude_failure: Callable[[], None] | None = None
        self.transition: Transition | None = None

    def finished(self, spec: TaskSpec, transition: Transition) -> None:
        """Note that a node has finished and where it went."""
        self.running.discard(spec.key)
        if self.transition is None or self.transition.targets == spec.targets:
            self.transition = transition

    def failed(self, spec: TaskSpec, conclude: Callable[[], None], was_asked: bool = False) -> bool:
        """Note that a node has failed.

        Parameters
        ----------
        spec : TaskSpec
            The node.
        conclude : callable
            What to do once all nodes are over, if the gang failed because of this one.
        was_asked : bool
            Whether it ended because it was asked to. On another machine the engine asks as soon as a node dies, and
            what it has ended may be heard of before what has died.

        Returns
        -------
        bool
            Whether it is the first one, so that the others have to be stopped.
        """
        self.running.discard(spec.key)
        is_first = self.failed_node is None
        if is_first or not (was_asked or self._is_cause_known):
            self.failed_node = spec.frames[-1].index
            self.conclude_failure = conclude
            self._is_cause_known = not was_asked
        return is_first

    @property
    def why_stopped(self) -> str | None:
        """Why the nodes that still run are being stopped; None if they are not, or that is not known."""
        return f"it was stopped, because node {self.failed_node} failed" if self._is_cause_known else None


def node_specs(control: TaskSpec, nodes: int) -> Iterator[TaskSpec]:
    """What each node of a gang is told.

    Parameters
    ----------
    control : TaskSpec
        The control task, node 0.
    nodes : int

    Yields
    ------
    TaskSpec
        In order.
    """
    *around, frame = control.frames
    for node in range(nodes):
        yield control._replace(
            task_id=node_task_id(control.task_id, node), frames=(*around, frame._replace(index=node, label=str(node)))
        )


def remove_notes(store: ObjectStore, run: RunSpec, node: TaskSpec) -> None:
    """Remove what the nodes of a gang that failed told each other, as those that were stopped could not.

    Parameters
    ----------
    store : ObjectStore
    run : RunSpec
    node : TaskSpec
        Any of the nodes.
    """
    from ..datastore.layout import gang_prefix

    control = node.task_id.partition("_node_")[0]
    try:
        for key in list(store.list(gang_prefix(run.flow, run.run_id, node.step, control, node.attempt))):
            store.delete(key)
    except DataException:
        return  # a few bytes stay until the run is deleted: no reason to do anything about the run


def has_room(planned: PlannedTask, others: int) -> bool:
    """Whether the nodes of a gang can all be started now, as far as file descriptors go.

    Parameters
    ----------
    planned : PlannedTask
    others : int
        Tasks that run now, and make room when they end.

    Raises
    ------
    MetaflowException
        If there would be too little room with nothing else running.
    """
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = planned.width * _DESCRIPTORS_PER_NODE
    free = limit - len(os.listdir("/dev/fd")) - _RESERVE
    if limit == resource.RLIM_INFINITY or needed <= free:
        return True
    if others:
        return False
    raise MetaflowException(
        f"The {planned.width} nodes of the @parallel step *{planned.step}* have to run at the same time, but on this "
        f"machine a run may have no more than {max(free, 0) // _DESCRIPTORS_PER_NODE}: each needs "
        f"{_DESCRIPTORS_PER_NODE} file descriptors, of which there may be {limit}. Use a smaller num_parallel, or "
        "raise the limit (ulimit -n)."
    )
