"""The engine. A job is a directory on one host, and a task three files in it: number.pid, .status and .out."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from itertools import cycle
from threading import Lock
from typing import ClassVar

from metaflow.compute.backend import (
    INDEX_VARIABLE,
    METADATA_VARIABLE,
    EngineUnavailable,
    FoundJob,
    Job,
    JobQuery,
    JobRefused,
    SubmittedJob,
    TaskState,
)
from metaflow.exception import MetaflowException

SECONDS = 60.0
#: How `ssh` says that it has not reached the host; every other exit code is the script's.
NOT_REACHED = 255

# A task leads a session of its own, so that it outlives the connection and can be ended with all that it started.
# The shell around it survives a SIGTERM long enough to write down how the task ended.
START = """
umask 077
mkdir -p {folder} && cd {folder} || exit 70
printf '%s' {facts} > facts.json
{exports}
for index in {indices}; do
  [ -e "$index.pid" ] && continue
  METAFLOW_SSH_INDEX=$index setsid sh -c 'trap : TERM; "$@"; echo $? > "$0.status"' "$index" {command} \\
    < /dev/null > "$index.out" 2>&1 &
  echo $! > "$index.pid"
done
"""
# The process is looked at before its status, as it may end in between.
POLL = """
cd {directory} || exit 0
for file in {files}; do
  [ -e "$file" ] || continue
  task=${{file%.pid}}
  alive=no
  kill -0 "$(cat "$file")" 2>/dev/null && alive=yes
  echo "$task $alive $(cat "$task.status" 2>/dev/null)"
done
"""
CANCEL = """
cd {folder} || exit 0
for index in {indices}; do
  [ -e "$index.pid" ] && [ ! -e "$index.status" ] && kill -TERM "-$(cat "$index.pid")"
done
nohup sh -c 'sleep 15; for index; do [ -e "$index.status" ] || kill -KILL "-$(cat "$index.pid")"; done' \\
  sh {indices} > /dev/null 2>&1 < /dev/null &
exit 0
"""
FIND = """
cd {directory} 2>/dev/null || exit 0
for facts in */facts.json; do
  for file in "${{facts%/*}}"/*.pid; do
    if [ -e "$file" ] && [ ! -e "${{file%.pid}}.status" ] && kill -0 "$(cat "$file")" 2>/dev/null; then
      echo "${{facts%/*}} $(cat "$facts")"
      break
    fi
  done
done
"""


class SshBackend:
    """Runs tasks on hosts, a job on each in turn."""

    title: ClassVar[str] = "SSH"

    def __init__(self, hosts: str, directory: str) -> None:
        self._hosts = hosts.replace(",", " ").split()
        self._directory = directory
        self._next_host = cycle(self._hosts)
        self._host_of_job: dict[str, str] = {}
        self._choosing = Lock()
        # The tasks of a job start at once, so jobs are what is spread over the hosts.
        self.largest_job = 4
        self.shortest_poll, self.longest_poll = 1.0, 10.0

    def check(self) -> None:
        for host in self._hosts:
            try:
                self._call(host, "command -v setsid nohup")
            except EngineUnavailable as error:
                raise MetaflowException(f"{error.message} Does `ssh {host} true` work, without a question?") from error

    def submit(self, job: Job) -> SubmittedJob:
        with self._choosing:  # submitted again, if the answer was lost, it goes to the same host
            host = self._host_of_job.get(job.name) or next(self._next_host)
            self._host_of_job[job.name] = host
        variables = {
            **job.variables,
            INDEX_VARIABLE: "METAFLOW_SSH_INDEX",
            "METAFLOW_SSH_HOST": host,
            METADATA_VARIABLE: json.dumps({"ssh-host": "METAFLOW_SSH_HOST"}),
        }
        script = START.format(
            folder=self._folder(job.name),
            facts=shlex.quote(json.dumps(dict(job.facts))),
            exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
            indices=" ".join(str(index) for index in range(len(job.tasks))),
            command=shlex.join(job.command),
        )
        self._call(host, script)
        return SubmittedJob(job.name, f"{host}:{job.name}", job.tasks, job.is_gang)

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        by_host: dict[str, list[SubmittedJob]] = {}
        for job in jobs:
            by_host.setdefault(_host_of(job), []).append(job)
        states: list[TaskState] = []
        for host, theirs in by_host.items():
            files = " ".join(f"{job.name}/*.pid" for job in theirs)
            said = self._call(host, POLL.format(directory=shlex.quote(self._directory), files=files))
            processes = {line.split()[0]: line.split()[1:] for line in said.splitlines()}
            for job in theirs:
                for index, task in enumerate(job.tasks):
                    states.append(_state(job, task, processes.get(f"{job.name}/{index}")))
        return states

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        indices = " ".join(str(job.tasks.index(task)) for task in tasks if task in job.tasks)
        if indices:
            self._call(_host_of(job), CANCEL.format(folder=self._folder(job.name), indices=indices))

    def output(self, job: SubmittedJob, task: str) -> bytes:
        file = f"{self._folder(job.name)}/{job.tasks.index(task)}.out"
        return self._call(_host_of(job), f"tail -c 65536 {file} 2>/dev/null; true").encode()

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        found = []
        for host in self._hosts:
            said = self._call(host, FIND.format(directory=shlex.quote(self._directory)))
            for line in said.splitlines():
                name, _, text = line.partition(" ")
                facts: Mapping[str, str] = json.loads(text)
                wanted = {key: value for key, value in query._asdict().items() if value is not None}
                if wanted.items() <= facts.items():
                    found.append(FoundJob(f"{host}:{name}", facts, "running"))
        return found

    def close(self) -> None:
        """Nothing is kept: whoever wants connections to be kept says so in ~/.ssh/config (ControlPersist)."""

    def _folder(self, name: str) -> str:
        return shlex.quote(f"{self._directory}/{name}")

    def _call(self, host: str, script: str) -> str:
        """What a shell on the host prints that runs a script."""
        command = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", host, "sh -s"]
        try:
            done = subprocess.run(
                command,
                check=False,
                input=script,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise EngineUnavailable(f"{host} has not answered within {SECONDS:g} seconds.") from None
        if done.returncode == NOT_REACHED:
            raise EngineUnavailable(f"{host} cannot be reached: {done.stderr.strip()}")
        if done.returncode != 0:
            raise JobRefused(f"{host} cannot do what it is asked: {done.stderr.strip()}")
        return done.stdout


def _host_of(job: SubmittedJob) -> str:
    return job.engine_id.removesuffix(f":{job.name}")


def _state(job: SubmittedJob, task: str, process: Sequence[str] | None) -> TaskState:
    """State of a task, given what was found of its process: whether it is alive, and its exit code if it has ended."""
    if process is None:
        return TaskState(task, "ended", reason="its files are gone from its host", engine_id=job.engine_id)
    alive, *status = process
    if status:
        return TaskState(task, "ended", status=int(status[0]), engine_id=job.engine_id)
    if alive == "yes":
        return TaskState(task, "running", engine_id=job.engine_id)
    return TaskState(task, "ended", reason="its process is gone: its host may have been restarted")
