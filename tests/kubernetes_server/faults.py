"""What goes wrong when a test wants it to, and which requests there were."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from .problems import Problem


class Dropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Fault:
    """What happens to the next requests of a kind.

    Attributes
    ----------
    verb, resource : str
        Which requests: ``create``, ``list``, ...; the plural, with ``/log`` for logs; ``*`` for all.
    code : int
        Of the answer; 0 to close the connection instead.
    reason, message : str
    retry_after : int or None
        Seconds, for the header of that name.
    times : int
        How many requests it happens to.
    after : bool
        Whether the request is carried out all the same, so that only its answer is lost.
    """

    verb: str = "*"
    resource: str = "*"
    code: int = 500
    reason: str = "InternalError"
    message: str = "an error on the server has prevented the request from succeeding"
    retry_after: int | None = None
    times: int = 1
    after: bool = False

    def strike(self) -> None:
        """Fail.

        Raises
        ------
        Dropped or Problem
        """
        if not self.code:
            raise Dropped
        raise Problem(self.code, self.reason, self.message, retry_after=self.retry_after)


class Faults:
    """The faults that wait for their requests, and the requests that were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.requests: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def meet(self, verb: str, resource: str) -> Fault | None:
        """Count a request, and give the fault that it is to have, if any."""
        with self._lock:
            self.requests[f"{verb} {resource}"] += 1
            for fault in self._waiting:
                if fault.verb in ("*", verb) and fault.resource in ("*", resource):
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def counted(self, reset: bool) -> dict[str, Any]:
        """How many requests there were of each kind, such as ``list pods``."""
        with self._lock:
            counts = dict(self.requests)
            if reset:
                self.requests.clear()
            return counts
