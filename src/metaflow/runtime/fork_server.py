"""The fork server: a process that holds the imported flow and forks a child for every task.

It is forked from the run's process as early as possible: before that has threads or connections, and before it imports
what only the command line and the scheduler need, so that it is small and its children start fast. It does nothing but
fork and reap, and ends, with every task and all that the tasks started, as soon as the run's process is gone.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from typing import TYPE_CHECKING, NamedTuple

from ..exception import MetaflowException
from .open_files import flush, open_files

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec
    from .channel import Channel


class ForkServer(NamedTuple):
    """A running fork server, as the process that started it sees it.

    Attributes
    ----------
    channel : Channel
        Connection to it. The first message says which run it is for: ``["run", RunSpec]``.
    pid : int
    """

    channel: Channel
    pid: int


def start(flow_class: type[FlowSpec]) -> ForkServer:
    """Fork a server for the tasks of a flow."""
    from .channel import Channel

    ours, theirs = Channel.pair()
    # Python's generator seeds itself anew in every child, so what the user's code left must be taken before.
    random_state = random.getstate()
    # Python 3.12 and later warn of native threads, such as those of NumPy's linear algebra, which cope with forks;
    # whether there are any that do not is what `start_method` has looked at.
    warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)
    # What is still in buffers would otherwise be written by every child again.
    flush(open_files())
    pid = os.fork()
    if pid:
        theirs.close()
        return ForkServer(ours, pid)
    try:
        ours.close()
        # A session of its own: Ctrl-C is for the scheduler alone to handle, and a step that asks the terminal for a
        # password is told that there is none instead of being stopped for ever as a background job.
        os.setsid()
        from .fork_loop import serve

        serve(theirs, flow_class, random_state)
    except MetaflowException as error:
        sys.stderr.write(
            f"{error.headline}:\n{error.message}\nThis came up in the process that starts tasks, and not in the one "
            "that checked the flow. Mutators and what --with imports must do the same wherever they run.\n"
        )
        os._exit(1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)
