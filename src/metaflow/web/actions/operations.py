"""What takes its time: it goes on in a thread, and whoever asked for it looks how far it is."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from metaflow.web.actions.journal import Journal, Outcome, RunName

State = Literal["going", "done", "failed"]
Ending = Literal["done", "failed"]

_log = logging.getLogger("metaflow.server")
#: Operations that are remembered; those that go on are never forgotten.
_KEPT = 200
_KEPT_NOTES = 50
#: Seconds after which nobody waits any more for what only looks. Pages ask several times a second how far it is.
_PATIENCE_SECONDS = 15.0


class Operation:
    """Something that goes on, or has ended.

    Parameters
    ----------
    action : str
    runs : sequence of (str, str)
        Flow and id of those that it is about.

    Attributes
    ----------
    id : str
    state : str
        ``going``, ``done``, or ``failed`` if nothing, or not all, of it could be done.
    message : str
        What came of it, for people.
    result : dict
        What came of it, for programs; grows while it goes on.
    details : dict
        What the journal notes of it besides.
    """

    def __init__(self, action: str, runs: Sequence[RunName]) -> None:
        self.id = secrets.token_urlsafe(16)
        self.action = action
        self.runs = tuple(runs)
        self.began_at = time.time()
        self.ended_at: float | None = None
        self.state: State = "going"
        self.message = ""
        self.result: dict[str, Any] = {}
        self.details: dict[str, Any] = {}
        self._notes: deque[str] = deque(maxlen=_KEPT_NOTES)
        self._tells = threading.Event()
        self._asked_at = time.monotonic()
        self._is_given_up = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has asked lately how far it is, and nobody has given it up."""
        return not self._is_given_up and time.monotonic() - self._asked_at < _PATIENCE_SECONDS

    def ask(self) -> None:
        """Say that somebody waits for it."""
        self._asked_at = time.monotonic()

    def give_up(self) -> None:
        """Say that nobody needs it any more."""
        self._is_given_up = True

    def say(self, text: str) -> None:
        """Tell what is being done now."""
        self._notes.append(text)

    def end(self, state: Ending, message: str) -> None:
        """Say what came of it."""
        self.ended_at = time.time()
        self.message = message
        self.state = state
        self._tells.set()

    def tell(self, **result: Any) -> None:
        """Have something in the result that whoever waits wants to see at once."""
        self.result.update(result)
        self._tells.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, or for what is told before it, but not for longer."""
        self._tells.wait(seconds)

    def plain(self) -> dict[str, Any]:
        """As the interface gives it."""
        return {
            "id": self.id,
            "action": self.action,
            "state": self.state,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "message": self.message,
            "notes": list(self._notes),
            "runs": [{"flow": flow, "run_id": run_id} for flow, run_id in self.runs],
            **self.result,
        }


class Operations:
    """What goes on at the moment, and what has ended lately.

    Parameters
    ----------
    journal : Journal
        Told how each of them ended.
    reason : callable
        Gives what is told of an error.
    """

    def __init__(self, journal: Journal, reason: Callable[[MetaflowException], str]) -> None:
        self._journal = journal
        self._reason = reason
        self._lock = threading.Lock()
        self._known: dict[str, Operation] = {}
        self._by_key: dict[Hashable, Operation] = {}

    def get(self, identifier: str) -> Operation | None:
        """The operation of that id; None if it is not known, or not any more."""
        with self._lock:
            return self._known.get(identifier)

    def running(self, key: Hashable) -> Operation | None:
        """The operation that the same wish has led to already; None if there is none."""
        with self._lock:
            return self._by_key.get(key)

    def start(
        self,
        operation: Operation,
        work: Callable[[Operation], str],
        entry: str | None = None,
        key: Hashable = None,
        lasting: bool = False,
    ) -> Operation:
        """Have `work` done in a thread.

        Parameters
        ----------
        operation : Operation
        work : callable
            Does it, and gives the message; raises a MetaflowException if it cannot be done.
        entry : str, optional
            What the journal calls it; None for what only looks.
        key : hashable, optional
            The same for the same wish: pressing a button twice does it once.
        lasting : bool
            Whether the wish stays the same when it has been fulfilled.

        Returns
        -------
        Operation
            The operation; or the one that the same wish has led to already.
        """
        with self._lock:
            known = self._by_key.get(key) if key is not None else None
            if known is None:
                self._known[operation.id] = operation
                if key is not None:
                    self._by_key[key] = operation
                self._forget_old()
        if known is not None:
            self._record(operation, entry, "refused", "The same was asked for at that moment; it is done once.")
            return known

        def run() -> None:
            state, message = self._carried_out(operation, work)
            # Before anybody hears of the end: whoever looks at the record then finds it there.
            self._record(operation, entry, state, message)
            if not lasting:
                with self._lock:
                    self._by_key.pop(key, None)
            operation.end(state, message)

        # A thread of a pool would keep the process from ending until all that it does is done.
        threading.Thread(target=run, name=f"metaflow-{operation.action}", daemon=True).start()
        return operation

    def _record(self, operation: Operation, entry: str | None, outcome: Outcome, message: str) -> None:
        if entry is None:
            return
        try:
            self._journal.end(entry, outcome, message, operation.runs, operation.details)
        except MetaflowException as error:
            _log.error("What came of an action cannot be recorded: %s", error)

    def _forget_old(self) -> None:
        ended = [known for known in self._known.values() if known.state != "going"]
        for old in ended[: max(0, len(self._known) - _KEPT)]:
            del self._known[old.id]
            self._by_key = {key: kept for key, kept in self._by_key.items() if kept is not old}

    def _carried_out(self, operation: Operation, work: Callable[[Operation], str]) -> tuple[Ending, str]:
        try:
            return "done", work(operation)
        except MetaflowException as error:
            return "failed", self._reason(error)
        except Exception as error:  # whatever it is, whoever waits must hear of it
            _log.exception("An operation failed unexpectedly: %s", operation.action)
            return "failed", f"It failed unexpectedly ({type(error).__name__}). See the log of the app."
