"""Runs a plain ``spin`` command, without what only other commands need."""

from __future__ import annotations

import gc
import os
import sys
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING

from .. import __version__, settings
from ..exception import MetaflowException
from ..flow.declaration import FlowDeclaration
from ..flow.parameters import Parameter
from ..flow.run_facts import RunFacts
from ..flow.spec import FlowSpec
from ..runtime.stopping import RunStopped
from .messages import echo, print_exception, print_metaflow_exception
from .spin_arguments import SpinArguments, read_plain
from .spin_step import spin_step_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..client.home import Home
    from ..flow.graph import FlowGraph
    from ..runtime.fork_server import ForkServer

_FUNCTIONS = (FunctionType, BuiltinFunctionType, classmethod, staticmethod, property)
_SIMPLE = (str, int, float, bool, type(None))
#: What Python itself puts into a class.
_ORDINARY = frozenset(
    f"__{name}__"
    for name in [
        "annotations",
        "annotate",
        "annotate_func",
        "dict",
        "doc",
        "firstlineno",
        "module",
        "qualname",
        "static_attributes",
        "weakref",
    ]
)
_KINDS = ("DEFAULT_DATASTORE", "DEFAULT_METADATA", "DEFAULT_ENVIRONMENT")


def spin_if_plain(flow_class: type[FlowSpec], arguments: Sequence[str], server: ForkServer | None) -> None:
    """Spin a step and leave the process; come back if the command or the flow takes more than is known here.

    Parameters
    ----------
    flow_class : type
        The flow that the script defines.
    arguments : sequence of str
        What follows the name of the script.
    server : ForkServer or None
        For the task.
    """
    read = read_plain(arguments, os.environ) if is_plain(flow_class) else None
    if read is None:
        return
    code = 1
    try:
        if any(settings.get(kind) != "local" for kind in _KINDS):
            return
        spin_step_of(_PlainState(flow_class, read, server), read)
        code = 0
    except (KeyboardInterrupt, RunStopped):
        echo("Aborted!")
    except MetaflowException as error:
        print_metaflow_exception(error)
    except Exception as error:
        print_exception(error)
    # See the same place of the whole command line.
    gc.freeze()
    sys.exit(code)


def is_plain(flow_class: type[FlowSpec]) -> bool:
    """Whether a flow consists of steps, parameters and simple constants, which add nothing to its command line."""
    for cls in flow_class.__mro__:
        if cls is FlowSpec:
            return True
        for name, value in vars(cls).items():
            if name in _ORDINARY or isinstance(value, _FUNCTIONS):
                continue
            if name.startswith("_") or not (isinstance(value, _SIMPLE) or type(value) is Parameter):
                return False
    return False


class _PlainState:
    """What the command needs of the flow."""

    def __init__(self, flow_class: type[FlowSpec], arguments: SpinArguments, server: ForkServer | None) -> None:
        self.quiet = arguments.quiet
        self.server = server
        self.decospecs: tuple[str, ...] = ()
        self.declaration = FlowDeclaration(flow_class)
        self._datastore_root = arguments.datastore_root

    def home(self) -> Home:
        """Where the runs are kept."""
        from ..client.home import resolve_home

        return resolve_home(None, self._datastore_root, None, create=False)[0]

    def run_facts(self) -> RunFacts:
        """Nothing: there are no decorators of the flow."""
        return RunFacts()

    def checked_graph(self) -> FlowGraph:
        """The flow's graph after validation, with the usual messages."""
        from ..identity import resolve_identity
        from ..runtime.declared import checked_graph
        from .flow_file import check_script

        if not self.quiet:
            echo(f"Metaflow {__version__} executing *{self.declaration.name}* for *{resolve_identity()}*")
            echo("Validating your flow...")
        check_script()
        self.declaration.configure({})
        self.declaration.complete()
        graph = checked_graph(self.declaration)
        if not self.quiet:
            echo("    The graph looks good!")
        return graph
