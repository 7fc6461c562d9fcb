"""Labels and annotations by which objects in a cluster are known to be ours, and whose."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from ...decorators.kubernetes_options import is_label_value

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_LABEL = "app.kubernetes.io/name"
PART_OF_LABEL = "app.kubernetes.io/part-of"
#: Selects everything that tasks of flows run as, whoever started them.
ALL_TASKS = f"{PART_OF_LABEL}=metaflow"
FLOW_LABEL = "metaflow/flow"
JOB_LABEL = "metaflow/job"
RUN_LABEL = "metaflow/run"
#: Of a pod that a workflow of Argo Workflows looks after.
ARGO_LABEL = "workflows.argoproj.io/workflow"
#: On a job that was cancelled: that it was.
CANCELLED = "metaflow/cancelled"
#: Which pod of an Indexed Job it is: an annotation, and a label.
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
#: Which of the like jobs of a JobSet a pod belongs to, and what these are called.
JOBSET_INDEX = "jobset.sigs.k8s.io/job-index"
JOBSET_ROLE = "jobset.sigs.k8s.io/replicatedjob-name"
CONTROL, WORKER = "control", "worker"
#: Name of the container that a task runs in.
CONTAINER = "task"

#: Fact of a job -> annotation that says it.
_ANNOTATIONS = {
    "flow": "metaflow/flow_name",
    "run_id": "metaflow/run_id",
    "step": "metaflow/step_name",
    "task_id": "metaflow/task_id",
    "attempt": "metaflow/attempt",
    "user": "metaflow/user",
    "project": "metaflow/project_name",
    "branch": "metaflow/branch_name",
}
_FACTS = {annotation: fact for fact, annotation in _ANNOTATIONS.items()}


def label_value(text: str) -> str:
    """A text as the value of a label: itself if it can be one, otherwise what is left of it and a hash of it all."""
    if is_label_value(text) and len(text) <= 52:
        return text
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:40].strip("._-")
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{readable}-{digest}".lstrip("-")


def run_label(facts: Mapping[str, str]) -> str:
    """What all objects of a run have as ``RUN_LABEL``."""
    text = f"{facts['flow']}\0{facts['run_id']}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def labels_of(name: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Labels of the objects of a job, given its name."""
    return {
        NAME_LABEL: "metaflow-task",
        PART_OF_LABEL: "metaflow",
        FLOW_LABEL: label_value(facts["flow"]),
        RUN_LABEL: run_label(facts),
        JOB_LABEL: name,
    }


def annotations_of(facts: Mapping[str, str]) -> dict[str, str]:
    """What the objects of a job say of it to people."""
    annotations = {_ANNOTATIONS[fact]: value for fact, value in facts.items() if fact in _ANNOTATIONS}
    if "project" in facts and "branch" in facts:
        annotations["metaflow/project_flow_name"] = ".".join((facts["project"], facts["branch"], facts["flow"]))
    return annotations


def facts_in(annotations: Mapping[str, str]) -> dict[str, str]:
    """The facts that :func:`annotations_of` noted."""
    return {_FACTS[name]: value for name, value in annotations.items() if name in _FACTS}
