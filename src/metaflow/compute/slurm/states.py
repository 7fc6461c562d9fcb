"""What Slurm's commands say of jobs, read: states, reasons, exit codes, and lists of the tasks of an array."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Fields of a line of squeue, by letters that all of its versions know; none of them can contain the separator.
_MARK = "mf"
SQUEUE_FORMAT = f"{_MARK}|%F|%K|%T|%N|%j|%k|%r"
SACCT_FIELDS = "JobID,State,ExitCode,NodeList"

PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "EXPEDITING"}
RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"}

#: Reasons for which a waiting job will not start as long as it asks for what it asks.
_HOPELESS = {
    "AccountNotAllowed": "its account may not use the partition",
    "BadConstraints": "no node of the cluster has what it asks for",
    "DependencyNeverSatisfied": "a job that it depends on has failed",
    "InvalidAccount": "its account does not exist",
    "InvalidQOS": "its QOS does not exist",
    "PartitionConfig": "its partition cannot give what it asks for",
    "PartitionNodeLimit": "it asks for more nodes than a job may have in its partition",
    "PartitionTimeLimit": "its time limit is longer than its partition allows",
    "QOSNotAllowed": "its QOS may not be used in the partition",
}
#: Limits on a single job do not go away while it waits, unlike those on all jobs of somebody together.
_HOPELESS_LIMIT = re.compile(
    r"(Assoc|QOS)Max\w+Per(Job|Node)(Limit)?|QOSMin\w+NotSatisfied|AssocMaxWallDurationPerJob\w*"
)
_WAITING = {
    "JobArrayTaskLimit": "waits for other tasks: max_concurrent_tasks of them are running",
    "JobHeldAdmin": "is held by an administrator; ask them to release it",
    "JobHeldUser": "is held; `scontrol release` lets it start",
    "None": "",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "Priority": "waits for jobs of higher priority",
    "Resources": "waits for free resources",
}
_ENDINGS = {
    "BOOT_FAIL": "its node could not be started",
    "CANCELLED": "its Slurm job was cancelled",
    "DEADLINE": "the deadline of its Slurm job has passed",
    "LAUNCH_FAILED": "Slurm could not start it on its node",
    "NODE_FAIL": "its node {nodes} failed",
    "OUT_OF_MEMORY": "it needed more memory than its Slurm job has. Ask for more, as in @slurm(memory=...)",
    "PREEMPTED": "its Slurm job had to make room for one of higher priority",
    "RECONFIG_FAIL": "its node could not be configured",
    "REVOKED": "its Slurm job was given to another cluster",
    "TIMEOUT": "it reached the time limit of its Slurm job",
}
#: "Signal" with which Slurm says that it could not open the file for what a job prints.
_NO_OUTPUT_FILE = 53


class Line(NamedTuple):
    """What Slurm says of a job, of one task of an array, or of several that are still waiting.

    Attributes
    ----------
    job : str
        Number of the job, or of the array.
    indices : tuple of range or None
        The tasks of the array; None for a job that is none.
    state : str
    nodes, name, comment, reason : str
        Empty if not told.
    exit_code : tuple of int or None
        Exit code and signal, if told.
    """

    job: str
    indices: tuple[range, ...] | None
    state: str
    nodes: str = ""
    name: str = ""
    comment: str = ""
    reason: str = ""
    exit_code: tuple[int, int] | None = None


def parse_squeue(output: str) -> Iterator[Line]:
    """Lines of ``squeue --noheader --format=SQUEUE_FORMAT``; what a login shell prints beside them is passed over."""
    for text in output.splitlines():
        mark, _, rest = text.partition("|")
        fields = rest.split("|", 6)
        if mark == _MARK and len(fields) == 7:
            job, indices, state, nodes, name, comment, reason = (
                "" if field in ("(null)", "N/A") else field for field in fields
            )
            yield Line(job, parse_indices(indices), state, nodes, name, comment, reason)


def parse_sacct(output: str) -> Iterator[Line]:
    """Lines of ``sacct --parsable2 --noheader --allocations --format=SACCT_FIELDS``."""
    for text in output.splitlines():
        fields = text.split("|")
        match = re.fullmatch(r"(\d+)(?:_\[?([\d,%:-]+)\]?)?", fields[0])
        if match and len(fields) == 4:
            _, state, exit_code, nodes = fields
            word, _, rest = state.partition(" ")
            by = rest if word == "CANCELLED" else ""  # "by 1000"
            yield Line(match[1], parse_indices(match[2] or ""), word, nodes, reason=by, exit_code=_exit_code(exit_code))


def parse_exit_codes(output: str) -> dict[tuple[str, int], tuple[int, int]]:
    """Exit code and signal of tasks, by array and index, in what ``scontrol --oneliner show job`` prints."""
    found = {}
    for text in output.splitlines():
        fields = dict(part.split("=", 1) for part in text.split() if "=" in part)
        job, exit_code = fields.get("ArrayJobId", fields.get("JobId")), _exit_code(fields.get("ExitCode", ""))
        index = fields.get("ArrayTaskId", "0")
        if job and exit_code is not None and index.isdecimal():
            found[job, int(index)] = exit_code
    return found


def parse_indices(text: str) -> tuple[range, ...] | None:
    """Indices of an array such as ``0-3,7,10-20:2%4``; None if there are none."""
    found = []
    for part in text.partition("%")[0].split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)
        if match is None:
            return None
        found.append(range(int(match[1]), int(match[2] or match[1]) + 1, int(match[3] or 1)))
    return tuple(found)


def format_indices(indices: list[int]) -> str:
    """Indices of an array as Slurm's commands take them: ``0-3,7``."""
    pieces: list[list[int]] = []
    for index in sorted(set(indices)):
        if pieces and index == pieces[-1][1] + 1:
            pieces[-1][1] = index
        else:
            pieces.append([index, index])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in pieces)


def why_waiting(reason: str) -> str:
    """Why a job waits, for people."""
    return _WAITING.get(reason, f"waits, says Slurm: {reason}" if reason else "")


def why_hopeless(reason: str) -> str | None:
    """Why a waiting job will never start, as the end of a sentence; None if it may."""
    if reason in _HOPELESS:
        return f"Slurm will never start it: {_HOPELESS[reason]} ({reason})"
    return f"Slurm will never start it: it exceeds a limit ({reason})" if _HOPELESS_LIMIT.fullmatch(reason) else None


def ending(line: Line, folder: str) -> tuple[int | None, str | None]:
    """Status of a task that has ended, and why if it was not the doing of its own code.

    Parameters
    ----------
    line : Line
    folder : str
        Directory for what the job prints.

    Returns
    -------
    status : int or None
        Exit code, or the negated number of a signal.
    reason : str or None
        As the end of a sentence.
    """
    code, number = line.exit_code or (None, 0)
    status = -number if number else code
    if line.state in _ENDINGS:
        by = line.reason.replace("by ", " by user ") if line.reason.startswith("by ") else ""
        return status or None, _ENDINGS[line.state].format(nodes=line.nodes) + by
    if line.state == "COMPLETED":
        return 0, None
    if number == _NO_OUTPUT_FILE:
        return None, (
            f"Slurm could not write its output to {folder} on node {line.nodes}. That directory has to be one that all "
            "nodes share: choose another with @slurm(remote_workdir=...)"
        )
    if line.reason in _HOPELESS:
        return None, why_hopeless(line.reason)
    return status, None if status else f"its Slurm job has ended in the state {line.state} ({line.reason})"


def _exit_code(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+):(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None
