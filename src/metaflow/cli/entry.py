"""Where a flow's script enters: before anything slow is imported, so that the fork server can start first."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from .. import settings
from ..exception import MetaflowException
from ..runtime import fork_server
from ..runtime.start_method import choose

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec

#: Commands that run tasks.
_RUNNING_COMMANDS = frozenset({"run", "resume", "spin"})


def main(flow_class: type[FlowSpec]) -> NoReturn:
    """Run the command line of a flow and leave the process with its exit code.

    Parameters
    ----------
    flow_class : type
        The flow that the script defines.
    """
    # Nothing that is imported from here on becomes garbage; looking for it again and again takes milliseconds.
    gc.disable()
    _open_standard_streams()
    server = None if _RUNNING_COMMANDS.isdisjoint(sys.argv[1:]) else _start_server(flow_class)
    if "spin" in sys.argv[1:]:
        from .plain_spin import spin_if_plain

        spin_if_plain(flow_class, sys.argv[1:], server)
    from .flow_command import main as command_line

    gc.enable()
    command_line(flow_class, server)


def _open_standard_streams() -> None:
    """Give a process that was started with closed streams (``>&-``) ones that lead nowhere."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115 - open as long as we live
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115 - open as long as we live
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115 - open as long as we live


def _start_server(flow_class: type[FlowSpec]) -> fork_server.ForkServer | None:
    """The fork server, warming up while this process parses the command line; None if tasks cannot be forked."""
    try:
        method = choose(settings.get("START_METHOD"))
    except MetaflowException:
        return None  # it will be met again where it can be reported
    return fork_server.start(flow_class) if method.name == "fork" else None
