"""``@metaflow_ray``, also called ``@ray_parallel``: a Ray cluster on the nodes of a parallel step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException
from ..flow.current import current
from ..flow.decorators import attach
from ..flow.hooks import TaskContext, TaskHook
from .meeting import LedHook
from .parallel import ParallelDecorator, check_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..distributed.control import Control
    from ..distributed.ray_cluster import RayCluster
    from ..distributed.rendezvous import Rendezvous
    from ..flow.graph import FlowGraph
    from ..flow.parallel_node import Parallel

F = TypeVar("F", bound="Callable[..., Any]")

_LOG_STYLES = (None, "auto", "record", "pretty")
_LEVELS = (None, "debug", "info", "warning", "error", "fatal")


class MetaflowRayDecorator(ParallelDecorator):
    """Declaration of ``@metaflow_ray``."""

    name: ClassVar[str] = "metaflow_ray"
    defaults: ClassVar[dict[str, Any]] = {
        "main_port": None,
        "worker_polling_freq": 10,
        "all_nodes_started_timeout": 90,
        "heartbeat_timeout": 600,
        "unreachable_timeout": 600,
        "enable_worker_logs": False,
        "logging_level": None,
        "log_style": None,
        "enable_dashboard": False,
        "dashboard_port": 8265,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check ports, times and choices, and that the step is not on a Ray cluster anyway."""
        super().validate(graph, step)
        for port in ("main_port", "dashboard_port"):
            check_port(self, port, step)
        for seconds in ("worker_polling_freq", "all_nodes_started_timeout", "heartbeat_timeout", "unreachable_timeout"):
            self.number(seconds, step)
        self._check_choice(step, "log_style", _LOG_STYLES)
        self._check_choice(step, "logging_level", _LEVELS)
        if any(each.backend == "ray" for each in graph[step].decorators):
            raise self.error(
                f"Step *{step}* runs on a Ray cluster already (@ray_step), so @{self.name} would start a second one "
                "inside of it. Use @parallel, or none, and call ray.init() in the step.",
                MetaflowException,
            )

    def hook(self) -> TaskHook:
        """Starts Ray on the nodes, and runs the step's code on node 0."""
        seconds = {name: float(self.attributes[name]) for name in self.defaults if name.endswith(("timeout", "freq"))}
        lost = max(seconds["heartbeat_timeout"], seconds["unreachable_timeout"])
        return _Ray(self, seconds["all_nodes_started_timeout"], seconds["worker_polling_freq"], lost)

    def _check_choice(self, step: str, attribute: str, choices: tuple[str | None, ...]) -> None:
        value = self.attributes[attribute]
        if (value.lower() if isinstance(value, str) else value) not in choices:
            named = ", ".join(str(choice) for choice in choices[1:])
            raise self.error(f"Step *{step}*: @{self.name}({attribute}={value!r}) should be one of {named}.")


class RayParallelDecorator(MetaflowRayDecorator):
    """Declaration of ``@ray_parallel``."""

    name: ClassVar[str] = "ray_parallel"


class _Ray(LedHook):
    _cluster: RayCluster | None = None

    def check(self, task: TaskContext) -> None:
        from ..distributed.ray_cluster import find_ray

        find_ray(task.step, self._decorator.name)

    def leader(
        self,
        node: Parallel,
        rendezvous: Rendezvous,
        roster: list[dict[str, Any]],
        attempt: int,
        control: Control,
    ) -> str:
        """Start Ray on all nodes; returns the cluster's address."""
        from ..distributed.ray_cluster import RayCluster, storage_path

        self._cluster = RayCluster(node, roster, control, self._decorator.attributes)
        address = self._cluster.start(self._timeout)
        current._update({"ray_storage_path": storage_path(node)})
        return address

    def close(self, task: TaskContext) -> None:
        """Let the other nodes go, and end Ray on this one."""
        if self._cluster is not None:
            self._cluster.disconnect()
        try:
            super().close(task)
        finally:
            if self._cluster is not None:
                self._cluster.end()


@overload
def metaflow_ray(f: F, /) -> F: ...
@overload
def metaflow_ray(
    *,
    main_port: int | None = ...,
    worker_polling_freq: float = ...,
    all_nodes_started_timeout: float = ...,
    heartbeat_timeout: float = ...,
    unreachable_timeout: float = ...,
    enable_worker_logs: bool = ...,
    logging_level: str | None = ...,
    log_style: str | None = ...,
    enable_dashboard: bool = ...,
    dashboard_port: int = ...,
) -> Callable[[F], F]: ...
def metaflow_ray(f: Any = None, **attributes: Any) -> Any:
    """Like :func:`parallel`, for Ray: the nodes of the step are a Ray cluster.

    The step's code runs on node 0 only, when all nodes have joined; ``ray.init()`` connects to them. The others work
    for the cluster, and go on to the join when the code is done. ``current.ray_storage_path`` is a place in the
    datastore for what Ray keeps, such as checkpoints.

    Parameters
    ----------
    main_port : int, optional
        Port of the cluster's head; by default one that is free.
    worker_polling_freq : float, default 10
        Seconds between two looks of the other nodes at whether the step is done; at most, as a datastore that is near
        is looked at more often.
    all_nodes_started_timeout : float, default 90
        Seconds that nodes wait for each other, and for Ray to have started on all of them.
    heartbeat_timeout, unreachable_timeout : float, default 600
        Seconds without a sign of life, of node 0 or of the datastore, after which the other nodes give up; the larger.
    enable_worker_logs : bool, default False
        Whether the nodes show all that Ray says when it starts, and not only what is wrong.
    logging_level : {"debug", "info", "warning", "error", "fatal"}, optional
        What Ray's own processes log.
    log_style : {"auto", "record", "pretty"}, optional
        Style of what Ray says when it starts.
    enable_dashboard : bool, default False
        Whether node 0 serves Ray's dashboard.
    dashboard_port : int, default 8265
        Port of the dashboard.

    Examples
    --------
    >>> @metaflow_ray
    ... @step
    ... def train(self):
    ...     import ray
    ...
    ...     ray.init()
    ...     self.squares = ray.get([square.remote(x) for x in range(100)])
    ...     self.next(self.join)
    """
    return attach(MetaflowRayDecorator, f, attributes)


@overload
def ray_parallel(f: F, /) -> F: ...
@overload
def ray_parallel(
    *,
    main_port: int | None = ...,
    worker_polling_freq: float = ...,
    all_nodes_started_timeout: float = ...,
    heartbeat_timeout: float = ...,
    unreachable_timeout: float = ...,
    enable_worker_logs: bool = ...,
    logging_level: str | None = ...,
    log_style: str | None = ...,
    enable_dashboard: bool = ...,
    dashboard_port: int = ...,
) -> Callable[[F], F]: ...
def ray_parallel(f: Any = None, **attributes: Any) -> Any:
    """The same as :func:`metaflow_ray`, which see for its parameters."""
    return attach(RayParallelDecorator, f, attributes)
