"""Jobs as tests of the Kubernetes backend submit them."""

from __future__ import annotations

import os
from typing import Any

from metaflow.compute.backend import Job
from metaflow.decorators.kubernetes import KubernetesDecorator

SMALL = {"cpu": 0.01, "memory": 64, "disk": 10}


def make_job(
    script: str = "true",
    tasks: int = 1,
    gang: bool = False,
    timeout: float | None = None,
    facts: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    **attributes: Any,
) -> Job:
    """A job whose processes run a script, with some attributes of ``@kubernetes``."""
    decorator = KubernetesDecorator({**SMALL, **attributes})
    return Job(
        name=f"mf-{os.urandom(8).hex()}",
        step="work",
        tasks=tuple(f"work/{number}/0" for number in range(tasks)),
        is_gang=gang,
        command=("bash", "-c", script),
        variables=variables or {},
        options=decorator.options([decorator]),
        timeout_seconds=timeout,
        facts={"flow": "Flow", "run_id": "1", "step": "work", "user": "ada", **(facts or {})},
    )
