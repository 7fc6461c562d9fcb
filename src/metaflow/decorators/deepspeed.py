"""``@deepspeed``: DeepSpeed programs on the nodes of a parallel step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import attach
from ..flow.hooks import TaskHook
from .meeting import LedHook
from .parallel import ParallelDecorator, port_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..distributed.control import Control
    from ..distributed.rendezvous import Rendezvous
    from ..flow.graph import FlowGraph
    from ..flow.parallel_node import Parallel

F = TypeVar("F", bound="Callable[..., Any]")


class DeepspeedDecorator(ParallelDecorator):
    """Declaration of ``@deepspeed``."""

    name: ClassVar[str] = "deepspeed"
    defaults: ClassVar[dict[str, Any]] = {
        "all_nodes_started_timeout": 600,
        "worker_polling_freq": 0.5,
        "use_sudo": False,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the attributes are numbers that make sense."""
        super().validate(graph, step)
        self.number("all_nodes_started_timeout", step)
        self.number("worker_polling_freq", step)

    def hook(self) -> TaskHook:
        """Has the nodes wait for each other, and node 0 lead them."""
        attributes = self.attributes
        return _Deepspeed(
            self, float(attributes["all_nodes_started_timeout"]), float(attributes["worker_polling_freq"])
        )


class _Deepspeed(LedHook):
    def facts(self, node: Parallel) -> dict[str, Any]:
        from ..distributed.deepspeed import count_accelerators

        return {**super().facts(node), "slots": count_accelerators()}

    def leader(
        self,
        node: Parallel,
        rendezvous: Rendezvous,
        roster: list[dict[str, Any]],
        attempt: int,
        control: Control,
    ) -> Any:
        from ..distributed.deepspeed import DeepSpeed

        return DeepSpeed(node, roster, lambda use: port_of(node, attempt, use), control)


@overload
def deepspeed(f: F, /) -> F: ...
@overload
def deepspeed(
    *, all_nodes_started_timeout: float = ..., worker_polling_freq: float = ..., use_sudo: bool = ...
) -> Callable[[F], F]: ...
def deepspeed(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for DeepSpeed: ``current.deepspeed.run()`` runs a program across all nodes.

    The step's code runs on node 0 only, when all nodes are there. The others run what it tells them, and go on to the
    join when it is done.

    Parameters
    ----------
    all_nodes_started_timeout : float, default 600
        Seconds that nodes wait for each other.
    worker_polling_freq : float, default 0.5
        Seconds between two looks of the other nodes at what there is to do.
    use_sudo : bool, default False
        Taken for the sake of flows that have it; nothing here needs the rights of another user.

    Examples
    --------
    >>> @deepspeed
    ... @step
    ... def train(self):
    ...     current.deepspeed.run(entrypoint="train.py", entrypoint_args={"deepspeed_config": "ds.json"})
    ...     self.next(self.join)
    """
    return attach(DeepspeedDecorator, f, attributes)
