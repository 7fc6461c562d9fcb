"""``@resources``: what a step needs from the machine that it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import StepDecorator, attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")


class ResourcesDecorator(StepDecorator):
    """Declaration of ``@resources``. It has no effect on this machine; back ends that place tasks read it."""

    name: ClassVar[str] = "resources"
    defaults: ClassVar[dict[str, Any]] = {
        "cpu": "1",
        "gpu": None,
        "disk": None,
        "memory": "4096",
        "shared_memory": None,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that all amounts are numbers."""
        for attribute, value in self.attributes.items():
            if value is not None:
                self.number(attribute, step)


@overload
def resources(f: F, /) -> F: ...
@overload
def resources(
    *,
    cpu: float = ...,
    gpu: int | None = ...,
    disk: int | None = ...,
    memory: int = ...,
    shared_memory: int | None = ...,
) -> Callable[[F], F]: ...
def resources(f: Any = None, **attributes: Any) -> Any:
    """Say what the step needs, for the back ends that place tasks on machines. Without effect on this machine.

    Parameters
    ----------
    cpu : float, default 1
        Number of processor cores.
    gpu : int, optional
        Number of graphics processors.
    disk : int, optional
        Disk space in megabytes.
    memory : int, default 4096
        Memory in megabytes.
    shared_memory : int, optional
        Shared memory in megabytes.
    """
    return attach(ResourcesDecorator, f, attributes)
