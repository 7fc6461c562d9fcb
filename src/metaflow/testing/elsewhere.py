"""``@elsewhere``: sends a step to processes of this machine as if they were on another one, to test what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..decorators.remote import RemoteDecorator
from ..flow.decorators import attach

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


class ElsewhereDecorator(RemoteDecorator):
    """Declaration of ``@elsewhere``."""

    name: ClassVar[str] = "elsewhere"
    backend: ClassVar[str | None] = "elsewhere"
    connection: ClassVar[tuple[str, ...]] = ("directory", "largest_job")
    defaults: ClassVar[dict[str, Any]] = {
        "directory": None,
        "largest_job": 100,
        "cpu": None,
        "memory": None,
        "max_concurrent_tasks": None,
    }


@overload
def elsewhere(f: F, /) -> F: ...
@overload
def elsewhere(
    *,
    directory: str | None = ...,
    largest_job: int = ...,
    cpu: float | None = ...,
    memory: int | None = ...,
    max_concurrent_tasks: int | None = ...,
) -> Callable[[F], F]: ...
def elsewhere(f: Any = None, **attributes: Any) -> Any:
    """Run the step as it would run on another machine: with code and dependencies that were sent there.

    Its tasks are processes of this machine that know nothing of the run's process and outlive it. See
    :mod:`metaflow.testing.process_backend` for what a test can do to them.

    Parameters
    ----------
    directory : str, optional
        Where the engine keeps what it knows.
    largest_job : int, default 100
        How many tasks are submitted at once.
    cpu : float, optional
        Without effect.
    memory : int, optional
        Without effect.
    max_concurrent_tasks : int, optional
        How many tasks of the step are there at the same time.
    """
    return attach(ElsewhereDecorator, f, attributes)
