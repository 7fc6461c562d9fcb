"""What is sent to Ray for a job: the request, as plain data."""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend import INDEX_VARIABLE, MAIN_ADDRESS_VARIABLE, METADATA_VARIABLE
from .driver import DRIVER_VARIABLE, NODE_ID_VARIABLE, NODE_IP_VARIABLE, PLAN_VARIABLE, TASK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Job

#: Variable of a task with the id of its Ray job.
JOB_ID_VARIABLE = "METAFLOW_RAY_JOB_ID"
#: What is recorded with each task, and the variable that has it.
_METADATA = {"ray-job-id": JOB_ID_VARIABLE, "ray-node-id": NODE_ID_VARIABLE, "ray-node-ip": NODE_IP_VARIABLE}

#: Exit code of a job for which no Python with Ray was found.
NO_PYTHON = 127
_HAS_RAY = "import importlib.util as u, sys; sys.exit(u.find_spec('ray') is None)"
_RUN = f"import base64, os, zlib; exec(zlib.decompress(base64.b64decode(os.environ.pop('{DRIVER_VARIABLE}'))))"
_NO_RAY = (
    "None of these commands is a Python that has Ray: $candidates. Put the directory of the cluster's Python into PATH,"
    " as in @ray_step(runtime_env={'env_vars': {'PATH': ...}}), or name it, as in @ray_step(executable=...)."
)


def request(job: Job, patience_seconds: float) -> dict[str, Any]:
    """Body of the request that submits a job.

    Parameters
    ----------
    job : Job
    patience_seconds : float
        How long to wait for nodes if none is large enough.
    """
    runtime_env = dict(job.options["runtime_env"] or {})
    runtime_env["env_vars"] = {
        **runtime_env.get("env_vars", {}),
        PLAN_VARIABLE: _packed(json.dumps(plan(job, patience_seconds)).encode()),
        DRIVER_VARIABLE: _packed(Path(__file__).with_name("driver.py").read_bytes()),
    }
    return {
        "entrypoint": entrypoint(job.options["executable"]),
        "submission_id": job.name,
        "metadata": dict(job.facts),
        "runtime_env": runtime_env,
    }


def entrypoint(executable: str | None) -> str:
    """The job's command, for a shell: run the driver with the first Python that has Ray."""
    candidates = " ".join(shlex.quote(name) for name in dict.fromkeys(["python", "python3", executable]) if name)
    return (
        f'for python in {candidates}; do "$python" -c {shlex.quote(_HAS_RAY)} 2>/dev/null'
        f' && exec "$python" -c {shlex.quote(_RUN)}; done;'
        f' candidates={shlex.quote(candidates)}; echo "{_NO_RAY}" >&2; exit {NO_PYTHON}'
    )


def plan(job: Job, patience_seconds: float) -> dict[str, Any]:
    """What the driver is told."""
    variables = {**job.variables, METADATA_VARIABLE: json.dumps(_METADATA), JOB_ID_VARIABLE: job.name}
    if len(job.tasks) > 1:
        variables[INDEX_VARIABLE] = TASK_VARIABLE
    return {
        "step": job.step,
        "count": len(job.tasks),
        "is_gang": job.is_gang,
        "command": list(job.command),
        "variables": variables,
        "main_address_variable": MAIN_ADDRESS_VARIABLE,
        "needs": needs(job.options),
        "placement_strategy": job.options["placement_strategy"],
        "timeout_seconds": job.timeout_seconds,
        "patience_seconds": patience_seconds,
    }


def needs(options: Mapping[str, Any]) -> dict[str, float]:
    """Resources of one task under Ray's names; memory in bytes. What is zero is left out."""
    amounts = {"CPU": options["cpu"], "GPU": options["gpu"], **(options["resources"] or {})}
    wanted = {name: float(amount) for name, amount in amounts.items() if amount and float(amount)}
    if options["memory"]:
        wanted["memory"] = float(options["memory"]) * 1e6
    return wanted


def _packed(text: bytes) -> str:
    """Text, small: the cluster repeats what was submitted whenever somebody lists its jobs."""
    return base64.b64encode(zlib.compress(text, 9)).decode()
