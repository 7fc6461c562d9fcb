"""What a run does before it sends tasks elsewhere: sees that the engines are there, and says how tasks are started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .. import registry, settings
from ..datastore.parallel import map_in_threads
from ..exception import CommandException, MetaflowException
from ..runtime.sources import started_script
from ..runtime.spawn_executor import started_module
from .bundle import Bundle
from .environment import node_variables
from .executor import Launch, RemoteExecutor
from .placement import Placement, placements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..datastore.store import ObjectStore
    from ..flow.graph import FlowGraph
    from ..runtime.executor import Executor, MakeExecutor
    from ..runtime.loop import EventLoop
    from ..runtime.run import RunOptions
    from ..runtime.specs import RunSpec
    from .backend import Backend


class Elsewhere:
    """The engines of a run.

    Parameters
    ----------
    graph : FlowGraph
        The flow's graph, checked. Some of its steps run elsewhere.
    options : RunOptions
    """

    def __init__(self, graph: FlowGraph, options: RunOptions) -> None:
        self._placements = placements(graph)
        if not options.home.datastore:
            _check_reach(self._placements)
        self._options = options
        script = started_script()
        if script is None:
            raise CommandException("Steps can run elsewhere only if the flow is in a file.")
        self._script = tuple(started_module() or [script.name])
        self._backends = open_backends(self._placements)

    def executor_maker(self, run: RunSpec, store: ObjectStore, local: MakeExecutor) -> MakeExecutor:
        """What makes the executor of the run, given what makes that for its tasks on this machine."""
        bundle = Bundle(store, run)
        launch = Launch(
            placements=self._placements,
            backends=self._backends,
            script=self._script,
            # In an image, the interpreter of this machine is somewhere else, or another one.
            command=lambda options: bundle.command(
                options.get("executable"), None if "image" in options else sys.executable
            ),
            variables=lambda engine: {**node_variables(run, engine), **bundle.variables},
            facts={"flow": run.flow, "user": run.user, **_projects(run)},
            service=settings.get("SERVICE_INTERNAL_URL") or run.service if run.service else "",
            max_log_bytes=self._options.limits.max_log_bytes,
            silence_seconds=settings.get("REMOTE_SILENCE_LIMIT"),
        )

        def make(loop: EventLoop, lost: Callable[[Exception], None]) -> Executor:
            return RemoteExecutor(loop, run, store, launch, local(loop, lost))

        return make


def _check_reach(found: Mapping[str, Placement]) -> None:
    """See that no step goes where a datastore that is a directory of this machine cannot be reached."""
    for step, placement in found.items():
        if placement.needs_object_store:
            raise MetaflowException(
                f"Step *{step}* is to run with @{placement.backend}, whose machines cannot reach a datastore that is a "
                "directory of this one. Use an object store: `--datastore s3`, `gs` or `azure`, with "
                "METAFLOW_DATASTORE_SYSROOT_S3, _GS or _AZURE."
            )


def open_backends(found: Mapping[str, Placement]) -> dict[str, Backend]:
    """Open the engines of some steps, and see that they are there.

    Returns
    -------
    dict
        By :attr:`Placement.engine`.

    Raises
    ------
    MetaflowException
        If one cannot be used.
    """
    engines = {placement.engine: placement for placement in found.values()}
    opened = [open_backend(placement.backend, placement.connection) for placement in engines.values()]
    map_in_threads(lambda backend: backend.check(), opened, len(opened))
    return dict(zip(engines, opened, strict=True))


def open_backend(name: str, connection: Mapping[str, Any]) -> Backend:
    """Make a backend.

    Raises
    ------
    MetaflowException
        If there is none of that name, or what it needs is not installed.
    """
    try:
        make = registry.load("compute_backends", name)
    except KeyError:
        raise MetaflowException(
            f"There is no engine *{name}* to run steps on. There are {', '.join(registry.names('compute_backends'))}."
        ) from None
    backend: Backend = make(**connection)
    return backend


def _projects(run: RunSpec) -> dict[str, str]:
    facts = {"project": run.facts.get("project_name"), "branch": run.facts.get("branch_name")}
    return {name: str(value) for name, value in facts.items() if value}
