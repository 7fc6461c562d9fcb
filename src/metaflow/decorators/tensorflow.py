"""``@tensorflow``: the nodes of a parallel step as TensorFlow's workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import attach
from ..flow.hooks import TaskContext, TaskHook
from .meeting import MeetingHook
from .parallel import ParallelDecorator, port_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..distributed.rendezvous import Rendezvous
    from ..flow.parallel_node import Parallel

F = TypeVar("F", bound="Callable[..., Any]")

#: Ports of the nodes.
_FIRST_PORT, _NUM_PORTS = 40_000, 20_000
#: Seconds that nodes wait for each other.
_ALL_NODES_STARTED_TIMEOUT = 600.0


class TensorflowDecorator(ParallelDecorator):
    """Declaration of ``@tensorflow``."""

    name: ClassVar[str] = "tensorflow"

    def hook(self) -> TaskHook:
        """Has the nodes wait for each other, and tells them of all of them."""
        return _Tensorflow(self, _ALL_NODES_STARTED_TIMEOUT)


class _Tensorflow(MeetingHook):
    def facts(self, node: Parallel) -> dict[str, Any]:
        from ..distributed.addresses import address_of_node

        return {"address": address_of_node(node, _ALL_NODES_STARTED_TIMEOUT)}

    def prepare(self, task: TaskContext, node: Parallel, rendezvous: Rendezvous, roster: list[dict[str, Any]]) -> None:
        super().prepare(task, node, rendezvous, roster)
        addresses = [str(facts["address"]) for facts in roster]
        os.environ["TF_CONFIG"] = tf_config(addresses, node.node_index, port_of(node, task.attempt))


def tf_config(addresses: Sequence[str], index: int, gang: int) -> str:
    """What TensorFlow reads from the environment variable ``TF_CONFIG``.

    Parameters
    ----------
    addresses : sequence of str
        Those of all nodes, in order.
    index : int
        Which of them this one is.
    gang : int
        A number that differs between gangs, so that those that share a machine use different ports.
    """
    import json

    count = len(addresses)
    first = gang * count
    ports = [_FIRST_PORT + (first + node) % _NUM_PORTS for node in range(count)]
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    workers = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


@overload
def tensorflow(f: F, /) -> F: ...
@overload
def tensorflow() -> Callable[[F], F]: ...
def tensorflow(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for TensorFlow: sets ``TF_CONFIG``, by which its workers find each other.

    The step begins when all nodes are there. In it, ``tf.distribute.MultiWorkerMirroredStrategy()`` needs no arguments.
    """
    return attach(TensorflowDecorator, f, attributes)
