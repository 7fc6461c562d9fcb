"""What the decorators of distributed frameworks have in common: nodes that wait for each other before a step begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..flow.current import current
from ..flow.hooks import TaskContext
from ..flow.ordinary_way import take_ordinary_way
from .parallel import NodeHook, ParallelDecorator, node_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..distributed.control import Control
    from ..distributed.rendezvous import Rendezvous
    from ..flow.parallel_node import Parallel


class MeetingHook(NodeHook):
    """Has the nodes wait for each other, and removes what they told each other when the step is over.

    Parameters
    ----------
    decorator : ParallelDecorator
    timeout : float
        Seconds to wait.
    """

    def __init__(self, decorator: ParallelDecorator, timeout: float) -> None:
        super().__init__(decorator)
        self._timeout = timeout
        self._rendezvous: Rendezvous | None = None
        self._succeeded = False

    def before(self, task: TaskContext) -> None:
        """Wait for the other nodes, and prepare the step for them."""
        super().before(task)
        if task.fallback:
            return
        from ..distributed.rendezvous import rendezvous_of_task

        node = node_of(task)
        self.check(task)
        rendezvous = self._rendezvous = rendezvous_of_task(node, task.attempt)
        roster = rendezvous.meet(self.facts(node), self._timeout)
        self.prepare(task, node, rendezvous, roster)

    def check(self, task: TaskContext) -> None:
        """See that this node has what it needs, before the others count on it."""

    def facts(self, node: Parallel) -> dict[str, Any]:
        """What this node tells the others of itself."""
        return {}

    def prepare(self, task: TaskContext, node: Parallel, rendezvous: Rendezvous, roster: list[dict[str, Any]]) -> None:
        """Do what can be done once all nodes are there, with what they have told of themselves."""
        rendezvous.part()

    def after(self, task: TaskContext) -> None:
        """Note that there was no failure."""
        self._succeeded = True

    def close(self, task: TaskContext) -> None:
        """Remove what the nodes told each other."""
        if self._rendezvous is not None:
            self._rendezvous.leave(wait=self._succeeded)


class LedHook(MeetingHook):
    """Runs the step's code on node 0 only; the others do what it tells them until it is done.

    Parameters
    ----------
    decorator : ParallelDecorator
    timeout : float
        Seconds to wait for all nodes.
    polling : float
        Seconds between two looks of the other nodes at what there is to do.
    lost_seconds : float, optional
        Seconds without a sign of life after which they take node 0 for lost.
    """

    def __init__(
        self, decorator: ParallelDecorator, timeout: float, polling: float, lost_seconds: float | None = None
    ) -> None:
        super().__init__(decorator, timeout)
        self._polling = polling
        self._lost_seconds = lost_seconds
        self._control: Control | None = None

    def facts(self, node: Parallel) -> dict[str, Any]:
        """Where the node is."""
        import os

        from ..distributed.addresses import address_of_node

        return {"address": address_of_node(node, self._timeout), "directory": os.getcwd()}

    def prepare(self, task: TaskContext, node: Parallel, rendezvous: Rendezvous, roster: list[dict[str, Any]]) -> None:
        """Make node 0 the one that leads."""
        if node.node_index == 0:
            from ..distributed.control import Control

            self._control = Control(rendezvous)
            self._control.start()
            name = self._decorator.name
            current._update({name: self.leader(node, rendezvous, roster, task.attempt, self._control)})
        else:
            self.follow(roster)

    def leader(
        self,
        node: Parallel,
        rendezvous: Rendezvous,
        roster: list[dict[str, Any]],
        attempt: int,
        control: Control,
    ) -> Any:
        """What the step on node 0 finds in ``current``."""
        raise NotImplementedError

    def follow(self, roster: list[dict[str, Any]]) -> None:
        """Prepare another node."""

    def around(self, task: TaskContext, call: Callable[[], None]) -> Callable[[], None]:
        """On the other nodes, hold instead of the step's code."""
        if node_of(task).node_index == 0:

            def lead() -> None:
                # Only now have all decorators set what they set, @secrets among it, and they do so on each node.
                assert self._control is not None
                self._control.note_environment()
                call()

            return lead

        def hold() -> None:
            from ..distributed.worker import LOST_SECONDS, Worker

            assert self._rendezvous is not None
            Worker(self._rendezvous, self._polling, self._lost_seconds or LOST_SECONDS).hold()
            file, line = self._decorator.where or ("", 0)
            take_ordinary_way(task.flow, task.step, task.describe(), {}, (line, file))

        return hold

    def close(self, task: TaskContext) -> None:
        """Let the other nodes go."""
        if self._control is not None:
            self._control.finish()
        super().close(task)
