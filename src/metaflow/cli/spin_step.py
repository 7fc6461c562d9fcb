"""What the ``spin`` command does once its arguments are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .. import settings
from ..datastore.root import resolve_spin_root
from ..exception import CommandException
from ..runtime.spin import SpinOptions, spin_step
from ..runtime.spin_origin import committed_origin, parse_pathspec
from .messages import echo

if TYPE_CHECKING:
    from ..client.home import Home
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from ..flow.run_facts import RunFacts
    from ..runtime.fork_server import ForkServer
    from ..runtime.spin_origin import SpinOrigin
    from .spin_arguments import SpinArguments


class SpinState(Protocol):
    """What the command needs of the invocation that it is part of."""

    quiet: bool
    server: ForkServer | None
    decospecs: tuple[str, ...]

    @property
    def declaration(self) -> FlowDeclaration:
        """The flow, configured."""

    def home(self) -> Home:
        """Where the runs are kept."""

    def run_facts(self) -> RunFacts:
        """What the flow's decorators add."""

    def checked_graph(self) -> FlowGraph:
        """The flow's graph, checked; completes the declaration."""


def find_origin(home: Home, graph: FlowGraph, pathspec: str) -> SpinOrigin:
    """What a pathspec says to spin on, from the files of that task if it is named in full, else from the records.

    Raises
    ------
    CommandException
        If there is no such thing.
    """
    wanted = parse_pathspec(graph, pathspec)
    origin = committed_origin(home.open_store(), graph, wanted)
    if origin is None:
        from ..runtime.spin_search import search_origin

        origin = search_origin(home, graph, wanted)
    return origin


def spin_step_of(state: SpinState, arguments: SpinArguments, origin: SpinOrigin | None = None) -> None:
    """Spin a step.

    Parameters
    ----------
    state : SpinState
    arguments : SpinArguments
    origin : SpinOrigin, optional
        What to spin on, if it was found already.

    Raises
    ------
    RunStopped
        If the process was asked to stop.
    MetaflowException
        If the step failed, or could not be run.
    """
    module = arguments.artifacts_module
    if module is not None and not os.path.isfile(module):
        raise CommandException(f"The artifacts module {module} does not exist.")
    graph = state.checked_graph()
    origin_home = state.home()
    if origin is None:
        origin = find_origin(origin_home, graph, arguments.pathspec)
    origin_home = origin.home(origin_home)
    root, created = resolve_spin_root(settings.get("DATASTORE_SYSROOT_SPIN"), create=True)
    if created and not state.quiet:
        echo(f"Creating a datastore for spun steps ({root})")
    options = SpinOptions(
        origin_home=origin_home,
        root=root,
        persist=settings.get("SPIN_PERSIST") if arguments.persist is None else arguments.persist,
        skip_decorators=arguments.skip_decorators,
        artifacts_module=None if module is None else os.path.abspath(module),
        max_log_bytes=arguments.max_log_size * 1024 * 1024,
        run_id_file=_path(arguments.run_id_file),
        runner_attribute_file=_path(arguments.runner_attribute_file),
        decospecs=state.decospecs,
        server=state.server,
        facts=state.run_facts(),
    )
    spin_step(state.declaration, graph, origin, options)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
