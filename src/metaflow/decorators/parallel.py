"""``@parallel`` and ``@pytorch_parallel``: a step whose nodes run at the same time and know of each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException
from ..flow.current import current
from ..flow.decorators import StepDecorator, attach
from ..flow.hooks import TaskContext, TaskHook
from ..flow.parallel_node import MAIN_ADDRESS_VARIABLE, Parallel
from ..flow.retries import MAX_ATTEMPTS
from ..flow.transition import PARALLEL_ITERATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: On one machine the nodes are processes beside each other.
_THIS_MACHINE = "127.0.0.1"
#: Ports among which PyTorch's is chosen: below those that systems hand out by themselves.
_FIRST_PORT, _NUM_PORTS = 20_000, 10_000
#: How far apart two ports are that a gang uses one after the other.
_NEXT_USE = 1_009


class ParallelDecorator(StepDecorator):
    """Declaration of ``@parallel``, and base of those that set up a framework on the nodes.

    That the step is led to with ``num_parallel``, leads to a join and is no switch are rules of the graph.
    """

    name: ClassVar[str] = "parallel"

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the step has one framework: of two, each would wait in vain for the nodes to do as it wants."""
        own = (ParallelDecorator, PytorchParallelDecorator)
        gangs = [each for each in graph[step].decorators if isinstance(each, ParallelDecorator)]
        frameworks = [each.name for each in gangs if type(each) not in own]
        if len(frameworks) > 1:
            raise self.error(
                f"Step *{step}* has both @{frameworks[0]} and @{frameworks[1]}, which cannot share the nodes of a "
                "step. Use one of them, or a step for each.",
                MetaflowException,
            )

    def environment(self, node: Parallel, attempt: int) -> dict[str, str]:
        """Environment variables of a node, beside those that say which one it is."""
        return {}

    def hook(self) -> TaskHook:
        """Tells the task which node it is."""
        return NodeHook(self)


class NodeHook(TaskHook):
    """Tells a task which node it is.

    Parameters
    ----------
    decorator : ParallelDecorator
    """

    def __init__(self, decorator: ParallelDecorator) -> None:
        self._decorator = decorator

    def before(self, task: TaskContext) -> None:
        """Set the environment variables of the node."""
        node = node_of(task)
        os.environ.update(node.variables())
        os.environ.update(self._decorator.environment(node, task.attempt))
        current._update({"is_parallel": True})


def node_of(task: TaskContext) -> Parallel:
    """Which node a task is; the only one if it is run on its own, outside its flow."""
    state = task.flow._flow_state
    frame = state.frames[-1] if state is not None and state.frames else None
    if frame is None or frame.variable != PARALLEL_ITERATOR:
        return Parallel(_THIS_MACHINE, 1, 0, current.task_id)
    main_ip = os.environ.get(MAIN_ADDRESS_VARIABLE) or _THIS_MACHINE
    return Parallel(main_ip, frame.num_splits, frame.index, current.task_id.partition("_node_")[0])


class PytorchParallelDecorator(ParallelDecorator):
    """Declaration of ``@pytorch_parallel``."""

    name: ClassVar[str] = "pytorch_parallel"
    defaults: ClassVar[dict[str, Any]] = {"master_port": None}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the port is one."""
        super().validate(graph, step)
        check_port(self, "master_port", step)

    def environment(self, node: Parallel, attempt: int) -> dict[str, str]:
        """What ``torch.distributed`` and PyTorch Lightning read."""
        port = self.attributes["master_port"]
        rank, size = str(node.node_index), str(node.num_nodes)
        return {
            "MASTER_ADDR": node.main_ip,
            "MASTER_PORT": str(int(port) if port is not None else port_of(node, attempt)),
            "RANK": rank,
            "NODE_RANK": rank,
            "WORLD_SIZE": size,
            "NUM_NODES": size,
        }


def check_port(decorator: ParallelDecorator, attribute: str, step: str) -> None:
    """Check that an attribute is a port, or None.

    Raises
    ------
    InvalidDecoratorAttribute
        If it is neither.
    """
    port = decorator.attributes[attribute]
    if port is not None and not 1 <= decorator.number(attribute, step) <= 65_535:
        raise decorator.error(
            f"Step *{step}*: @{decorator.name}({attribute}={port!r}) should be a port from 1 to 65535."
        )


def port_of(node: Parallel, attempt: int, use: int = 0) -> int:
    """A port on which all nodes agree without talking, other than that of each other gang and attempt of the run.

    `use` counts the times that the gang needs one: what used the last one may not have let go of it on all nodes yet.
    """
    from zlib import crc32

    gang = node.control_task_id or ""
    number = int(gang) if gang.isdecimal() else crc32(gang.encode())
    offset = crc32((current.run_id or "").encode())
    return _FIRST_PORT + (offset + number * MAX_ATTEMPTS + attempt + use * _NEXT_USE) % _NUM_PORTS


@overload
def parallel(f: F, /) -> F: ...
@overload
def parallel() -> Callable[[F], F]: ...
def parallel(f: Any = None, **attributes: Any) -> Any:
    """Let the step be run by several nodes at the same time, which know of each other.

    The step before says how many: ``self.next(self.train, num_parallel=4)``. The step after is a join. On this
    machine each node is a process. ``current.parallel`` tells a node its index and where node 0 is. If a node fails,
    the others are stopped, and ``@retry`` tries all of them again.
    """
    return attach(ParallelDecorator, f, attributes)


@overload
def pytorch_parallel(f: F, /) -> F: ...
@overload
def pytorch_parallel(*, master_port: int | None = ...) -> Callable[[F], F]: ...
def pytorch_parallel(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for PyTorch: sets the environment variables by which its processes find each other.

    These are ``MASTER_ADDR``, ``MASTER_PORT``, ``RANK``, ``NODE_RANK``, ``WORLD_SIZE`` and ``NUM_NODES``, so that
    ``torch.distributed.init_process_group()`` works without arguments.

    Parameters
    ----------
    master_port : int, optional
        Port of node 0. By default one is chosen that no other gang of the run uses.
    """
    return attach(PytorchParallelDecorator, f, attributes)
