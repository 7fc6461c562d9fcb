"""Where the logs of a run's tasks on this machine go: into its datastore, by files here if that is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..datastore.layout import log_key
from ..datastore.local import local_file
from .still_waiting import StillWaiting

if TYPE_CHECKING:
    from pathlib import Path

    from ..datastore.store import ObjectStore
    from .log_uploads import LogUploads
    from .loop import EventLoop
    from .specs import RunSpec, TaskSpec


class RunLogs:
    """The logs of one run.

    Parameters
    ----------
    run : RunSpec
    store : ObjectStore
        The datastore of the run.

    Attributes
    ----------
    uploads : LogUploads or None
        What brings files to a datastore that is elsewhere.
    """

    def __init__(self, run: RunSpec, store: ObjectStore) -> None:
        self._run = run
        self._store = store
        self.uploads: LogUploads | None = None
        if store.is_remote:
            from .log_uploads import LogUploads

            self.uploads = LogUploads(store, run.root, run.flow, run.run_id)

    def refresh(self, loop: EventLoop) -> None:
        """Send now and then what running tasks have printed."""
        if self.uploads is not None:
            self.uploads.refresh()
            loop.call_later(self.uploads.refresh_seconds, lambda: self.refresh(loop))

    def path(self, spec: TaskSpec) -> Path | str:
        """The file for the log of a task that starts."""
        key = self._key(spec)
        path = local_file(self._store, key) if self.uploads is None else self.uploads.add(key)
        assert path is not None
        return path

    def finish(self, spec: TaskSpec) -> None:
        """The task prints nothing more."""
        if self.uploads is not None:
            self.uploads.finish(self._key(spec))

    def close(self) -> str | None:
        """Wait until all logs are in the datastore; returns what to tell a person if some could not be sent."""
        if self.uploads is None:
            return None
        with StillWaiting("the datastore to take the logs of the run's tasks", is_over_network=True):
            return self.uploads.close()

    def _key(self, spec: TaskSpec) -> str:
        return log_key(self._run.flow, self._run.run_id, spec.step, spec.task_id, spec.attempt)
