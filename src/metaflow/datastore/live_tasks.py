"""What tasks on other machines say while they run: objects below ``live-tasks/`` of their run.

One listing of that prefix tells of all of them at once. For each attempt that runs there are

``state``
    where it runs; written again from time to time, so that its age tells that the task lives,
``code_<milliseconds>_<milliseconds>``
    when the attempt and the step's own code began, since the epoch by the clock there, in the name; not of tasks that
    are over at once,
``log_0``, ``log_1``...
    what it has printed so far, in the format of a log; the last part grows until it is full,
``address``
    of a gang's control task only: where the other nodes find it,
``end_<status>_<bytes>``
    the exit code of its process and the size of its log, in the name, and why it left no result, in the content; the
    last to be written, after the attempt's manifest and its log.

and for the run itself ``heartbeat``, by which tasks see that somebody still looks after them. When a task is over and
the run has taken note of it, its objects are removed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from metaflow.datastore.layout import live_key, live_prefix
from metaflow.datastore.ranges import read_range
from metaflow.datastore.store import ObjectMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaflow.datastore.layout import AttemptKey
    from metaflow.datastore.store import ObjectStore, StoredObject

STATE = "state"
ADDRESS = "address"
#: Size from which on a part of a log is full; a part is written again each time it grows.
PART_BYTES = 512 * 1024
_PART = "log_"
# A part has fewer bytes than this, also if it has grown since it was listed.
_UNLIMITED = 2**62
_END = "end_"
_CODE = "code_"
_TWO_NUMBERS = re.compile(r"(-?[0-9]{1,18})_([0-9]{1,18})")


class End(NamedTuple):
    """How the process of an attempt ended.

    Attributes
    ----------
    status : int
        Exit code, or the negated number of the signal that killed it.
    log_bytes : int
        Size of its log.
    """

    status: int
    log_bytes: int

    @property
    def name(self) -> str:
        """Name of the object that says it."""
        return f"{_END}{self.status}_{self.log_bytes}"

    @classmethod
    def from_name(cls, name: str) -> End | None:
        """What the name of such an object says; None if it says something else."""
        found = _TWO_NUMBERS.fullmatch(name, len(_END))
        return None if found is None else cls(int(found[1]), int(found[2]))


class CodeStart(NamedTuple):
    """When an attempt and the step's own code began, in seconds since the epoch, by the clock of its machine."""

    attempt_started_at: float
    code_started_at: float

    @property
    def name(self) -> str:
        """Name of the object that says it."""
        return f"{_CODE}{round(self.attempt_started_at * 1000)}_{round(self.code_started_at * 1000)}"

    @classmethod
    def from_name(cls, name: str) -> CodeStart | None:
        """What the name of such an object says; None if it says something else."""
        found = _TWO_NUMBERS.fullmatch(name, len(_CODE))
        return None if found is None else cls(int(found[1]) / 1000, int(found[2]) / 1000)


class LiveTask(NamedTuple):
    """What a listing tells of one attempt.

    Attributes
    ----------
    state_at : float or None
        When ``state`` was last written, by the clock of the store; None if it is not there.
    end : End or None
        How its process ended; None if it has not.
    log_sizes : mapping of int to int
        Bytes of each part of its log, by number.
    code : CodeStart or None
        When the step's own code began; None if that is not known.
    """

    state_at: float | None
    end: End | None
    log_sizes: Mapping[int, int]
    code: CodeStart | None = None

    @property
    def log_bytes(self) -> int:
        """Bytes of its log so far."""
        return sum(self.log_sizes.values())


def list_live_tasks(store: ObjectStore, flow: str, run_id: str) -> dict[str, LiveTask]:
    """What there is of each attempt, by ``step/task/attempt``.

    Raises
    ------
    DataException
        If the store cannot be listed.
    """
    prefix = live_prefix(flow, run_id)
    return live_tasks(store.scan(prefix), prefix)


def live_tasks(objects: Iterable[StoredObject], prefix: str) -> dict[str, LiveTask]:
    """What there is of each attempt, by ``step/task/attempt``, among objects of a run that were listed.

    Parameters
    ----------
    objects : iterable of StoredObject
    prefix : str
        What the keys begin with that are about tasks that run.
    """
    states: dict[str, float] = {}
    ends: dict[str, End] = {}
    codes: dict[str, CodeStart] = {}
    logs: dict[str, dict[int, int]] = {}
    for found in objects:
        step, _, rest = found.key[len(prefix) :].partition("/")
        if not rest or not found.key.startswith(prefix):
            continue  # what is said of the run itself
        attempt, _, name = rest.rpartition(".")
        key = _task_key(step, attempt)
        if name == STATE:
            states[key] = found.modified_at
        elif name.startswith(_END) and (end := End.from_name(name)) is not None:
            ends[key] = end
        elif name.startswith(_CODE) and (code := CodeStart.from_name(name)) is not None:
            codes[key] = code
        elif name.startswith(_PART) and name[len(_PART) :].isdecimal():
            logs.setdefault(key, {})[int(name[len(_PART) :])] = found.size
    keys = states.keys() | ends.keys() | logs.keys()
    return {key: LiveTask(states.get(key), ends.get(key), logs.get(key, {}), codes.get(key)) for key in keys}


def run_live_key(flow: str, run_id: str) -> str:
    """Key of the object by which tasks see that somebody looks after their run."""
    return f"{live_prefix(flow, run_id)}heartbeat"


def log_part_key(attempt: AttemptKey, number: int) -> str:
    """Key of a part of an attempt's log."""
    return live_key(*attempt, f"{_PART}{number}")


def read_log_from(store: ObjectStore, attempt: AttemptKey, sizes: Mapping[int, int], offset: int) -> bytes:
    """What the parts of a log have beyond an offset.

    Parameters
    ----------
    store : ObjectStore
    attempt : AttemptKey
    sizes : mapping of int to int
        Bytes of each part, as listed. What was added since then may or may not be in the result.
    offset : int
        Bytes that are known already.

    Raises
    ------
    DataException
        If a part cannot be read. One that is gone ends the result: the log as a whole is then elsewhere.
    """
    pieces: list[bytes] = []
    begin = 0
    for number in range(len(sizes)):
        size = sizes.get(number, 0)
        if begin + size > offset:
            try:
                first = max(0, offset - begin)
                pieces.append(read_range(store, log_part_key(attempt, number), first, _UNLIMITED))
            except ObjectMissing:
                break
            if first + len(pieces[-1]) > size:  # it has grown: the parts behind it begin later than they were listed to
                break
        begin += size
    return b"".join(pieces)


def live_log(store: ObjectStore, attempt: AttemptKey) -> bytes | None:
    """The log so far of an attempt that runs on another machine; None if there is none.

    Raises
    ------
    DataException
        If it cannot be read.
    """
    prefix = live_key(*attempt)
    sizes = {
        int(found.key[len(prefix) + len(_PART) :]): found.size
        for found in store.scan(prefix)
        if found.key.startswith(prefix + _PART)
    }
    return read_log_from(store, attempt, sizes, 0) if sizes else None


def remove_live_task(store: ObjectStore, attempt: AttemptKey, listed: LiveTask) -> None:
    """Remove what an attempt said while it ran.

    Raises
    ------
    DataException
        If the store does not let it.
    """
    names = [f"{_PART}{number}" for number in listed.log_sizes]
    if listed.state_at is not None:
        names.append(STATE)
    if listed.code is not None:
        names.append(listed.code.name)
    if listed.end is not None:
        names.append(listed.end.name)
    for name in names:
        store.delete(live_key(*attempt, name))


def forget_signs(store: ObjectStore, flow: str, run_id: str) -> None:
    """Remove the signs of life of a run's tasks, all of which are known to be over; what they printed stays.

    Raises
    ------
    DataException
        If the store does not let it.
    """
    prefix = live_prefix(flow, run_id)
    signs = [found.key for found in store.scan(prefix) if "/" in found.key[len(prefix) :]]
    for key in signs:
        if key.endswith(f".{STATE}"):
            store.delete(key)


def _task_key(step: str, attempt: str) -> str:
    task_id, _, number = attempt.rpartition(".")
    return f"{step}/{task_id}/{number}"
