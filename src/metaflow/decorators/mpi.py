"""``@mpi``: MPI programs on the nodes of a parallel step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import attach
from ..flow.hooks import TaskHook
from .meeting import LedHook
from .parallel import ParallelDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..distributed.control import Control
    from ..distributed.rendezvous import Rendezvous
    from ..flow.graph import FlowGraph
    from ..flow.parallel_node import Parallel

F = TypeVar("F", bound="Callable[..., Any]")


class MpiDecorator(ParallelDecorator):
    """Declaration of ``@mpi``."""

    name: ClassVar[str] = "mpi"
    defaults: ClassVar[dict[str, Any]] = {"all_nodes_started_timeout": 90, "worker_polling_freq": 5}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the attributes are numbers that make sense."""
        super().validate(graph, step)
        self.number("all_nodes_started_timeout", step)
        self.number("worker_polling_freq", step)

    def hook(self) -> TaskHook:
        """Has the nodes wait for each other, and node 0 lead them."""
        attributes = self.attributes
        return _Mpi(self, float(attributes["all_nodes_started_timeout"]), float(attributes["worker_polling_freq"]))


class _Mpi(LedHook):
    def facts(self, node: Parallel) -> dict[str, Any]:
        import os

        return {**super().facts(node), "slots": os.cpu_count() or 1}

    def follow(self, roster: list[dict[str, Any]]) -> None:
        from ..distributed.mpi import stand_in_for_directory

        stand_in_for_directory(str(roster[0]["directory"]))

    def leader(
        self,
        node: Parallel,
        rendezvous: Rendezvous,
        roster: list[dict[str, Any]],
        attempt: int,
        control: Control,
    ) -> Any:
        from ..distributed.mpi import Mpi

        return Mpi(rendezvous, roster, control)


@overload
def mpi(f: F, /) -> F: ...
@overload
def mpi(*, all_nodes_started_timeout: float = ..., worker_polling_freq: float = ...) -> Callable[[F], F]: ...
def mpi(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for MPI: ``current.mpi`` compiles and runs programs across all nodes.

    The step's code runs on node 0 only, when all nodes are there. The others run what it tells them, and go on to the
    join when it is done.

    Parameters
    ----------
    all_nodes_started_timeout : float, default 90
        Seconds that nodes wait for each other.
    worker_polling_freq : float, default 5
        Seconds between two looks of the other nodes at what there is to do.

    Examples
    --------
    >>> @mpi
    ... @step
    ... def simulate(self):
    ...     current.mpi.cc(["-o", "hello", "hello.c"])
    ...     current.mpi.broadcast_file("hello")
    ...     current.mpi.run(["-n", "4"], program="./hello")
    ...     self.next(self.join)
    """
    return attach(MpiDecorator, f, attributes)
