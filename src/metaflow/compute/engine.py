"""One engine as a run uses it: threads that submit, watch and cancel, so that the event loop never waits for it."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from ..exception import MetaflowException, StoreUnavailable
from .backend import EngineUnavailable, JobRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .backend import Backend, Job, SubmittedJob, TaskState

#: How many jobs are being submitted at a time.
_SUBMITTERS = 4
#: Seconds before a submission is tried again that the engine had no time for: doubled each time, up to the second.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
#: Seconds of silence of an engine after which a person is told, and between two times of that.
_TELL_AFTER, _TELL_AGAIN = 20.0, 120.0


class EngineListener:
    """What an executor wants to hear; called from threads of the engine."""

    def __init__(
        self,
        submitted: Callable[[SubmittedJob], None],
        refused: Callable[[Job, MetaflowException], None],
        states: Callable[[Sequence[TaskState]], None],
        say: Callable[[str], None],
    ) -> None:
        self.submitted = submitted
        self.refused = refused
        self.states = states
        self.say = say


class Engine:
    """A backend and its threads.

    Parameters
    ----------
    backend : Backend
    listener : EngineListener
    """

    def __init__(self, backend: Backend, listener: EngineListener) -> None:
        self.backend = backend
        self._listener = listener
        self._changed = threading.Condition()
        # What follows is guarded by the condition.
        self._to_submit: list[Callable[[], Job | None]] = []
        self._to_cancel: dict[str, tuple[SubmittedJob, set[str]]] = {}
        self._watched: dict[str, SubmittedJob] = {}
        self._unfinished: dict[str, int] = {}
        self._over = False
        self._deadline = 0.0
        self._threads: list[threading.Thread] = []
        self._away_since: float | None = None
        self._told_at = 0.0

    def submit(self, make_job: Callable[[], Job | None]) -> None:
        """Submit what `make_job` gives, which is called in a thread; None if it is no longer wanted.

        It is called again as long as it raises StoreUnavailable; it must raise nothing else.
        """
        with self._changed:
            self._to_submit.append(make_job)
            submitters = [thread for thread in self._threads if thread.name.startswith("submit")]
            if len(submitters) < min(_SUBMITTERS, len(self._to_submit)):
                self._start(f"submit-{len(submitters)}", self._submit_jobs)
            self._changed.notify_all()

    def watch(self, job: SubmittedJob) -> None:
        """Watch a job that was submitted."""
        with self._changed:
            self._watched[job.name] = job
            self._unfinished[job.name] = len(job.tasks)
            if not any(thread.name == "watch" for thread in self._threads):
                self._start("watch", self._watch_jobs)
            self._changed.notify_all()

    def task_is_over(self, job: SubmittedJob) -> None:
        """One task of a job needs no more watching."""
        with self._changed:
            left = self._unfinished.get(job.name, 0) - 1
            if left > 0:
                self._unfinished[job.name] = left
            else:
                self._unfinished.pop(job.name, None)
                self._watched.pop(job.name, None)

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End tasks."""
        with self._changed:
            self._to_cancel.setdefault(job.name, (job, set()))[1].update(tasks)
            if not any(thread.name == "cancel" and thread.is_alive() for thread in self._threads):
                self._start("cancel", self._cancel_tasks)
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Stop watching; what is being submitted or cancelled may take so many seconds to be done."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._to_submit.clear()
            self._over = True
            self._deadline = deadline
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.backend.close()

    def _start(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _submit_jobs(self) -> None:
        while True:
            with self._changed:
                while not self._to_submit and not self._over:
                    self._changed.wait()
                if not self._to_submit:
                    return
                make_job = self._to_submit.pop(0)
            job = self._made(make_job)
            if job is not None:
                self._submit_one(job)

    def _made(self, make_job: Callable[[], Job | None]) -> Job | None:
        """What to submit; a datastore out of reach, in which its processes find what to do, is waited for."""
        wait = _FIRST_WAIT
        while True:
            try:
                return make_job()
            except StoreUnavailable:
                if self._sleep(wait * random.uniform(0.7, 1.3)):  # noqa: S311
                    return None
                wait = min(2 * wait, _LONGEST_WAIT)

    def _submit_one(self, job: Job) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                submitted = self.backend.submit(job)
            except EngineUnavailable as error:
                self._is_away(error)
                if self._sleep(error.retry_after or wait * random.uniform(0.7, 1.3)):  # noqa: S311
                    self._listener.refused(job, error)
                    return
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            except MetaflowException as error:
                self._listener.refused(job, error)
                return
            except Exception as error:  # a fault of a backend must not leave the task waiting for ever
                self._listener.refused(job, JobRefused(f"{type(error).__name__}: {error}"))
                return
            self._is_back()
            self._listener.submitted(submitted)
            return

    def _watch_jobs(self) -> None:
        gap = self.backend.shortest_poll
        while True:
            with self._changed:
                while not self._watched and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                jobs = list(self._watched.values())
            began = time.monotonic()
            try:
                states = self.backend.poll(jobs, wait=gap)
            except EngineUnavailable as error:
                self._is_away(error)
                gap = max(error.retry_after or 0.0, min(2 * gap, self.backend.longest_poll))
            except MetaflowException as error:
                self._is_away(error)
                gap = min(2 * gap, self.backend.longest_poll)
            except Exception as error:
                self._is_away(MetaflowException(f"{type(error).__name__}: {error}"))
                gap = min(2 * gap, self.backend.longest_poll)
            else:
                self._is_back()
                if states:
                    self._listener.states(states)
                gap = self.backend.shortest_poll if states else min(1.5 * gap, self.backend.longest_poll)
            # An engine that tells at once when something happens has spent the time on that already.
            left = began + gap * random.uniform(0.8, 1.2) - time.monotonic()  # noqa: S311
            if self._sleep(left, until_new=True):
                return

    def _cancel_tasks(self) -> None:
        wait = _FIRST_WAIT
        while True:
            with self._changed:
                while not self._to_cancel and not self._over:
                    self._changed.wait()
                if not self._to_cancel:
                    return
                job, tasks = self._to_cancel.pop(next(iter(self._to_cancel)))
            try:
                self.backend.cancel(job, sorted(tasks))
                wait = _FIRST_WAIT
            except Exception as error:
                self._is_away(error)
                with self._changed:
                    self._to_cancel.setdefault(job.name, (job, set()))[1].update(tasks)
                if self._sleep(wait):
                    # The end has come, but jobs must not be left behind as long as there is time to end them.
                    if time.monotonic() + wait > self._deadline:
                        return
                    time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    def _sleep(self, seconds: float, until_new: bool = False) -> bool:
        """Wait, but not beyond the end; returns whether that has come. `until_new` wakes for new jobs too."""
        deadline = time.monotonic() + seconds
        with self._changed:
            known = len(self._watched)
            while not self._over:
                left = deadline - time.monotonic()
                if left <= 0 or (until_new and len(self._watched) > known):
                    break
                self._changed.wait(left)
            return self._over

    def _is_away(self, error: BaseException) -> None:
        """Tell a person, now and then, that the engine does not answer."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since >= _TELL_AFTER and now - self._told_at >= _TELL_AGAIN:
            self._told_at = now
            text = error.message if isinstance(error, MetaflowException) else str(error)
            minutes = (now - self._away_since) / 60
            self._listener.say(f"{self.backend.title} has not answered for {minutes:.1f} minutes; still trying: {text}")

    def _is_back(self) -> None:
        if self._away_since is not None and self._told_at > self._away_since:
            self._listener.say(f"{self.backend.title} answers again.")
        self._away_since = None
