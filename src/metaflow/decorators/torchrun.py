"""``@torchrun``: PyTorch programs on the nodes of a parallel step, started by ``torch.distributed.run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.current import current
from ..flow.decorators import attach
from ..flow.hooks import TaskContext, TaskHook
from .meeting import MeetingHook
from .parallel import ParallelDecorator, check_port, port_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..distributed.rendezvous import Rendezvous
    from ..flow.graph import FlowGraph
    from ..flow.parallel_node import Parallel

F = TypeVar("F", bound="Callable[..., Any]")

#: What ``torch.distributed.run`` takes as a number of processes beside a number.
_COUNTED = ("auto", "gpu", "cpu", "xpu")


class TorchrunDecorator(ParallelDecorator):
    """Declaration of ``@torchrun``."""

    name: ClassVar[str] = "torchrun"
    defaults: ClassVar[dict[str, Any]] = {
        "master_port": None,
        "all_nodes_started_timeout": 600,
        "nproc_per_node": 1,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the attributes are numbers that make sense."""
        super().validate(graph, step)
        check_port(self, "master_port", step)
        self.number("all_nodes_started_timeout", step)
        if self.attributes["nproc_per_node"] not in _COUNTED:
            self.number("nproc_per_node", step, minimum=1)

    def hook(self) -> TaskHook:
        """Has the nodes wait for each other, and gives them ``current.torch``."""
        return _Torchrun(self, float(self.attributes["all_nodes_started_timeout"]))


class _Torchrun(MeetingHook):
    def check(self, task: TaskContext) -> None:
        from ..distributed.torchrun import check_torch

        check_torch(f"Step *{task.step}*, which has @torchrun,")

    def prepare(self, task: TaskContext, node: Parallel, rendezvous: Rendezvous, roster: list[dict[str, Any]]) -> None:
        from ..distributed.torchrun import Torchrun

        super().prepare(task, node, rendezvous, roster)
        attributes = self._decorator.attributes
        given, processes = attributes["master_port"], attributes["nproc_per_node"]

        def port(use: int) -> int:
            return int(given) if given is not None else port_of(node, task.attempt, use)

        processes = processes if processes in _COUNTED else int(processes)
        current._update({"torch": Torchrun(node, port, processes, rendezvous)})


@overload
def torchrun(f: F, /) -> F: ...
@overload
def torchrun(
    *,
    master_port: int | str | None = ...,
    all_nodes_started_timeout: float = ...,
    nproc_per_node: int | str = ...,
) -> Callable[[F], F]: ...
def torchrun(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for PyTorch programs: ``current.torch.run()`` runs one across all nodes.

    The step begins when all nodes are there.

    Parameters
    ----------
    master_port : int, optional
        Port of node 0 at which the processes meet. By default one is chosen that no other gang of the run uses.
    all_nodes_started_timeout : float, default 600
        Seconds that nodes wait for each other.
    nproc_per_node : int or str, default 1
        Processes on each node; ``"gpu"`` for as many as it has graphics cards.

    Examples
    --------
    >>> @torchrun(nproc_per_node=2)
    ... @step
    ... def train(self):
    ...     current.torch.run(entrypoint="train.py", entrypoint_args={"epochs": 3})
    ...     self.next(self.join)
    """
    return attach(TorchrunDecorator, f, attributes)
