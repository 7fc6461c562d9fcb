"""Sampling in the event loop of whoever started the tasks: begins a second after the first task, if one runs that long.

Nothing of it is imported or done in a run whose tasks are all shorter.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..datastore.store import ObjectStore
    from .log_uploads import LogUploads
    from .loop import EventLoop, Timer
    from .resource_sampler import ResourceSampler
    from .specs import RunSpec

#: Seconds between the start of the run and the first look.
_FIRST_LOOK_SECONDS = 1.0


class TaskSampling:
    """Samples the tasks of one event loop.

    Parameters
    ----------
    loop : EventLoop
    running : callable
        Gives, by their keys ``step/task/attempt``, the first process of each task that runs here and when it started.
    write : callable
        Takes the key of an attempt, the content of its file, and whether that is the last one.
    """

    def __init__(
        self,
        loop: EventLoop,
        running: Callable[[], Mapping[str, tuple[int, float]]],
        write: Callable[[str, bytes, bool], None],
    ) -> None:
        self._loop = loop
        self._running = running
        self._write = write
        self._sampler: ResourceSampler | None = None
        self._timer: Timer | None = loop.call_later(_FIRST_LOOK_SECONDS, self._look)

    def ended(self, key: str) -> None:
        """A task is over."""
        if self._sampler is not None:
            self._sampler.ended(key)

    def close(self) -> None:
        """All are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sampler is not None:
            self._sampler.close()

    def _look(self) -> None:
        if self._timer is None:
            return
        if self._sampler is None:
            from .resource_sampler import make_sampler

            self._sampler = make_sampler(self._write)
            if self._sampler is None:
                return  # this system does not tell of processes
        self._timer = self._loop.call_later(self._sampler.look(self._running()), self._look)


class ResourceFiles:
    """Where a run's process writes what its tasks use.

    Parameters
    ----------
    run : RunSpec
    store : ObjectStore
        The datastore of the run.
    uploads : LogUploads or None
        What brings files to a datastore that is elsewhere.
    say : callable
        Tells the person who watches, once, that it cannot be written.
    """

    def __init__(
        self, run: RunSpec, store: ObjectStore, uploads: LogUploads | None, say: Callable[[str], None]
    ) -> None:
        self._run = run
        self._store = store
        self._uploads = uploads
        self._say = say
        self._paths: dict[str, str] = {}
        self._has_failed = False

    def write(self, key: str, content: bytes, is_over: bool) -> None:
        """Write the file of the attempt ``step/task/attempt``."""
        from ..datastore.layout import parse_attempt, resources_key

        stored = resources_key(self._run.flow, self._run.run_id, *parse_attempt(key))
        try:
            if self._uploads is None:
                self._store.put(stored, [content])
            else:
                self._spool(self._uploads, stored, content, is_over)
        except (DataException, OSError) as error:
            if not self._has_failed:
                self._has_failed = True
                self._say(f"What tasks use of this machine cannot be kept: {error}")

    def _spool(self, uploads: LogUploads, stored: str, content: bytes, is_over: bool) -> None:
        path = self._paths.get(stored)
        if path is None:
            path = self._paths[stored] = str(uploads.add(stored))
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "wb") as file:
            file.write(content)
        os.replace(f"{path}.new", path)
        if is_over:
            del self._paths[stored]
            uploads.finish(stored)
