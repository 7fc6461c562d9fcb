"""Cancels a run from anywhere: its process is asked to stop, and what a dead process left on engines is ended."""

from __future__ import annotations

import json
import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from ..client.cancellation import CancelledRun, CancelledTask, note_cancellation, withdraw_cancellation
from ..client.recovery import PROCESS_DIED, recover_run, stored_run
from ..client.upkeep.reading_notes import reader_of
from ..client.upkeep.run_life import has_ended
from ..datastore.layout import parse_attempt, run_key
from ..datastore.live_tasks import forget_signs
from ..exception import CannotCancel, MetadataException, MetaflowNotFound
from ..identity import get_username
from ..metadata_store.liveness import is_surely_alive
from ..metadata_store.store import TaskQuery
from .job_endings import EndedTask, await_ends, end_jobs
from .jobs import known_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..client.provider import Provider
    from ..datastore.store import ObjectStore
    from ..metadata_store.records import RunRecord, TaskCursor, TaskRecord
    from .jobs import KnownJob

#: Seconds that a run has to stop: its tasks have some, what it saved has to be sent, and one on another machine looks
#: for the wish every few seconds only.
PATIENCE_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
#: Tasks that are looked at again and again while a run is waited for; those that run are among the newest.
_NEWEST_TASKS = 1000


def cancel_run(
    provider: Provider,
    flow: str,
    run_id: str,
    say: Callable[[str], None] = lambda text: None,
    patience: float = PATIENCE_SECONDS,
    user: str | None = None,
    watch: Callable[[tuple[CancelledTask, ...]], None] | None = None,
) -> CancelledRun:
    """Cancel a run, wherever it and its tasks run, and wait until it has ended.

    Parameters
    ----------
    provider : Provider
        Whose index knows of it.
    flow, run_id : str
    say : callable
        Told what is done meanwhile.
    patience : float
        Seconds to wait for the run's process, or for an engine.
    user : str, optional
        Who is recorded to have cancelled it; the user of this process if not given.
    watch : callable, optional
        Told now and then, while the run's process is waited for, how its tasks are.

    Returns
    -------
    CancelledRun

    Raises
    ------
    MetaflowNotFound
        There is no such run.
    CannotCancel
        It has ended.
    DataException
        Its datastore cannot be reached, or not be written.
    MetaflowException
        An engine that has tasks of it does not answer.
    """
    run = provider.run(flow, run_id)
    if run is None:
        raise MetaflowNotFound(f"Run('{flow}/{run_id}') does not exist")
    name = f"{flow}/{run_id}"
    if run.status == "done":
        raise CannotCancel(f"Run {name} is done: there is nothing to cancel.")
    store = provider.store_of(flow, run_id)
    user = user or get_username()
    if run.status != "running":
        return _end_remains(provider, store, run, user, say, patience)
    before = _running_tasks(provider, run)
    wish = note_cancellation(store, flow, run_id, user)
    _ask_to_stop(run, say, provider.trusts_runs)
    run = _wait_for_end(provider, run, patience, partial(_tell_of_tasks, provider, run, before, watch))
    if run.status != "running" and run.message == PROCESS_DIED:
        try:
            return _end_remains(provider, store, run, user, say, patience, before)
        except CannotCancel:
            pass  # it died of being stopped, and left nothing
    if run.status == "done":
        withdraw_cancellation(store, flow, run_id)
    tasks = _what_became(provider, run, before, known_jobs(store, flow, run_id))
    message = run.message if run.status != "running" else wish.message
    return CancelledRun(name, run.status, message, tasks)


def _ask_to_stop(run: RunRecord, say: Callable[[str], None], may_signal: bool) -> None:
    """Wake the run's process, if it is on this machine; another one sees the note within seconds."""
    if may_signal and run.pid is not None and is_surely_alive(run.host, run.pid, run.process_started):
        try:
            os.kill(run.pid, signal.SIGTERM)
        except ProcessLookupError:
            return  # it has just ended
        except PermissionError:
            pass  # it belongs to somebody else
        else:
            say(f"Process {run.pid} is asked to stop...")
            return
    host = (run.host or "").partition("/")[0]
    say(f"The run's process{f' on {host}' if host else ''} is asked to stop, which it sees within some seconds...")


def _wait_for_end(provider: Provider, run: RunRecord, patience: float, look: Callable[[], None]) -> RunRecord:
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while run.status == "running" and time.monotonic() < deadline:
        look()
        time.sleep(pause)
        pause = min(1.3 * pause, _LONGEST_PAUSE)
        run = provider.run(run.flow, run.run_id) or run
    return run


def _tell_of_tasks(
    provider: Provider,
    run: RunRecord,
    before: tuple[TaskRecord, ...],
    watch: Callable[[tuple[CancelledTask, ...]], None] | None,
) -> None:
    """Tell how tasks are that were running before, as far as the newest ones of the run say it."""
    if watch is None:
        return
    newest = provider.tasks(TaskQuery(run.flow, run.run_id, limit=_NEWEST_TASKS))
    now = {(task.step, task.task_id, task.attempt): task.status for task in newest}
    watch(
        tuple(
            CancelledTask(
                f"{task.step}/{task.task_id}",
                task.attempt,
                now.get((task.step, task.task_id, task.attempt), task.status),
            )
            for task in before
        )
    )


def _end_remains(
    provider: Provider,
    store: ObjectStore,
    run: RunRecord,
    user: str,
    say: Callable[[str], None],
    patience: float,
    before: tuple[TaskRecord, ...] = (),
) -> CancelledRun:
    """End what a run left on engines whose own process is gone."""
    name = f"{run.flow}/{run.run_id}"
    became: list[CancelledTask] = []
    wish = note_cancellation(store, run.flow, run.run_id, user)
    for run_id in _looked_after(provider, store, run):
        # Tasks that their engine cannot be asked about see the note, and end by themselves.
        note_cancellation(store, run.flow, run_id, user)
        # Whoever must not ask the engines sees which tasks leave a result, as those do that see the note.
        ended = (end_jobs if provider.trusts_runs else await_ends)(store, run.flow, run_id, say, patience)
        if all(task.is_over for task in ended):
            forget_signs(store, run.flow, run_id)
        if not ended:
            withdraw_cancellation(store, run.flow, run_id)
        became += [_of_engine(provider, run._replace(run_id=run_id), task) for task in ended]
    if not became:
        why = f" ({run.message})" if run.message else ""
        raise CannotCancel(f"Run {name} has ended already: it {_words(run.status)}{why}. None of its tasks goes on.")
    if run.message == PROCESS_DIED:
        run = _record_end(provider, store, run, wish.message)
    else:
        recover_run(store, provider.index, run)
    known = {(task.task, task.attempt) for task in became}
    local = tuple(task for task in before if (f"{task.step}/{task.task_id}", task.attempt) not in known)
    return CancelledRun(name, run.status, run.message, (*_what_became(provider, run, local), *became))


def _looked_after(provider: Provider, store: ObjectStore, run: RunRecord) -> Iterator[str]:
    """The run, and those that it resumed and for whose tasks it still waited when it died."""
    yield run.run_id
    record = stored_run(store, run.flow, run.run_id)
    while record is not None and record.is_cloning and not has_ended(record) and record.origin_run_id is not None:
        origin = record.origin_run_id
        if reader_of(store, provider.index, run.flow, origin) is not None:
            return  # another run waits for them as well, and goes on
        yield origin
        record = stored_run(store, run.flow, origin)


def _record_end(provider: Provider, store: ObjectStore, run: RunRecord, message: str) -> RunRecord:
    """Record that a run whose process had died was stopped, in its own file first."""
    written = stored_run(store, run.flow, run.run_id)
    end = {"status": "stopped", "finished_at": time.time(), "message": message}
    if written is not None:
        key = run_key(run.flow, run.run_id)
        store.put(key, [json.dumps({**json.loads(store.get(key)), **end}, separators=(",", ":")).encode()])
    try:
        return recover_run(store, provider.index, run)
    except MetadataException:
        return run._replace(**end)  # type: ignore[arg-type]  # the index may only be read here; it follows the file


def _of_engine(provider: Provider, run: RunRecord, ended: EndedTask) -> CancelledTask:
    step, task_id, attempt = parse_attempt(ended.task)
    status: str = "killed" if ended.was == "running" else "never started"
    if not ended.is_over:
        status = "running"
    else:
        found = provider.tasks(TaskQuery(run.flow, run.run_id, step, task_id, attempt))
        if found and found[0].status in ("done", "failed"):
            status = found[0].status
    return CancelledTask(f"{step}/{task_id}", attempt, status, ended.engine)


def _running_tasks(provider: Provider, run: RunRecord) -> tuple[TaskRecord, ...]:
    found: list[TaskRecord] = []
    after: TaskCursor | None = None
    while page := provider.tasks(TaskQuery(run.flow, run.run_id, limit=1000, after=after)):
        found += [task for task in page if task.status == "running"]
        after = page[-1].cursor
    return tuple(reversed(found))


def _what_became(
    provider: Provider, run: RunRecord, before: Iterable[TaskRecord], jobs: Iterable[KnownJob] = ()
) -> tuple[CancelledTask, ...]:
    """How tasks are now that were running before, or waited on an engine."""
    now: dict[str, str] = {
        f"{task.step}/{task.task_id}/{task.attempt}": task.status
        for task in provider.tasks(TaskQuery(run.flow, run.run_id, all_attempts=True))
    }
    keys = {f"{task.step}/{task.task_id}/{task.attempt}": "" for task in before}
    for known in jobs:
        for task in known.job.tasks:
            if task in keys:
                keys[task] = known.backend
            elif now.get(task) in (None, "killed"):
                # No attempt is recorded as killed before its run ends.
                keys[task] = known.backend
                now[task] = "running" if run.status == "running" else "never started"
    return tuple(
        CancelledTask(key.rpartition("/")[0], int(key.rpartition("/")[2]), now.get(key, "killed"), place)
        for key, place in keys.items()
    )


def _words(status: str) -> str:
    return {"stopped": "was stopped", "failed": "failed"}.get(status, f"is {status}")
