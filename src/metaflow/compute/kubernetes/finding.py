"""Jobs that somebody asks for: ours, and those that a workflow engine looks after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend import FoundJob
from .client import AccessRefused
from .cluster import JOB, JOBSET
from .job_states import read_job
from .names import ALL_TASKS, ARGO_LABEL, FLOW_LABEL, JOB_LABEL, RUN_LABEL, facts_in, label_value, run_label
from .states import read_pod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..backend import JobQuery
    from .cluster import Cluster

_ARGO = "Argo Workflows looks after it: end its workflow with `argo-workflows terminate`"
#: Field selector of pods that have not ended.
_NOT_OVER = "status.phase!=Succeeded,status.phase!=Failed"


class _Pods:
    """What the pods of a job do, without the pods: there may be thousands."""

    def __init__(self) -> None:
        self.number = 0
        self.running = 0
        self.text = ""

    def add(self, pod: Mapping[str, Any]) -> None:
        """Take in one of them."""
        self.number += 1
        state = read_pod(pod)
        if pod.get("status", {}).get("phase") == "Running":
            self.running += 1
        elif state is not None and state.text:
            self.text = self.text or state.text

    def state(self) -> tuple[Any, str]:
        """Phase of the job, and what one of those that wait waits for."""
        texts = [f"{self.running} of {self.number} pods run"] if self.number > 1 else []
        if self.text:
            texts.append(self.text)
        return ("running" if self.running else "pending"), "; ".join(texts)


def find_jobs(cluster: Cluster, query: JobQuery) -> Iterator[FoundJob]:
    """Jobs of a flow that have not ended."""
    selector = f"{ALL_TASKS},{FLOW_LABEL}={label_value(query.flow)}"
    if query.run_id is not None:
        selector += f",{RUN_LABEL}={run_label({'flow': query.flow, 'run_id': query.run_id})}"
    jobs: dict[str, tuple[str, Mapping[str, str]]] = {}
    for kind in (JOB, JOBSET):
        for item in _listed(cluster, kind, selector):
            metadata = item["metadata"]
            facts = facts_in(metadata.get("annotations") or {})
            # The jobs that a JobSet makes have the name of the JobSet in their label.
            is_ours = metadata["labels"].get(JOB_LABEL) == metadata["name"]
            if is_ours and _matches(facts, query) and not read_job(item).ended:
                jobs[metadata["name"]] = (f"{kind}/{metadata['name']}", facts)
    pods = {name: _Pods() for name in jobs}
    for pod in cluster.find_pods(selector, _NOT_OVER) if jobs else ():
        if (job := pod["metadata"]["labels"].get(JOB_LABEL)) in pods:
            pods[job].add(pod)
    for name, (engine_id, noted) in jobs.items():
        yield FoundJob(engine_id, noted, *pods[name].state())
    yield from _of_argo(cluster, query)


def _listed(cluster: Cluster, kind: str, selector: str) -> Iterator[dict[str, Any]]:
    try:
        yield from cluster.listed(kind, selector)
    except AccessRefused:
        # A cluster without JobSets says that there are none only to those who might list them.
        if kind == JOB:
            raise


def _of_argo(cluster: Cluster, query: JobQuery) -> Iterator[FoundJob]:
    """Pods of the flow that Argo Workflows looks after."""
    for pod in cluster.find_pods(f"{ALL_TASKS},{ARGO_LABEL}", _NOT_OVER):
        facts = facts_in(pod["metadata"].get("annotations") or {})
        if _matches(facts, query):
            of_task = _Pods()
            of_task.add(pod)
            yield FoundJob(f"pod/{pod['metadata']['name']}", facts, *of_task.state(), _ARGO)


def _matches(facts: Mapping[str, str], query: JobQuery) -> bool:
    wanted = {"flow": query.flow, "run_id": query.run_id, "user": query.user}
    return all(value is None or facts.get(name) == value for name, value in wanted.items())
