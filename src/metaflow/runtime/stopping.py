"""How a run is asked to stop, and how long its tasks may take over it."""

from __future__ import annotations

#: Seconds that code has to react to a time-out before its process is killed.
TIMEOUT_GRACE = 5.0
#: The same for a task on another machine, which watches its time itself and has yet to send home what it printed.
REMOTE_TIMEOUT_GRACE = 120.0
#: Seconds that tasks have to react to being stopped before their processes are killed.
STOP_GRACE = 3.0


class RunStopped(Exception):
    """A person or the system asked the run to stop."""
