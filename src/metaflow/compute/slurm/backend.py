"""Slurm as an engine: job arrays for tasks, one allocation for the nodes of a gang, one ``squeue`` for all jobs."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ...exception import MetaflowException
from ..backend import EngineUnavailable, FoundJob, JobRefused, SubmittedJob
from . import states
from .commands import NOT_FOUND, Commands, Finished, LocalCommands, SshCommands
from .script import batch_script, decode_facts, output_file, sbatch_arguments
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..backend import Job, JobQuery, Phase, TaskState

#: Tasks in an array, even if the cluster takes more: each reads the description of all.
_LARGEST_ARRAY = 1000
_MOST_OUTPUT = 64 * 1024
#: What Slurm says if a command may be tried again.
_TRY_AGAIN = re.compile(
    r"temporarily unable|Unable to contact|Socket timed out|Connection (refused|timed out|reset)|Zero Bytes"
    r"|Transport endpoint|slurmdbd|Unexpected message|MaxSubmit|submit limit|Resource temporarily|Munge|standby mode",
    re.IGNORECASE,
)
_UNKNOWN_JOB = re.compile(r"Invalid job id|already (completing|completed)", re.IGNORECASE)
#: A limit on how many jobs somebody may have goes away when some of them end.
_TOO_MANY = re.compile(r"MaxSubmit|submit limit", re.IGNORECASE)
#: Which limit it is that a job "violates", before a line that is the same for all of them.
_LIMIT = re.compile(r"\b(?:Assoc|QOS)[A-Z]\w+")
#: Limits on how many jobs of one person alone may be in the queue.
_TOO_MANY_OF_YOURS = re.compile(r"\b(?:Assoc|QOS)MaxSubmitJob(PerUser)?(Limit)?\b")
_TOO_MANY_SECONDS = 30.0
_GOING_ON = states.PENDING | states.RUNNING


class _Account(NamedTuple):
    """Who we are where Slurm is, and what the cluster is like."""

    user: str
    workdir: str
    largest_array: int
    has_accounting: bool


class SlurmBackend:
    """Runs tasks as jobs of Slurm.

    Parameters
    ----------
    username, address, ssh_key_file, cert_file : str or None
        The login node, if it is not this machine.
    remote_workdir : str
        Directory for the files of jobs, on a file system that all nodes share.
    cleanup : bool
        Whether to remove the files of a job after its end.
    """

    title: ClassVar[str] = "Slurm"

    def __init__(
        self,
        username: str | None = None,
        address: str | None = None,
        ssh_key_file: str | None = None,
        cert_file: str | None = None,
        remote_workdir: str = "~/metaflow",
        cleanup: bool = False,
    ) -> None:
        self._commands: Commands = LocalCommands()
        if address:
            self._commands = SshCommands(address, username, ssh_key_file, cert_file)
        self._workdir = remote_workdir
        self._removes_files = cleanup
        self.largest_job = _LARGEST_ARRAY
        # Requests to a controller that all users of a cluster share; that a task has ended is usually known before.
        self.shortest_poll, self.longest_poll = 2.0, 30.0
        self._known_account: _Account | None = None
        #: Jobs that may have been submitted although we were not told so.
        self._unconfirmed: set[str] = set()
        self._watch = Watch(self._folder)
        #: Waiting jobs that were given up, and are yet to be cancelled.
        self._hopeless: set[str] = set()
        #: Directories that were made for jobs, by the jobs' names.
        self._files_of: dict[str, str] = {}

    def check(self) -> None:
        """See that there is a cluster that answers.

        Raises
        ------
        MetaflowException
            If not, saying what to do.
        """
        found = self._commands.run(["sbatch", "--version"])
        if found.code == NOT_FOUND:
            advice = (
                "Run the flow on a login node of the cluster, or name one: @slurm(address=...), METAFLOW_SLURM_ADDRESS."
                if self._commands.is_here
                else "Slurm's commands have to be in the PATH of a login shell there."
            )
            raise MetaflowException(f"There is no Slurm on {self._commands.place}: sbatch is not found. {advice}")
        self.largest_job = max(1, min(self._account().largest_array, _LARGEST_ARRAY))

    def submit(self, job: Job) -> SubmittedJob:
        """Start a job with one ``sbatch``.

        Raises
        ------
        JobRefused
            If Slurm does not take it.
        EngineUnavailable
            If it is to be tried again.
        """
        if job.name in self._unconfirmed:
            found = [line for line in self._squeue([f"--name={job.name}", "--states=all"]) if line.name == job.name]
            if found:
                self._unconfirmed.discard(job.name)
                return SubmittedJob(job.name, found[0].job, job.tasks, job.is_gang)
        folder = self._folder(job.name)
        # Only the directory is for us alone: jobs inherit the umask of sbatch, and tasks write with it.
        prepare = '(umask 077 && mkdir -p "$1") && cd "$1" && shift && exec sbatch --parsable "$@"'
        self._files_of[job.name] = folder
        self._unconfirmed.add(job.name)  # stays there if we do not hear of the command's end
        command = ["sh", "-c", prepare, "sh", folder, *sbatch_arguments(job, folder)]
        finished = self._commands.run(command, batch_script(job, folder))
        number = re.search(r"^(\d+)(;.*)?$", finished.output, re.MULTILINE)
        if finished.code != 0 or number is None:
            error = _refusal(job, finished)
            if _TOO_MANY_OF_YOURS.search(finished.errors) and len(job.tasks) > 1 and not self._squeue([]):
                error = JobRefused(
                    f"Slurm does not take an array of {len(job.tasks)} tasks of step *{job.step}*, although you have "
                    f"no other jobs: {_words(finished)}. Submit fewer at a time, as with "
                    "@slurm(max_concurrent_tasks=...)"
                )
            if isinstance(error, JobRefused):
                self._unconfirmed.discard(job.name)
            raise error
        self._unconfirmed.discard(job.name)
        return SubmittedJob(job.name, number[1], job.tasks, job.is_gang)

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """Say what has changed, with one ``squeue`` and, for tasks that ended badly, one command more.

        Raises
        ------
        EngineUnavailable
            If Slurm does not answer.
        """
        asked = f"--jobs={','.join(job.engine_id for job in jobs)}"
        self._watch.begin(jobs, self._squeue([asked, "--states=all"]))
        missing = self._watch.with_missing_tasks()
        if missing and self._account().has_accounting:
            self._watch.add(self._sacct(missing))
        failed = self._watch.without_exit_codes()
        if failed:
            self._watch.add_exit_codes(self._exit_codes(failed))
        changed = self._watch.changes()
        self._hopeless.update(state.engine_id for state in changed if state.phase == "ended" and not state.retriable)
        try:
            self._cancel_hopeless()
        except MetaflowException:
            if not changed:  # otherwise what has changed would never be told; they are cancelled the next time
                raise
        return changed

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End tasks with ``scancel``: Slurm asks them to end, and kills what has not ended after its ``KillWait``.

        Raises
        ------
        EngineUnavailable
            If Slurm does not answer.
        MetaflowException
            If it refuses.
        """
        chosen = {job.tasks.index(task) for task in tasks if task in job.tasks}
        target = job.engine_id
        if not job.is_gang and len(chosen) < len(job.tasks):
            if not chosen:
                return
            target = f"{job.engine_id}_[{states.format_indices(list(chosen))}]"
        self._scancel([target])

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """The end of what a task's process printed itself, and of what Slurm did for a gang."""
        folder = self._folder(job.name)
        names = [output_file(job.is_gang, job.tasks.index(task))] + ["batch.out"] * job.is_gang
        files = shlex.join(f"{folder}/{name}" for name in names)
        finished = self._commands.run(["sh", "-c", f"tail -q -c {_MOST_OUTPUT} {files} 2>/dev/null"])
        return finished.output.encode("utf-8", "surrogateescape")

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs of the flow that wait or run, of the account that we have there."""
        found: dict[str, list[states.Line]] = {}
        for line in self._squeue([]):
            if line.state in _GOING_ON and _fits(decode_facts(line.comment), query):
                found.setdefault(line.job, []).append(line)
        return [_found_job(number, lines) for number, lines in found.items()]

    def close(self) -> None:
        """Release the connection. Files of jobs that have ended are removed if that was asked for."""
        try:
            self._cancel_hopeless()
            if self._removes_files and self._files_of:
                self._remove_files()
        except MetaflowException:
            pass  # files that stay, and jobs that never start, are no reason for a run to fail that is over
        finally:
            self._commands.close()

    def _account(self) -> _Account:
        if self._known_account is None:
            who = 'printf "mf|%s|%s\\n" "$(id -un)" "$HOME" && scontrol show config'
            finished = self._commands.run(["sh", "-c", who])
            identity = re.search(r"^mf\|([^|]+)\|(.+)$", finished.output, re.MULTILINE)
            largest = re.search(r"^MaxArraySize\s*=\s*(\d+)", finished.output, re.MULTILINE)
            if finished.code != 0 or identity is None or largest is None:
                raise _unavailable("scontrol show config", finished)
            user, home = identity.groups()
            workdir = self._workdir.rstrip("/")
            if workdir.partition("/")[0] == "~":
                workdir = home + workdir[1:]
            elif not workdir.startswith("/"):
                workdir = f"{home}/{workdir}"
            accounting = re.search(r"^AccountingStorageType\s*=\s*(\S+)", finished.output, re.MULTILINE)
            # The second is a parameter of the scheduler, which few sites set: tasks, where the first is an index.
            limits = re.findall(r"^MaxArraySize\s*=\s*(\d+)|\bmax_array_tasks=(\d+)", finished.output, re.MULTILINE)
            self._known_account = _Account(
                user,
                workdir,
                min(int(index or tasks) for index, tasks in limits),
                accounting is not None and not accounting[1].endswith("none"),
            )
        return self._known_account

    def _folder(self, name: str) -> str:
        return f"{self._account().workdir}/slurm/{name}"

    def _squeue(self, arguments: list[str]) -> list[states.Line]:
        # Of one user only, which is much less work for the controller; lists of indices are cut short unless asked.
        command = ["squeue", "--noheader", f"--user={self._account().user}", f"--format={states.SQUEUE_FORMAT}"]
        finished = self._commands.run(["env", "SLURM_BITSTR_LEN=0", *command, *arguments])
        if finished.code != 0 and not _UNKNOWN_JOB.search(finished.errors):
            raise _unavailable("squeue", finished)
        return list(states.parse_squeue(finished.output))

    def _sacct(self, numbers: list[str]) -> list[states.Line]:
        command = ["sacct", "--noheader", "--parsable2", "--allocations", f"--format={states.SACCT_FIELDS}"]
        finished = self._commands.run(["env", "SLURM_BITSTR_LEN=0", *command, f"--jobs={','.join(numbers)}"])
        if finished.code != 0:
            raise _unavailable("sacct", finished)
        # What Slurm's queue does not have any more has ended, even if the database was not told.
        return [line for line in states.parse_sacct(finished.output) if line.state not in _GOING_ON]

    def _exit_codes(self, numbers: list[str]) -> dict[tuple[str, int], tuple[int, int]]:
        loop = 'for job; do scontrol --oneliner show job "$job"; done'
        finished = self._commands.run(["sh", "-c", loop, "sh", *numbers])
        if finished.code != 0 and not _UNKNOWN_JOB.search(finished.errors):
            raise _unavailable("scontrol show job", finished)
        return states.parse_exit_codes(finished.output)

    def _cancel_hopeless(self) -> None:
        if self._hopeless:
            self._scancel(sorted(self._hopeless))
            self._hopeless.clear()

    def _scancel(self, targets: list[str]) -> None:
        finished = self._commands.run(["scancel", *targets])
        if finished.code == 0 or _UNKNOWN_JOB.search(finished.errors):
            return
        if _TRY_AGAIN.search(finished.errors):
            raise _unavailable("scancel", finished)
        raise MetaflowException(f"Slurm does not cancel the job {', '.join(targets)}: {_words(finished)}")

    def _remove_files(self) -> None:
        going_on = {line.name for line in self._squeue([])}
        folders = [folder for name, folder in self._files_of.items() if name not in going_on]
        if folders:
            self._commands.run(["rm", "-rf", "--", *folders])


def _refusal(job: Job, finished: Finished) -> MetaflowException:
    limits = _LIMIT.findall(finished.errors)
    asks_too_much = bool(limits) and not any("Submit" in limit for limit in limits)
    if _TRY_AGAIN.search(finished.errors) and not asks_too_much:
        return _unavailable("sbatch", finished, _TOO_MANY_SECONDS if _TOO_MANY.search(finished.errors) else None)
    return JobRefused(f"Slurm does not take the job of step *{job.step}*: {_words(finished)}")


def _unavailable(command: str, finished: Finished, retry_after: float | None = None) -> EngineUnavailable:
    return EngineUnavailable(f"Slurm does not answer `{command}`: {_words(finished)}", retry_after)


def _words(finished: Finished) -> str:
    """What a command said, without its name at the beginning of each line."""
    said = [re.sub(r"^\w+: (error: )?", "", line).strip() for line in finished.errors.splitlines()]
    return "; ".join(line for line in said if line) or f"it ended with exit code {finished.code} and no message"


def _fits(facts: dict[str, str] | None, query: JobQuery) -> bool:
    return facts is not None and all(
        wanted is None or facts.get(name) == wanted for name, wanted in query._asdict().items()
    )


def _found_job(number: str, lines: list[states.Line]) -> FoundJob:
    counts: dict[str, int] = {}
    for line in lines:
        tasks = sum(map(len, line.indices)) if line.indices is not None else 1
        what = line.state.lower() + (f" ({line.reason})" if line.state == "PENDING" and line.reason else "")
        counts[what] = counts.get(what, 0) + tasks
    phase: Phase = "running" if any(line.state in states.RUNNING for line in lines) else "pending"
    text = ", ".join(f"{count} {what}" for what, count in counts.items()) if len(lines) > 1 else next(iter(counts))
    return FoundJob(number, decode_facts(lines[0].comment) or {}, phase, text)
