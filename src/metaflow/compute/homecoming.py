"""How what tasks do elsewhere comes home: a thread that lists the run's live objects, and reads what is new."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..datastore.layout import AttemptKey, cancel_key, live_key, live_prefix, log_key
from ..datastore.live_tasks import End, LiveTask, list_live_tasks, read_log_from, remove_live_task, run_live_key
from ..datastore.parallel import map_in_threads, threads_for_network
from ..datastore.store import OUT_OF_REACH, ObjectMissing
from ..datastore.tasks import TaskReader, open_tasks
from ..exception import DataException, MetaflowException
from .jobs import TOLD_TO_END

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..datastore.live_tasks import CodeStart
    from ..datastore.store import ObjectStore
    from .backend import TaskState

#: Seconds between two listings: at least, at most, and the part of the time that listing should take.
_SHORTEST_GAP, _LONGEST_GAP, _SHARE = 0.25, 4.0, 0.1
#: Seconds between two signs of life of the run, and after which a person is told that the datastore does not answer.
_SIGN_SECONDS, _TELL_AFTER = 20.0, 30.0
#: Seconds after which every machine sees what another one has written to a shared file system.
_SHARED_SECONDS = 60.0
#: Seconds that an engine has to say why it has ended a task.
_ENGINE_SECONDS = 10.0
_NOTHING = LiveTask(None, None, {})
_Item = TypeVar("_Item")


class Outcome(NamedTuple):
    """How a task ended.

    Attributes
    ----------
    status : int
        Exit code of its process, or the negated number of a signal.
    reason : str or None
        Why, if it left no result.
    retriable : bool
        Whether another attempt may fare better.
    """

    status: int
    reason: str | None = None
    retriable: bool = True


class HomeListener:
    """What an executor wants to hear; called from the thread."""

    def __init__(
        self,
        started: Callable[[str], None],
        code_started: Callable[[str, CodeStart], None],
        printed: Callable[[str, bytes], None],
        ended: Callable[[str, Outcome], None],
        say: Callable[[str], None],
        engine_output: Callable[[str], bytes],
    ) -> None:
        self.started = started
        self.code_started = code_started
        self.printed = printed
        self.ended = ended
        self.say = say
        self.engine_output = engine_output


class _Awaited:
    """What is known here of a task that is elsewhere."""

    __slots__ = (
        "attempt",
        "engine_state",
        "is_wanted",
        "live",
        "log_read",
        "looks_since_end",
        "patient_until",
        "started",
    )

    def __init__(self, attempt: AttemptKey) -> None:
        self.attempt = attempt
        self.live = _NOTHING
        self.log_read = 0
        self.started = False
        #: What the engine said of its end, and how often the datastore was looked at since then.
        self.engine_state: TaskState | None = None
        self.looks_since_end = 0
        self.is_wanted = True
        #: When to believe that it has left nothing although its process ended well.
        self.patient_until: float | None = None


class Homecoming:
    """The thread.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    flow, run_id : str
        The run.
    listener : HomeListener
    """

    def __init__(self, store: ObjectStore, flow: str, run_id: str, listener: HomeListener) -> None:
        self._store = store
        self._flow = flow
        self._run_id = run_id
        self._listener = listener
        self._changed = threading.Condition()
        self._awaited: dict[str, _Awaited] = {}  # guarded by the condition
        self._over = False
        self._thread: threading.Thread | None = None
        self._sign_at = 0.0
        self._silent_since: float | None = None

    def expect(self, task: str, attempt: AttemptKey) -> None:
        """Await a task, named ``step/task/attempt``, that is about to be submitted."""
        with self._changed:
            self._awaited[task] = _Awaited(attempt)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="homecoming", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def forget(self, task: str) -> None:
        """Await a task no longer."""
        with self._changed:
            self._awaited.pop(task, None)

    def hurry(self, task: str) -> None:
        """It is known why a task ends: nobody needs to be waited for to explain it."""
        with self._changed:
            awaited = self._awaited.get(task)
            if awaited is not None:
                awaited.is_wanted = False

    def engine_says(self, state: TaskState) -> None:
        """Take what the engine says of the end of a task; whether it has left a result is then looked up."""
        with self._changed:
            awaited = self._awaited.get(state.task)
            if awaited is not None and awaited.engine_state is None:
                awaited.engine_state = state
                self._changed.notify_all()

    def close(self) -> None:
        """End the thread; if no task is left that might still say something, remove what all of them have said."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join(_LONGEST_GAP)
        if not self._awaited and not self._thread.is_alive():
            try:
                for key in list(self._store.list(live_prefix(self._flow, self._run_id))):
                    if key != cancel_key(self._flow, self._run_id):  # it is what the run's end is recorded with
                        self._store.delete(key)
            except DataException:
                pass  # it is removed with the run

    def _watch(self) -> None:
        gap = _SHORTEST_GAP
        while not self._over:
            began = time.monotonic()
            try:
                something = self._look()
                self._silent_since = None
            except Exception as error:  # whatever it is, tasks elsewhere go on, and so must the run
                self._tell_silence(error)
                something = False
            took = time.monotonic() - began
            gap = _SHORTEST_GAP if something else min(1.4 * gap, _LONGEST_GAP)
            # Never longer, however slow the datastore is: tasks wait to be shown, and for signs of life.
            rest = min(max(gap, took / _SHARE), _LONGEST_GAP)
            self._sleep(rest * random.uniform(0.8, 1.2))  # noqa: S311

    def _sleep(self, seconds: float) -> None:
        """Wait; an end that an engine tells of is worth an earlier look."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._over and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
                if any(each.engine_state is not None and not each.looks_since_end for each in self._awaited.values()):
                    return

    def _look(self) -> bool:
        """List what there is, and take in what is new; returns whether something was."""
        now = time.monotonic()
        if now >= self._sign_at:
            self._store.put(run_live_key(self._flow, self._run_id), [str(os.getpid()).encode()])
            self._sign_at = now + _SIGN_SECONDS
        with self._changed:
            awaited = dict(self._awaited)
        if not awaited:
            return False
        listed = list_live_tasks(self._store, self._flow, self._run_id)
        over: list[tuple[str, _Awaited]] = []
        printing: list[tuple[str, _Awaited]] = []
        something = False
        for key, task in awaited.items():
            live = listed.get(key, _NOTHING)
            if live != task.live:
                something = True
                if not task.started:
                    task.started = True
                    self._listener.started(key)
                if live.code is not None and task.live.code is None:
                    self._listener.code_started(key, live.code)
                task.live = live
            if task.engine_state is not None:
                task.looks_since_end += 1
            if live.end is not None or task.looks_since_end > 1:
                over.append((key, task))
            elif task.engine_state is not None:
                something = True
            elif live.log_bytes > task.log_read:
                printing.append((key, task))
        self._take_in(over)
        self._for_each(self._read_log, printing)
        return something or bool(over)

    def _for_each(self, work: Callable[[_Item], None], items: Sequence[_Item]) -> None:
        """Do something for many tasks, over a network at the same time; one that fails does not keep others from it."""
        errors: list[DataException] = []

        def attempt(item: _Item) -> None:
            try:
                work(item)
            except OUT_OF_REACH:
                raise  # the others would fare no better, and each failure takes a while
            except DataException as error:
                errors.append(error)

        map_in_threads(attempt, items, threads_for_network(1) if self._store.is_remote else 1)
        if errors:
            raise errors[0]

    def _read_log(self, item: tuple[str, _Awaited]) -> None:
        key, task = item
        content = read_log_from(self._store, task.attempt, task.live.log_sizes, task.log_read)
        complete = content.rfind(b"\n") + 1
        if complete:
            task.log_read += complete
            self._listener.printed(key, content[:complete])

    def _take_in(self, over: Sequence[tuple[str, _Awaited]]) -> None:
        """Read the results of tasks that are over: many at a time, so that whoever reads them next has them here."""
        if not over:
            return
        names = [(task.attempt.step, task.attempt.task_id, task.attempt.attempt) for _, task in over]
        found = open_tasks(self._store, self._flow, self._run_id, names)
        items = [
            (key, task, isinstance(reader, TaskReader))
            for (key, task), reader in zip(over, found, strict=True)
            if isinstance(reader, TaskReader) or not (_may_still_appear(task) or self._may_be_explained(task))
        ]
        # Tasks that left a record of their end come first: of a gang's nodes the others were ended because of them.
        self._for_each(self._settle, [item for item in items if item[2]])
        self._for_each(self._settle, [item for item in items if not item[2]])

    def _settle(self, item: tuple[str, _Awaited, bool]) -> None:
        """Tell of the end of one task, whatever comes of the others: it is told once."""
        key, task, has_result = item
        self._finish_log(key, task)
        outcome = Outcome(0) if has_result else self._without_result(task)
        try:
            remove_live_task(self._store, task.attempt, task.live)
        except DataException:
            pass  # what is left is removed with the run
        self.forget(key)
        self._listener.ended(key, outcome)

    def _may_be_explained(self, task: _Awaited) -> bool:
        """Whether the engine may be about to say why a task was told to end: evicted, preempted, its node lost."""
        end = task.live.end
        if end is None or task.engine_state is not None or not task.is_wanted:
            return False
        now = time.monotonic()
        if task.patient_until is None:
            task.patient_until = now + (_ENGINE_SECONDS if self._reason_of_node(task, end) == TOLD_TO_END else 0.0)
        return now < task.patient_until

    def _reason_of_node(self, task: _Awaited, end: End) -> str | None:
        try:
            return self._store.get(live_key(*task.attempt, end.name)).decode("utf-8", "replace") or None
        except ObjectMissing:
            return None

    def _finish_log(self, key: str, task: _Awaited) -> None:
        """Show the rest of the log, and see that there is one as a whole: the task may not have got that far."""
        log, end = log_key(*task.attempt), task.live.end
        if end is not None:
            if end.log_bytes > task.log_read:
                try:
                    self._print_rest(key, task, self._store.get(log))
                except ObjectMissing:
                    pass  # somebody has removed it
            return
        try:
            content = self._store.get(log)
        except ObjectMissing:
            content = read_log_from(self._store, task.attempt, task.live.log_sizes, 0)
            content = content or self._listener.engine_output(key)
            if content:
                self._store.put(log, [content])
        self._print_rest(key, task, content)

    def _print_rest(self, key: str, task: _Awaited, content: bytes) -> None:
        rest = content[task.log_read :]
        if rest:
            task.log_read = len(content)  # if something fails behind this, it is not shown again
            self._listener.printed(key, rest)

    def _without_result(self, task: _Awaited) -> Outcome:
        state, end = task.engine_state, task.live.end
        reason = state.reason if state is not None else None
        if end is None:
            assert state is not None
            status = state.status if state.status is not None else 1
            return Outcome(status, reason, state.retriable)
        if reason is None:
            reason = self._reason_of_node(task, end)
        return Outcome(end.status, reason, state.retriable if state is not None else True)

    def _tell_silence(self, error: Exception) -> None:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > _TELL_AFTER:
            self._silent_since = now
            why = "cannot be reached" if isinstance(error, OUT_OF_REACH) else "gives no answer that can be used"
            text = error.message if isinstance(error, MetaflowException) else f"{type(error).__name__}: {error}"
            self._listener.say(f"The datastore {why}; what tasks do elsewhere is not seen: {text}")


def _may_still_appear(task: _Awaited) -> bool:
    """Whether a task may have left a result that cannot be seen here yet: its process has ended well."""
    if task.live.end is not None or task.engine_state is None or task.engine_state.status != 0:
        return False
    now = time.monotonic()
    if task.patient_until is None:
        task.patient_until = now + _SHARED_SECONDS
    return now < task.patient_until
