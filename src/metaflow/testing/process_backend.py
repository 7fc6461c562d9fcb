"""An engine for tests: jobs are processes of this machine that go on when the run's process dies, as on a cluster.

``@elsewhere`` on a step, or ``--with elsewhere``, sends tasks here. What the engine knows is kept in a directory, one
folder for each job, so that a second process (another run, ``elsewhere kill``, a test) sees the same jobs. A test gets
at the engine from outside by :class:`ProcessBackend` itself, or by files in that directory:

``unavailable``
    While it exists, every call raises :class:`EngineUnavailable` with its text.
``refuse``
    While it exists, every submission is refused with its text.
``hold``
    While it exists, nothing is started that is submitted; its text says why, as when no node has room.
``lose``
    The next submission is taken, and then reported as if the engine had not answered; the file is removed.
``requests``
    Written by the engine: a line for every call, to count them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..compute.backend import INDEX_VARIABLE, EngineUnavailable, FoundJob, Job, JobRefused, SubmittedJob, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..compute.backend import JobQuery

#: Environment variable with the directory of the engine, if the decorator does not name one.
DIRECTORY_VARIABLE = "METAFLOW_ELSEWHERE_DIRECTORY"
#: The variable that tells a process which of its job it is.
_INDEX = "ELSEWHERE_INDEX"
#: Seconds that a task has to end by itself when it is cancelled.
_GRACE = 2.0
_PAUSE = 0.02
_CANCELLED = "it was cancelled"
#: Keeps the process that runs a task from dying of the signal that ends the task, so that it can note the exit status.
_WATCH = 'trap : TERM INT HUP; status=$1; shift; "$@"; echo $? > "$status.new"; mv "$status.new" "$status"'


class ProcessBackend:
    """The engine behind ``@elsewhere``: a :class:`~metaflow.compute.backend.Backend`.

    Parameters
    ----------
    directory : str, optional
        Where it keeps what it knows; otherwise what the environment variable ``METAFLOW_ELSEWHERE_DIRECTORY`` says, or
        a directory of the user's among the temporary files.
    largest_job : int
    """

    title: ClassVar[str] = "Elsewhere"
    shortest_poll = 0.05
    longest_poll = 0.5

    def __init__(self, directory: str | None = None, largest_job: int = 100) -> None:
        chosen = directory or os.environ.get(DIRECTORY_VARIABLE)
        self.directory = Path(chosen or os.path.join(tempfile.gettempdir(), f"metaflow-elsewhere-{os.getuid()}"))
        self.largest_job = int(largest_job)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def check(self) -> None:
        """Make the directory."""
        self._answer("check")

    def submit(self, job: Job) -> SubmittedJob:
        """Start the processes of a job, unless it was submitted before or jobs are held back."""
        self._answer(f"submit {job.name} {len(job.tasks)}")
        refusal = self._said("refuse")
        if refusal is not None:
            raise JobRefused(refusal)
        folder = self.directory / job.name
        with self._lock:
            if not (folder / "job.json").exists():
                self._take(job, folder)
                if self._said("hold") is None:
                    self._start_all(job, folder)
        try:
            (self.directory / "lose").unlink()
        except FileNotFoundError:
            return SubmittedJob(job.name, job.name, job.tasks, job.is_gang)
        raise EngineUnavailable("The engine did not answer.")

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """Say how tasks are, at once if one has ended, otherwise after `wait` seconds."""
        self._answer(f"poll {len(jobs)}")
        deadline = time.monotonic() + wait
        while True:
            self._start_held(jobs)
            states = [state for job in jobs for state in self._states(job)]
            ended = [state.task for state in states if state.phase == "ended"]
            if ended or time.monotonic() >= deadline:
                self._told.update(ended)
                return states
            time.sleep(_PAUSE)

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End tasks as a cluster does: a signal to stop, a little time, and then the end of all their processes."""
        self._answer(f"cancel {job.engine_id} {len(tasks)}")
        is_whole = set(job.tasks) <= set(tasks)
        self._end(job.engine_id, self._job(job.engine_id)["tasks"] if is_whole else tasks, _CANCELLED, _GRACE)

    def evict(self, task: str, reason: str = "it was evicted: the node was low on memory") -> None:
        """End a task at once, as an engine does that wants its machine back.

        Parameters
        ----------
        task : str
            As ``step/task/attempt``.
        reason : str
            What the engine is to say of it.
        """
        for folder in self._folders():
            if task in self._job(folder.name)["tasks"]:
                self._end(folder.name, [task], reason, 0)

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """What the task's processes printed to the streams that they were started with."""
        self._answer(f"output {job.engine_id}")
        try:
            return (self.directory / job.engine_id / f"{job.tasks.index(task)}.output").read_bytes()
        except FileNotFoundError:
            return b""

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs with tasks that have not ended."""
        self._answer("find")
        found = []
        for folder in self._folders():
            facts = self._job(folder.name)["facts"]
            wanted = (facts["flow"] == query.flow, query.run_id in (None, facts["run_id"]))
            if not (all(wanted) and query.user in (None, facts["user"])):
                continue
            phases = [self._state(folder, index, "").phase for index in range(len(self._job(folder.name)["tasks"]))]
            if "running" in phases:
                found.append(FoundJob(folder.name, facts, "running"))
            elif "pending" in phases:
                found.append(FoundJob(folder.name, facts, "pending", self._said("hold") or ""))
        return found

    def close(self) -> None:
        """Let go of the processes, which go on."""
        for process in self._processes:
            if process.poll() is None:
                process.returncode = 0  # it is not ours to wait for, and its end is not to be missed

    def clear(self) -> None:
        """End whatever runs, and forget everything; for the end of a test."""
        for folder in self._folders():
            self._end(folder.name, self._job(folder.name)["tasks"], _CANCELLED, 0)
        self.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answer(self, request: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "requests").open("a", encoding="utf-8") as file:
            file.write(request + "\n")
        trouble = self._said("unavailable")
        if trouble is not None:
            raise EngineUnavailable(trouble or "The engine does not answer.")

    def _said(self, name: str) -> str | None:
        try:
            return (self.directory / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _take(self, job: Job, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        content = json.dumps({**job._asdict(), "variables": dict(job.variables), "facts": dict(job.facts)}, default=str)
        (folder / "job.json.new").write_text(content, encoding="utf-8")
        (folder / "job.json.new").replace(folder / "job.json")

    def _start_all(self, job: Job, folder: Path) -> None:
        environment = _clean_environment() | dict(job.variables)
        if len(job.tasks) > 1:
            environment[INDEX_VARIABLE] = _INDEX
        for index in range(len(job.tasks)):
            if not (folder / f"{index}.reason").exists():
                self._processes.append(_start(folder, index, job.command, environment | {_INDEX: str(index)}))

    def _start_held(self, jobs: Sequence[SubmittedJob]) -> None:
        if self._said("hold") is not None:
            return
        for submitted in jobs:
            folder = self.directory / submitted.engine_id
            with self._lock:
                if (folder / "job.json").exists() and not any(folder.glob("*.pid")):
                    content = self._job(submitted.engine_id)
                    job = Job(**{**content, "tasks": tuple(content["tasks"]), "command": tuple(content["command"])})
                    self._start_all(job, folder)

    def _states(self, job: SubmittedJob) -> Iterator[TaskState]:
        folder = self.directory / job.engine_id
        for index, task in enumerate(job.tasks):
            if task not in self._told:
                yield self._state(folder, index, task)

    def _state(self, folder: Path, index: int, task: str) -> TaskState:
        name = f"{folder.name}:{index}"
        if not folder.exists():
            return TaskState(task, "ended", reason="the engine does not know it any more", engine_id=name)
        # In this order: what starts between the two looks is found alive, and not taken for lost.
        has_started = (folder / f"{index}.pid").exists()
        alive = _is_alive(folder / f"{index}.lock")
        reason = _read(folder / f"{index}.reason")
        if not alive and not has_started:
            if reason is not None:
                return TaskState(task, "ended", reason=reason, engine_id=name)
            return TaskState(task, "pending", text=self._said("hold") or "", engine_id=name)
        if alive:
            return TaskState(task, "running", engine_id=name)
        status = _read(folder / f"{index}.status")
        if status is None:
            return TaskState(task, "ended", reason=reason or "its machine was lost", engine_id=name)
        code = int(status)
        return TaskState(task, "ended", status=code if code <= 128 else 128 - code, reason=reason, engine_id=name)

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self.directory.glob("*/job.json"))

    def _job(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.directory / name / "job.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"tasks": []}
        return content

    def _end(self, name: str, tasks: Sequence[str], reason: str, grace: float) -> None:
        folder = self.directory / name
        all_tasks = self._job(name)["tasks"]
        processes = []
        for index in (all_tasks.index(task) for task in tasks if task in all_tasks):
            lock = folder / f"{index}.lock"
            if (folder / f"{index}.status").exists() or ((folder / f"{index}.pid").exists() and not _is_alive(lock)):
                continue
            (folder / f"{index}.reason").write_text(reason, encoding="utf-8")
            pid = _read(folder / f"{index}.pid")
            if pid is not None:
                processes.append((int(pid), lock))
        _kill_trees(processes, grace)


def _clean_environment() -> dict[str, str]:
    """What a process of another machine would find, so that a task cannot live on what the run's process has."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "METAFLOW_"))}
    return {**kept, "PATH": os.pathsep.join([os.path.dirname(sys.executable), kept.get("PATH", os.defpath)])}


def _start(folder: Path, index: int, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    place = folder / f"{index}.place"
    place.mkdir(exist_ok=True)
    # The lock is held for as long as the process lives, whoever looks, and whatever number it has.
    with (folder / f"{index}.lock").open("wb") as lock, (folder / f"{index}.output").open("ab") as output:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "elsewhere", str(folder / f"{index}.status"), *command],
            cwd=place,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    (folder / f"{index}.pid.new").write_text(str(process.pid), encoding="ascii")
    (folder / f"{index}.pid.new").replace(folder / f"{index}.pid")
    return process


def _is_alive(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _kill_trees(processes: Sequence[tuple[int, Path]], grace: float) -> None:
    """End processes and all that they started, as an engine does that ends a container."""
    if not processes:
        return
    trees = _descendants([pid for pid, lock in processes if _is_alive(lock)])
    if grace:
        _send(trees, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(_is_alive(lock) for _, lock in processes):
            time.sleep(_PAUSE)
        trees = _descendants([pid for pid, lock in processes if _is_alive(lock)])
    _send(trees, signal.SIGKILL)
    while any(_is_alive(lock) for _, lock in processes):
        time.sleep(_PAUSE)


def _descendants(pids: Sequence[int]) -> list[int]:
    listing = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    found = list(pids)
    for pid in found:
        found += children.get(pid, ())
    return found


def _send(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
