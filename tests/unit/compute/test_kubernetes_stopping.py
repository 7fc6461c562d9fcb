"""A gang that is stopped again while it is being stopped is kept, however its job has failed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from metaflow.compute.kubernetes.cluster import JOBSET, Cluster


class Client:
    """A cluster whose jobs are in one state; remembers what is asked of it."""

    namespace = "here"

    def __init__(self, conditions: list[dict[str, str]]) -> None:
        self._job = {"metadata": {}, "spec": {}, "status": {"conditions": conditions}}
        self.asked: list[str] = []

    def request(self, method: str, path: str, *others: Any, **options: Any) -> dict[str, Any]:
        self.asked.append(method)
        return self._job if "/jobs/" in path else {"metadata": {}, "status": {}}


@pytest.mark.parametrize("reason", ["DeadlineExceeded", "BackoffLimitExceeded", "FailedIndexes"])
@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_a_gang_whose_job_has_failed_is_about_to_fail(kind: str, reason: str) -> None:
    client = Client([{"type": kind, "status": "True", "reason": reason}])
    Cluster(client, "jobset.x-k8s.io/v1alpha2").stop(f"{JOBSET}/gang")  # type: ignore[arg-type]
    assert client.asked == ["PATCH"]


def test_a_gang_whose_job_is_done_is_deleted() -> None:
    client = Client([{"type": "Complete", "status": "True", "reason": ""}])
    Cluster(client, "jobset.x-k8s.io/v1alpha2").stop(f"{JOBSET}/gang")  # type: ignore[arg-type]
    assert client.asked == ["PATCH", "GET", "DELETE"]
