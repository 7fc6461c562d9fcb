"""What the pods of some runs do, as a thread hears it from the cluster: one list, then one watch after the other."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ...exception import MetaflowException
from ..backend import EngineUnavailable
from .client import HistoryExpired
from .states import read_pod

if TYPE_CHECKING:
    from .client import EventStream, KubernetesClient
    from .states import PodState

#: Seconds that a watch lasts; the cluster's side may have gone away unnoticed in the meantime.
_SHORTEST_WATCH, _LONGEST_WATCH = 60, 90
#: Seconds before a failed request is made again: doubled each time, up to the second.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0
#: Seconds after which the thread ends if nobody asks.
_IDLE = 300.0


class Change(NamedTuple):
    """What was heard of a pod.

    Attributes
    ----------
    state : PodState
    exists : bool
        Whether there is still such a pod.
    """

    state: PodState
    exists: bool


class PodWatch:
    """Watches the pods that a selector selects.

    Parameters
    ----------
    client : KubernetesClient
    selector : str
        Label selector.
    """

    def __init__(self, client: KubernetesClient, selector: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{client.namespace}/pods"
        self._selector = {"labelSelector": selector}
        self._changed = threading.Condition()
        # What follows is guarded by the condition.
        self._changes: dict[str, Change] = {}
        self._known: dict[str, PodState] = {}
        self._failure: MetaflowException | None = None
        self._asked_at = time.monotonic()
        self._thread: threading.Thread | None = None
        self._stream: EventStream | None = None
        self._closed = False
        #: From which version of the cluster's objects on to watch; None if they have to be listed. Of the thread only.
        self._version: str | None = None

    def take(self, wait: float) -> list[Change]:
        """What has changed since the last call; waits if nothing has.

        Raises
        ------
        EngineUnavailable
            If nothing has, and the cluster does not answer.
        MetaflowException
            If it refuses to.
        """
        deadline = time.monotonic() + wait
        with self._changed:
            self._asked_at = time.monotonic()
            if self._thread is None and not self._closed:
                self._version = None
                self._thread = threading.Thread(target=self._run, name="pods", daemon=True)
                self._thread.start()
            while not self._changes and self._failure is None and not self._closed:
                if (left := deadline - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            changes, self._changes = list(self._changes.values()), {}
            if not changes and self._failure is not None:
                raise self._failure.with_traceback(None)
            return changes

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            stream = self._stream
            self._changed.notify_all()
        if stream is not None:
            stream.close()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while self._is_wanted():
            began = time.monotonic()
            try:
                if self._version is None:
                    self._list()
                self._watch()
                if time.monotonic() - began > _LONGEST_WAIT:
                    wait = _FIRST_WAIT
                    continue
                failure, pause = None, wait  # a connection that breaks at once must not be made again at once for ever
            except HistoryExpired:
                self._version = None
                continue
            except MetaflowException as error:
                failure, pause = error, max(getattr(error, "retry_after", None) or 0.0, wait)
            except Exception as error:  # an answer that is not what the API documents
                failure, pause = EngineUnavailable(f"Kubernetes gave an answer that cannot be read: {error!r}."), wait
                self._version = None
            wait = min(2 * wait, _LONGEST_WAIT)
            with self._changed:
                self._failure = failure
                self._changed.notify_all()
                if not self._closed:
                    self._changed.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311

    def _is_wanted(self) -> bool:
        with self._changed:
            if self._closed or time.monotonic() - self._asked_at > _IDLE:
                self._thread = None
                return False
            return True

    def _list(self) -> None:
        """Take in all pods that there are."""
        seen: dict[str, PodState] = {}
        version = ""
        for part in self._client.list_all(self._path, self._selector):
            for pod in part.get("items") or []:
                if (state := read_pod(pod)) is not None:
                    seen[state.uid] = state
            version = part["metadata"]["resourceVersion"]
        with self._changed:
            for uid, state in self._known.items():
                if uid not in seen:
                    self._changes[uid] = Change(state, False)
            for uid, state in seen.items():
                if self._known.get(uid) != state:
                    self._changes[uid] = Change(state, True)
            self._known = seen
            self._version = version
            self._failure = None
            self._changed.notify_all()

    def _watch(self) -> None:
        """Take in what changes until the cluster ends the watch, or the connection breaks."""
        seconds = random.randint(_SHORTEST_WATCH, _LONGEST_WATCH)  # noqa: S311
        query = {**self._selector, "resourceVersion": self._version}
        stream = self._client.watch(self._path, query, seconds)
        with self._changed:
            self._stream = stream
            self._failure = None
            closed = self._closed
        if closed:
            stream.close()
        try:
            for event in stream:
                if event["type"] != "BOOKMARK" and (state := read_pod(event["object"])) is not None:
                    self._take_in(state, event["type"] != "DELETED")
                self._version = event["object"]["metadata"]["resourceVersion"]
        except EngineUnavailable:
            pass  # the next watch goes on from where this one was, and tells if the cluster is away
        finally:
            with self._changed:
                self._stream = None

    def _take_in(self, state: PodState, exists: bool) -> None:
        with self._changed:
            if exists:
                if self._known.get(state.uid) == state:
                    return
                self._known[state.uid] = state
            else:
                self._known.pop(state.uid, None)
            self._changes[state.uid] = Change(state, exists)
            self._changed.notify_all()
