"""Where the steps of a flow run that do not run on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..decorators.remote import RemoteDecorator
    from ..flow.graph import FlowGraph


class Placement(NamedTuple):
    """What a step's decorator says.

    Attributes
    ----------
    backend : str
        Name of the engine in the registry.
    connection : mapping of str to object
        What the backend is made with.
    options : mapping of str to object
        All attributes, merged with those of ``@resources``.
    timeout_seconds : float or None
        Limit of ``@timeout``.
    needs_object_store : bool
        Whether its nodes cannot use a datastore that is a directory.
    """

    backend: str
    connection: Mapping[str, Any]
    options: Mapping[str, Any]
    timeout_seconds: float | None
    needs_object_store: bool = False

    @property
    def engine(self) -> str:
        """What makes out the engine among all."""
        return f"{self.backend} {json.dumps(self.connection, sort_keys=True, default=str)}"


def placements(graph: FlowGraph) -> dict[str, Placement]:
    """The steps that run elsewhere, by name."""
    found: dict[str, Placement] = {}
    for node in graph:
        for decorator in node.decorators:
            if decorator.backend is None:
                continue
            remote = cast("RemoteDecorator", decorator)
            options = remote.options(node.decorators)
            limits = [limit for each in node.decorators if (limit := each.timeout_seconds()) is not None]
            connection = {name: options[name] for name in remote.connection}
            found[node.name] = Placement(
                decorator.backend, connection, options, min(limits, default=None), remote.needs_object_store
            )
    return found
