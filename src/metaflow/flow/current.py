"""``current``: facts about the task that is running."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..cards.running.current_card import CardCollector
    from ..client import Run, Task
    from ..client.trigger import Trigger
    from ..distributed.deepspeed import DeepSpeed
    from ..distributed.mpi import Mpi
    from ..distributed.torchrun import Torchrun
    from .parallel_node import Parallel


class Current:
    """Facts about the running task, None or absent outside one.

    Attributes
    ----------
    is_running_flow : bool
        Whether a task is running in this process.
    flow_name, run_id, step_name, task_id : str or None
    retry_count : int
        Number of the attempt; 0 is the first.
    origin_run_id : str or None
        Run that this one resumes.
    pathspec : str or None
        ``Flow/run/step/task``.
    namespace, username : str or None
    tags : set of str
        User tags of the run.
    parameter_names : list of str
        Attribute names of the flow's parameters, in alphabetical order.
    is_parallel : bool
        Whether the task is a node of a ``@parallel`` step.
    torch, deepspeed, mpi : Torchrun, DeepSpeed, Mpi
        What runs programs on all nodes; there only in a step with ``@torchrun``, ``@deepspeed`` or ``@mpi``.
    ray_storage_path : str
        Where what Ray keeps for this step may go; there only in a step with ``@metaflow_ray``.
    card : CardCollector
        The cards of the step; there only in a step with ``@card``.
    project_name, branch_name, project_flow_name : str
    is_user_branch, is_test_branch, is_production : bool
        Where the flow works; there only if it has ``@project``.
    """

    if TYPE_CHECKING:
        # `| Any`, because they are None outside of a task, which no step needs to hear of.
        flow_name: str | Any
        run_id: str | Any
        step_name: str | Any
        task_id: str | Any
        retry_count: int
        origin_run_id: str | None
        namespace: str | Any
        username: str | Any
        tags: set[str] | Any
        parameter_names: list[str] | Any
        graph_info: dict[str, Any] | Any
        is_parallel: bool
        project_name: str
        branch_name: str
        project_flow_name: str
        is_user_branch: bool
        is_test_branch: bool
        is_production: bool
        torch: Torchrun
        deepspeed: DeepSpeed
        mpi: Mpi
        ray_storage_path: str
        card: CardCollector

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        facts = self.__dict__.get("_facts", {})
        if name == "graph_info" and name in facts:
            return self.graph
        if name in facts:
            return facts[name]
        if name in _OUTSIDE:
            return _OUTSIDE[name]
        if name in _OF_DECORATORS:
            decorator = _OF_DECORATORS[name]
            raise AttributeError(f"current.{name} is there only while a step runs that has {decorator}.")
        raise AttributeError(f"'Current' object has no attribute '{name}'")

    def __contains__(self, name: str) -> bool:
        return getattr(self, name, None) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """Fact called `name`, or `default` where there is none."""
        return getattr(self, name, default)

    @property
    def is_running_flow(self) -> bool:
        """Whether a task is running in this process."""
        return bool(self._facts)

    @property
    def pathspec(self) -> str | Any:
        """``Flow/run/step/task`` of the running task."""
        facts = self._facts
        if not facts:
            return None
        return "/".join(facts[key] for key in ("flow_name", "run_id", "step_name", "task_id"))

    @property
    def task(self) -> Task | Any:
        """The running task as a client object."""
        return self._client("Task", self.pathspec)

    @property
    def run(self) -> Run | Any:
        """The running run as a client object."""
        pathspec = self.pathspec
        return self._client("Run", "/".join(pathspec.split("/")[:2]) if pathspec else None)

    @property
    def graph(self) -> dict[str, Any]:
        """The flow's graph as plain data.

        Raises
        ------
        RuntimeError
            Outside a run.
        """
        graph = self._facts.get("graph_info")
        if graph is None:
            raise RuntimeError("current.graph is only available while a flow is running.")
        return graph() if callable(graph) else graph  # type: ignore[no-any-return]

    @property
    def parallel(self) -> Parallel:
        """Which node of a ``@parallel`` step this process is; the only one, elsewhere."""
        from .parallel_node import node_of_process

        return node_of_process()

    @property
    def trigger(self) -> Trigger:
        """What started the run, a :class:`~metaflow.client.trigger.Trigger`; there is none if a person did."""
        events = self._facts.get("trigger")
        if events is None:
            raise AttributeError("'Current' object has no attribute 'trigger'")
        from ..registry import load

        trigger: Trigger = load("client", "Trigger")(events)
        return trigger

    @property
    def tempdir(self) -> str:
        """Directory for temporary files (setting ``TEMPDIR``)."""
        from ..settings import get

        return str(get("TEMPDIR"))

    @property
    def spot_termination_notice(self) -> str:
        """Path of the file that appears when the spot instance that the task runs on is about to be taken away."""
        from .spot_notice import notice_path

        return notice_path()

    def _client(self, kind: str, pathspec: str | None) -> Any:
        if pathspec is None:
            return None
        from ..registry import load

        return load("client", kind)(pathspec, _namespace_check=False)

    def _set(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def _update(self, facts: dict[str, Any]) -> None:
        """Add facts that a decorator contributes."""
        self._facts.update(facts)


_OUTSIDE: dict[str, Any] = {
    "flow_name": None,
    "run_id": None,
    "step_name": None,
    "task_id": None,
    "retry_count": 0,
    "origin_run_id": None,
    "namespace": None,
    "username": None,
    "tags": None,
    "parameter_names": None,
    "graph_info": None,
    "is_parallel": False,
}

#: Facts that only steps with some decorator have.
_OF_DECORATORS = {
    "card": "@card",
    "deepspeed": "@deepspeed",
    "mpi": "@mpi",
    "ray_storage_path": "@metaflow_ray",
    "torch": "@torchrun",
}

current = Current()
