"""What is new about the tasks of jobs, from what Slurm's commands say of them now and what they said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backend import TaskState
from .states import PENDING, RUNNING, Line, ending, why_hopeless, why_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..backend import SubmittedJob

_GONE = (
    "Slurm no longer knows it: it was cancelled before it started, or has ended longer ago than Slurm remembers "
    "(MinJobAge)"
)


class Watch:
    """Follows jobs; one :meth:`begin` and one :meth:`changes` for each look at the queue.

    Parameters
    ----------
    folder_of : callable
        Gives the directory for what a job prints, by the job's name.
    """

    def __init__(self, folder_of: Callable[[str], str]) -> None:
        self._folder_of = folder_of
        #: What was last said of each task, by the job's number and the task's index.
        self._said: dict[str, dict[int, TaskState]] = {}
        self._jobs: dict[str, SubmittedJob] = {}
        self._seen: dict[str, dict[int, Line]] = {}

    def begin(self, jobs: Sequence[SubmittedJob], lines: Iterable[Line]) -> None:
        """Take what ``squeue`` says of jobs; what is known of others is forgotten."""
        self._jobs = {job.engine_id: job for job in jobs}
        self._said = {number: self._said.get(number, {}) for number in self._jobs}
        self._seen = {number: {} for number in self._jobs}
        self.add(lines)

    def add(self, lines: Iterable[Line]) -> None:
        """Take what another command says of tasks of which nothing was said yet."""
        for line in lines:
            job = self._jobs.get(line.job)
            if job is None or (line.name and line.name != job.name):
                continue  # a number that was given out anew
            seen = self._seen[line.job]
            for index in _indices(job, line):
                seen.setdefault(index, line)

    def add_exit_codes(self, codes: Mapping[tuple[str, int], tuple[int, int]]) -> None:
        """Take exit codes and signals, by job and index."""
        for (number, index), code in codes.items():
            seen = self._seen.get(number, {})
            for each in seen if number in self._jobs and self._jobs[number].is_gang else [index]:
                if each in seen and seen[each].exit_code is None:
                    seen[each] = seen[each]._replace(exit_code=code)

    def with_missing_tasks(self) -> list[str]:
        """Numbers of jobs with tasks of which nothing is said, and that were not known to have ended."""
        return [
            number
            for number, job in self._jobs.items()
            if any(
                index not in self._seen[number] and not self._has_ended(number, index)
                for index in range(len(job.tasks))
            )
        ]

    def without_exit_codes(self) -> list[str]:
        """Numbers of jobs with tasks that have just failed, of which an exit code would tell more."""
        return [
            number
            for number, seen in self._seen.items()
            if any(
                line.state == "FAILED" and line.exit_code is None and not self._has_ended(number, index)
                for index, line in seen.items()
            )
        ]

    def changes(self) -> list[TaskState]:
        """States of the tasks that are not as they were said to be before."""
        changed = []
        for number, job in self._jobs.items():
            said = self._said[number]
            for index in range(len(job.tasks)):
                if self._has_ended(number, index):
                    continue
                state = self._state(job, index, said.get(index))
                if state != said.get(index):
                    said[index] = state
                    changed.append(state)
        return changed

    def _has_ended(self, number: str, index: int) -> bool:
        said = self._said[number].get(index)
        return said is not None and said.phase == "ended"

    def _state(self, job: SubmittedJob, index: int, before: TaskState | None) -> TaskState:
        task, line = job.tasks[index], self._seen[job.engine_id].get(index)
        engine_id = f"{job.engine_id}_{index}" if line is not None and line.indices is not None else job.engine_id
        if line is None:
            return TaskState(task, "ended", reason=_GONE, engine_id=engine_id)
        metadata = {"slurm-nodelist": line.nodes} if line.nodes else {}
        if line.state in RUNNING:
            text = "is suspended" if line.state in ("SUSPENDED", "STOPPED") else ""
            return TaskState(task, "running", text, engine_id=engine_id, metadata=metadata)
        if line.state in PENDING:
            hopeless = why_hopeless(line.reason)
            if hopeless is None:
                return TaskState(task, "pending", why_waiting(line.reason), engine_id=engine_id)
            if before is None or before.text != hopeless:  # while it restarts, Slurm may err; a second look decides
                return TaskState(task, "pending", hopeless, engine_id=engine_id)
            return TaskState(task, "ended", reason=hopeless, retriable=False, engine_id=engine_id)
        status, reason = ending(line, self._folder_of(job.name))
        retriable = why_hopeless(line.reason) is None
        return TaskState(task, "ended", "", status, reason, retriable, engine_id, metadata)


def _indices(job: SubmittedJob, line: Line) -> Iterable[int]:
    """Indices of the job's tasks that a line is about."""
    if line.indices is None:  # one task, or a gang, whose nodes share their fate
        return range(len(job.tasks)) if job.is_gang or len(job.tasks) == 1 else ()
    return (index for span in line.indices for index in span if index < len(job.tasks))
