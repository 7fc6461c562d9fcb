"""``@ray_step``: a step whose tasks run on a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import attach
from .remote import RemoteDecorator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..flow.decorators import StepDecorator
    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: Resources that have attributes of their own, under Ray's names.
_NAMED = {"CPU": "cpu", "GPU": "gpu", "memory": "memory"}
#: How Ray may place the nodes of a gang.
_STRATEGIES = ("SPREAD", "STRICT_SPREAD", "PACK", "STRICT_PACK")
#: Parts of a runtime_env that are often directories of this machine.
_FILES = ("working_dir", "py_modules")


class RayStepDecorator(RemoteDecorator):
    """Declaration of ``@ray_step``."""

    name: ClassVar[str] = "ray_step"
    backend: ClassVar[str] = "ray"
    connection: ClassVar[tuple[str, ...]] = ("address",)
    defaults: ClassVar[dict[str, Any]] = {
        "address": None,
        "cpu": 1,
        "gpu": None,
        "memory": None,
        "resources": {},
        "runtime_env": {},
        "executable": None,
        "placement_strategy": "SPREAD",
        "max_concurrent_tasks": None,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check amounts, and what Ray could not use."""
        super().validate(graph, step)
        for attribute in ("cpu", "gpu", "memory"):
            if self.attributes[attribute] is not None:
                amount = self.number(attribute, step)
                if attribute != "memory":
                    self._check_whole(step, attribute, amount)
        self._check_resources(step)
        self._check_runtime_env(step)
        strategy = self.attributes["placement_strategy"]
        if strategy not in _STRATEGIES:
            raise self.error(
                f"Step *{step}*: @ray_step(placement_strategy={strategy!r}) should be one of {', '.join(_STRATEGIES)}."
            )

    def options(self, decorators: Iterable[StepDecorator]) -> dict[str, Any]:
        """All attributes, merged with those of ``@resources``; memory only if somebody asked for some.

        Ray counts memory only where it is asked for, so a default would keep small clusters from running anything. On
        nodes, the first ``python3`` is the interpreter of the cluster, whichever one this machine has.
        """
        every = list(decorators)
        merged = super().options(every)
        if not any("memory" in each.given for each in (self, *every) if each.name in ("resources", self.name)):
            merged["memory"] = None
        merged["executable"] = merged["executable"] or "python3"
        return merged

    def _check_resources(self, step: str) -> None:
        resources = self.attributes["resources"]
        if not isinstance(resources, dict):
            raise self.error(
                f"Step *{step}*: @ray_step(resources={resources!r}) should be a dictionary of resources and amounts, "
                'as in resources={"TPU": 1}.'
            )
        for name, value in resources.items():
            if name in _NAMED:
                raise self.error(
                    f"Step *{step}*: {name} has an attribute of its own. Write @ray_step({_NAMED[name]}={value!r}) "
                    "instead of naming it in resources."
                )
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not isinstance(name, str) or not is_number or not 0 <= value < float("inf"):
                raise self.error(
                    f"Step *{step}*: @ray_step(resources={{{name!r}: {value!r}}}) should be a name and a number."
                )
            self._check_whole(step, f"resources[{name!r}]", value)

    def _check_whole(self, step: str, what: str, amount: float) -> None:
        if amount > 1 and amount != int(amount):
            raise self.error(f"Step *{step}*: @ray_step: {what} is {amount:g}, but Ray takes no fractions above 1.")

    def _check_runtime_env(self, step: str) -> None:
        runtime_env = self.attributes["runtime_env"]
        if not isinstance(runtime_env, dict):
            raise self.error(
                f"Step *{step}*: @ray_step(runtime_env={runtime_env!r}) should be a dictionary, as in "
                'runtime_env={"pip": ["xgboost"]}.'
            )
        for part in _FILES:
            places = runtime_env.get(part) or ()
            for place in (places,) if isinstance(places, str) else places:
                if "://" not in str(place):
                    raise self.error(
                        f"Step *{step}*: {part} in the runtime_env of @ray_step is {place!r}, which is a place on this "
                        "machine. The flow's own code is sent anyway; other files have to be where the cluster can "
                        "fetch them, such as s3://BUCKET/files.zip."
                    )


@overload
def ray_step(f: F, /) -> F: ...
@overload
def ray_step(
    *,
    address: str | None = ...,
    cpu: float = ...,
    gpu: float | None = ...,
    memory: int | None = ...,
    resources: dict[str, float] = ...,
    runtime_env: dict[str, Any] = ...,
    executable: str | None = ...,
    placement_strategy: str = ...,
    max_concurrent_tasks: int | None = ...,
) -> Callable[[F], F]: ...
def ray_step(f: Any = None, **attributes: Any) -> Any:
    """Run the step's tasks on a Ray cluster.

    Parameters
    ----------
    address : str, optional
        Address of the cluster's dashboard, such as ``http://HOST:8265``. By default the setting ``RAY_ADDRESS``, then
        the variables ``RAY_API_SERVER_ADDRESS`` and ``RAY_ADDRESS`` of Ray itself.
    cpu : float, default 1
        Number of processor cores; of this and `@resources(cpu=...)` the larger.
    gpu : float, optional
        Number of graphics processors, likewise.
    memory : int, optional
        Memory in megabytes, likewise. Ray keeps a task off nodes that have too little, but does not enforce it.
    resources : dict of str to float, optional
        Amounts of resources of the cluster's own.
    runtime_env : dict, optional
        Ray's ``runtime_env`` for the processes in which tasks run, such as ``{"pip": [...]}``.
    executable : str, optional
        Interpreter of tasks; by default the one that runs Ray on the node.
    placement_strategy : {"SPREAD", "STRICT_SPREAD", "PACK", "STRICT_PACK"}
        How the nodes of a ``@parallel`` step are placed on those of the cluster.
    max_concurrent_tasks : int, optional
        How many tasks of the step run at the same time.
    """
    return attach(RayStepDecorator, f, attributes)
