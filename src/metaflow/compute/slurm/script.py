"""What Slurm is given for a job: the arguments of ``sbatch``, and the batch script."""

from __future__ import annotations

import json
import shlex
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from ..backend import FIRST_FAILURE_VARIABLE, INDEX_VARIABLE, MAIN_ADDRESS_VARIABLE, METADATA_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Job

_ARRAY_INDEX, _GANG_INDEX = "SLURM_ARRAY_TASK_ID", "SLURM_PROCID"
#: Facts that are recorded with a task, and the variables that have them.
_METADATA = {
    "slurm-job-id": "SLURM_JOB_ID",
    "slurm-job-name": "SLURM_JOB_NAME",
    "slurm-array-job-id": "SLURM_ARRAY_JOB_ID",
    "slurm-array-task-id": "SLURM_ARRAY_TASK_ID",
    "slurm-partition": "SLURM_JOB_PARTITION",
    "slurm-nodelist": "SLURM_JOB_NODELIST",
    "slurm-node": "SLURMD_NODENAME",
    "slurm-cluster-name": "SLURM_CLUSTER_NAME",
}
#: Attributes of @slurm that are options of sbatch as they stand.
_PLAIN_OPTIONS = {
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "constraint": "constraint",
    "nodes": "nodes",
    "ntasks": "ntasks",
    "cpus_per_task": "cpus-per-task",
    "memory": "mem",
    "disk": "tmp",
}
#: What a batch script of a gang finds out: how node 0 is reached. The name of a node need not be one of a host.
_FIND_MAIN_ADDRESS = f"""\
first_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol --oneliner show node "$first_node" | sed -n 's/.* NodeAddr=\\([^ ]*\\).*/\\1/p')
export {MAIN_ADDRESS_VARIABLE}="${{address:-$first_node}}"
"""

#: Around each process of a gang: notes which of them failed first, however it ended, before srun ends the others. One
#: that was itself told to end (143) is not to blame.
_NOTE_FAILURE = f"""\
trap : TERM
"$@"
code=$?
case $code in 0|143) ;; *) (set -C; echo "$SLURM_PROCID $code" > "${FIRST_FAILURE_VARIABLE}") 2> /dev/null ;; esac
exit $code"""


def sbatch_arguments(job: Job, folder: str) -> list[str]:
    """Arguments of ``sbatch``; what the user wrote as options of it comes last and prevails.

    Parameters
    ----------
    job : Job
    folder : str
        Directory for what the processes of the job print.
    """
    options = job.options
    chosen: dict[str, Any] = {
        "job-name": job.name,
        "comment": encode_facts(job.facts),
        "export": "ALL",
        "chdir": folder,
        "output": f"{_pattern(folder)}/{_output_name(job)}",
        "no-requeue": True,
    }
    if job.is_gang:
        chosen |= {"nodes": len(job.tasks), "ntasks": len(job.tasks)}
        if options.get("nodes") is None:
            chosen["ntasks-per-node"] = 1
    elif len(job.tasks) > 1:
        limit = options.get("max_concurrent_tasks")
        chosen["array"] = f"0-{len(job.tasks) - 1}" + (f"%{int(limit)}" if limit else "")
    if job.timeout_seconds is not None:
        chosen["time"] = ceil(job.timeout_seconds / 60) + 1
    for attribute, option in _PLAIN_OPTIONS.items():
        if options.get(attribute) is not None and not (job.is_gang and attribute == "ntasks"):
            chosen[option] = options[attribute]
    chosen |= _gres(options) | _exclusive(options.get("exclusive")) | dict(options.get("sbatch_options") or {})
    return [_argument(name, value) for name, value in chosen.items() if value is not None and value is not False]


def batch_script(job: Job, folder: str) -> str:
    """The script that ``sbatch`` reads: the job's variables, which may be of any length, and its command.

    Parameters
    ----------
    job : Job
    folder : str
        Directory for what the processes of the job print.
    """
    variables = {**job.variables, METADATA_VARIABLE: json.dumps(_METADATA, separators=(",", ":"))}
    if job.is_gang:
        variables |= {INDEX_VARIABLE: _GANG_INDEX, FIRST_FAILURE_VARIABLE: f"{folder}/first-failure"}
    elif len(job.tasks) > 1:
        variables[INDEX_VARIABLE] = _ARRAY_INDEX
    lines = ["#!/bin/bash", *(f"export {name}={shlex.quote(value)}" for name, value in variables.items())]
    command = shlex.join(job.command)
    if job.is_gang:
        process = shlex.join([*_srun_arguments(job, folder), "bash", "-c", _NOTE_FAILURE, "bash"])
        lines.append(_FIND_MAIN_ADDRESS + f"exec {process} {command}")
    else:
        lines.append(f"exec {command}")
    return "\n".join(lines) + "\n"


def output_file(is_gang: bool, index: int | str) -> str:
    """Name of the file with what the process with an index prints."""
    return f"{'node-' if is_gang else ''}{index}.out"


def encode_facts(facts: Mapping[str, str]) -> str:
    """A job's facts as text without white space or separators, for its comment."""
    return "metaflow?" + urlencode(facts)


def decode_facts(comment: str) -> dict[str, str] | None:
    """What :func:`encode_facts` wrote; None if it was not that."""
    mark, _, encoded = comment.partition("?")
    return dict(parse_qsl(encoded, keep_blank_values=True)) if mark == "metaflow" else None


def _output_name(job: Job) -> str:
    if job.is_gang:
        return "batch.out"
    return output_file(False, "%a" if len(job.tasks) > 1 else 0)


def _srun_arguments(job: Job, folder: str) -> list[str]:
    arguments = ["srun", "--export=ALL", "--mpi=none", "--kill-on-bad-exit=1", f"--ntasks={len(job.tasks)}"]
    if job.options.get("cpus_per_task") is not None:  # newer versions do not take it from the job
        arguments.append(f"--cpus-per-task={job.options['cpus_per_task']}")
    return [*arguments, f"--output={_pattern(folder)}/{output_file(True, '%t')}"]


def _pattern(folder: str) -> str:
    return folder.replace("%", "%%")


def _gres(options: Mapping[str, Any]) -> dict[str, str]:
    wanted = [f"gpu:{options['gpus']}"] if options.get("gpus") else []
    if options.get("gres"):
        wanted.append(str(options["gres"]))
    return {"gres": ",".join(wanted)} if wanted else {}


def _exclusive(value: Any) -> dict[str, Any]:
    return {"exclusive": value} if value else {}


def _argument(name: str, value: Any) -> str:
    return f"--{name}" if value is True else f"--{name}={value}"
