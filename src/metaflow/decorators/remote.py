"""What the decorators have in common that send a step to another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ..exception import MetaflowException
from ..flow.decorators import StepDecorator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flow.graph import FlowGraph

#: What is asked for of a machine, with the values that hold if nobody says anything. Memory and disk in megabytes.
RESOURCES: dict[str, Any] = {"cpu": 1, "memory": 4096, "disk": None, "gpu": None, "shared_memory": None}


class RemoteDecorator(StepDecorator):
    """Base of the declarations that send a step to an engine.

    Attributes
    ----------
    backend : str
        Name of the engine in the registry, category ``compute_backends``.
    connection : tuple of str
        Attributes that say which engine of its kind it is; what the backend is made with.
    needs_object_store : bool
        Whether its nodes never see a directory of the machine that the run is started on.
    """

    backend: ClassVar[str | None]
    connection: ClassVar[tuple[str, ...]] = ()
    needs_object_store: ClassVar[bool] = False

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the step goes to one place only, and the limit of its tasks; overriding methods do more."""
        others = [d for d in graph[step].decorators if d.backend is not None and d is not self]
        if others:
            raise self.error(
                f"Step *{step}* cannot run in two places: it has @{self.name} and @{others[0].name}. Remove one.",
                MetaflowException,
            )
        limit = self.attributes.get("max_concurrent_tasks")
        if limit is not None and not self.number("max_concurrent_tasks", step, 1).is_integer():
            raise self.error(
                f"Step *{step}*: @{self.name}(max_concurrent_tasks={limit!r}) should be a whole number of at least 1."
            )

    def options(self, decorators: Iterable[StepDecorator]) -> dict[str, Any]:
        """All attributes, with those of ``@resources`` merged in: of what is written in both the larger holds.

        Parameters
        ----------
        decorators : iterable of StepDecorator
            Those of the step.
        """
        merged = dict(self.attributes)
        for other in decorators:
            if other.name == "resources":
                for name in other.given & RESOURCES.keys() & merged.keys():
                    merged[name] = self._larger(name, other.attributes[name])
        for name in RESOURCES.keys() & merged.keys():
            if merged[name] is None:
                merged[name] = RESOURCES[name]
        return merged

    def _larger(self, name: str, other: Any) -> Any:
        own = self.attributes[name] if name in self.given else None
        values = [value for value in (own, other) if value is not None]
        return max(values, key=float, default=None)


def flag(value: Any) -> bool:
    """A value that is true or false, which may be written as text.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    text = str(value).lower()
    if text not in ("true", "false", "1", "0"):
        raise ValueError("should be True or False.")
    return text in ("true", "1")
