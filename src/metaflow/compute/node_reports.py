"""What a task's machine does beside the task, in a thread: sends the log and signs of life, looks whether to go on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ..datastore.layout import cancel_key, live_key, resources_key
from ..datastore.live_tasks import STATE, run_live_key
from ..exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..datastore.layout import AttemptKey
    from ..datastore.live_tasks import CodeStart
    from ..datastore.store import ObjectStore
    from ..runtime.loop import EventLoop
    from .node_log import NodeLog

#: Seconds between two looks at what the task has printed.
_LOG_SECONDS = 1.0
#: Seconds between two signs of life. Each is a request that costs money on some stores.
SIGN_SECONDS = 60.0
#: Seconds between two looks at whether the task shall go on.
_LOOK_SECONDS = 20.0
#: Seconds between two times at which what the task uses is sent.
_RESOURCES_SECONDS = 10.0


class NodeReports:
    """The thread that reports.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    attempt : AttemptKey
    log : NodeLog
    silence_seconds : float
        How long the run's process may give no sign of life.
    stop : callable
        Called, in the event loop, with the reason why the task shall not go on.
    """

    def __init__(
        self,
        store: ObjectStore,
        attempt: AttemptKey,
        log: NodeLog,
        silence_seconds: float,
        stop: Callable[[str], None],
    ) -> None:
        self._store = store
        self._attempt = attempt
        self._log = log
        self._silence_seconds = silence_seconds
        self._stop = stop
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: EventLoop
        self._state = b""
        #: When the step's own code began, if that has not been sent.
        self._code: CodeStart | None = None
        #: What the task has used, if that has not been sent.
        self._resources: bytes | None = None
        # When the run last gave a sign, by our own clock: that of its machine may say something else.
        self._run_seen = (0.0, time.monotonic())

    def start(self, loop: EventLoop, state: bytes) -> None:
        """Begin; `state` is what a sign of life says."""
        self._loop = loop
        self._state = state
        self._thread = threading.Thread(target=self._report, daemon=True)
        self._thread.start()

    def keep_code_start(self, code: CodeStart) -> None:
        """Send, soon, when the step's own code began."""
        self._code = code

    def keep_resources(self, key: str, content: bytes, is_over: bool) -> None:
        """Send what the task has used so far, soon, or at the latest when it is over."""
        self._resources = content

    def stop(self) -> None:
        """Wait for the end of what is under way."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._send_resources()
        except DataException:
            pass  # it is the least of what the task leaves: the result and the log, which come next, are not tried less

    def _send_resources(self) -> None:
        content, self._resources = self._resources, None
        if content is not None:
            self._store.put(resources_key(*self._attempt), [content])

    def _report(self) -> None:
        sign_at = look_at = resources_at = 0.0
        while True:
            now = time.monotonic()
            try:
                if now >= sign_at:
                    self._store.put(live_key(*self._attempt, STATE), [self._state])
                    sign_at = now + SIGN_SECONDS
                if self._code is not None:
                    self._store.put(live_key(*self._attempt, self._code.name), [b""])
                    self._code = None
                self._log.send()
                if now >= resources_at and self._resources is not None:
                    resources_at = now + _RESOURCES_SECONDS
                    self._send_resources()
                if now >= look_at:
                    look_at = now + min(_LOOK_SECONDS, self._silence_seconds / 4)
                    self._look(time.monotonic())
            except Exception:  # such as a datastore out of reach: it is tried again, and the task goes on meanwhile
                # The run may have been cut off just as we were: its silence counts from when it can be heard again.
                self._run_seen = (self._run_seen[0], time.monotonic())
            if self._over.wait(_LOG_SECONDS):
                return

    def _look(self, now: float) -> None:
        """See whether somebody still wants the task."""
        flow, run_id = self._attempt.flow, self._attempt.run_id
        if self._store.stat(cancel_key(flow, run_id)) is not None:
            self._end("its run was cancelled")
            return
        found = self._store.stat(run_live_key(flow, run_id))
        modified_at = found.modified_at if found is not None else 0.0
        if modified_at != self._run_seen[0]:
            self._run_seen = (modified_at, now)
        elif now - self._run_seen[1] > self._silence_seconds:
            minutes = self._silence_seconds / 60
            self._end(
                f"its run has given no sign of life for {minutes:g} minutes (METAFLOW_REMOTE_SILENCE_LIMIT), so that "
                "nobody would use the result"
            )

    def _end(self, reason: str) -> None:
        self._loop.call_from_thread(lambda: self._stop(reason))
