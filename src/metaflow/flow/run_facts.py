"""What the decorators of a flow add to each of its runs."""

from __future__ import annotations

from typing import Any, NamedTuple


class RunFacts(NamedTuple):
    """What the flow decorators of a run add to it, as data that can be written as JSON.

    Attributes
    ----------
    current : dict of str to object
        Attributes of ``current`` in every task.
    system_tags : tuple of str
        Tags of the run.
    metadata : dict of str to str
        Recorded with the task that holds the run's parameters.
    """

    current: dict[str, Any] = {}
    system_tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
