"""What runs were given and what they found, as commands show it; what cannot be read is told of on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..client.run_values import ValueReader
from .messages import echo

if TYPE_CHECKING:
    from ..client.provider import Provider
    from ..client.run_values import Value
    from ..metadata_store.records import RunRecord, TaskRecord


def parameters_of(provider: Provider, run: RunRecord) -> dict[str, Value]:
    """What a run was started with, by name: its parameters, but not the constants of its class."""
    return reading(provider).parameters_of(run)


def artifacts_of(provider: Provider, task: TaskRecord) -> dict[str, Value]:
    """What a task left, by name, without what begins with an underscore."""
    return reading(provider).artifacts_of(task)


def results_of(provider: Provider, run: RunRecord) -> dict[str, Value]:
    """What the last step of a run left, by name, without its parameters and constants; nothing if it has not ended."""
    return reading(provider).results_of(run)


def reading(provider: Provider) -> ValueReader:
    """For who asks for more than one thing of a run: what cannot be read is read, and told of, once."""
    return ValueReader(provider, echo, loads=True)
