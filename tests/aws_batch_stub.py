"""AWS Batch as its documentation describes it, without machines: what a test says of a job is what is answered."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.validate import ParamValidator

_MODEL = botocore.session.get_session().get_service_model("batch")
_PAGE = 100


def check_shape(operation: str, request: dict[str, Any]) -> None:
    """See that a request is one that AWS's own model of its interface allows."""
    report = ParamValidator().validate(request, _MODEL.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()


class StubClient:
    """In place of :class:`metaflow.compute.batch.client.BatchClient`.

    Attributes
    ----------
    requests : list of tuple of str and dict
        Operations and what they were asked.
    described : dict
        Jobs by their ids, as ``describe_jobs`` has them; children of arrays and nodes too.
    queues, environments : list
    errors : list
        Raised by the next calls, one each; None for a call that works.
    """

    _OPERATIONS = {
        "describe_jobs": "DescribeJobs",
        "list_jobs": "ListJobs",
        "submit_job": "SubmitJob",
        "terminate_job": "TerminateJob",
        "describe_job_queues": "DescribeJobQueues",
        "describe_job_definitions": "DescribeJobDefinitions",
        "register_job_definition": "RegisterJobDefinition",
        "describe_compute_environments": "DescribeComputeEnvironments",
    }

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.described: dict[str, dict[str, Any]] = {}
        self.definitions: dict[str, str] = {}
        self.errors: list[Exception | None] = []
        self.queues = [queue("machines", "ce")]
        self.environments: list[dict[str, Any]] = [environment("ce", type="EC2", maxvCpus=64)]

    def call(self, operation: str, service: str = "batch", **request: Any) -> Any:
        check_shape(self._OPERATIONS[operation], request)
        self.requests.append((operation, request))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return getattr(self, f"_{operation}")(**request)

    def pages(self, operation: str, key: str, **request: Any) -> Any:
        while True:
            answer = self.call(operation, **request)
            yield from answer[key]
            if "nextToken" not in answer:
                return
            request["nextToken"] = answer["nextToken"]

    def jobs(self, ids: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(ids), 100):
            answer = self.call("describe_jobs", jobs=ids[start : start + 100])
            found.update((each["jobId"], each) for each in answer["jobs"])
        return found

    def close(self) -> None:
        pass

    def operations(self) -> list[str]:
        """What was asked since the last call of this method."""
        asked = [operation for operation, _ in self.requests]
        self.requests.clear()
        return asked

    def describe(self, job_id: str, status: str, **facts: Any) -> None:
        """Say what is to be answered of a job."""
        name = self.described.get(job_id, {}).get("jobName", f"x-{job_id}")
        self.described[job_id] = {
            "jobId": job_id,
            "jobName": name,
            "jobQueue": "a:b/machines",
            "status": status,
            **facts,
        }

    def describe_array(self, job_id: str, *children: str | dict[str, Any], status: str = "PENDING") -> None:
        """An array with children of these statuses."""
        summary: dict[str, int] = {}
        for index, child in enumerate(children):
            facts = dict(child) if isinstance(child, dict) else {"status": child}
            self.describe(f"{job_id}:{index}", facts.pop("status"), **facts)
            word = self.described[f"{job_id}:{index}"]["status"]
            summary[word] = summary.get(word, 0) + 1
        self.describe(job_id, status, arrayProperties={"size": len(children), "statusSummary": summary})

    def _describe_jobs(self, jobs: list[str]) -> Any:
        return {"jobs": [self.described[each] for each in jobs if each in self.described]}

    def _list_jobs(self, **request: Any) -> Any:
        parent = request.get("arrayJobId") or ""
        found = [each for each in self.described.values() if each["jobId"].startswith(f"{parent}:")]
        if "jobQueue" in request:
            found = [each for each in self.described.values() if ":" not in each["jobId"]]
        if "filters" in request:
            (name,) = request["filters"][0]["values"]
            found = [each for each in found if each["jobName"] == name]
        else:
            found = [each for each in found if each["status"] == request.get("jobStatus", "RUNNING")]
        start = int(request.get("nextToken", 0))
        answer: dict[str, Any] = {"jobSummaryList": found[start : start + _PAGE]}
        if start + _PAGE < len(found):
            answer["nextToken"] = str(start + _PAGE)
        return answer

    def _submit_job(self, jobName: str, **request: Any) -> Any:
        assert 2 <= request.get("arrayProperties", {}).get("size", 2) <= 10_000
        job_id = f"job-{len(self.described)}"
        self.describe(job_id, "SUBMITTED", parameters=request.get("parameters", {}))
        self.described[job_id]["jobName"] = jobName
        return {"jobId": job_id, "jobName": jobName}

    def _terminate_job(self, jobId: str, reason: str) -> Any:
        return {}

    def _describe_job_queues(self) -> Any:
        return {"jobQueues": self.queues}

    def _describe_compute_environments(self, computeEnvironments: list[str]) -> Any:
        return {"computeEnvironments": self.environments}

    def _describe_job_definitions(self, jobDefinitionName: str, status: str) -> Any:
        arn = self.definitions.get(jobDefinitionName)
        return {"jobDefinitions": [{"jobDefinitionArn": arn}] if arn else []}

    def _register_job_definition(self, jobDefinitionName: str, **request: Any) -> Any:
        assert jobDefinitionName not in self.definitions, "registered twice"
        self.definitions[jobDefinitionName] = f"arn:{jobDefinitionName}:1"
        return {"jobDefinitionArn": self.definitions[jobDefinitionName]}


def queue(name: str, *environments: str, **facts: Any) -> dict[str, Any]:
    """A job queue, as ``describe_job_queues`` has it."""
    order = [{"order": number, "computeEnvironment": each} for number, each in enumerate(environments)]
    return {
        "jobQueueName": name,
        "jobQueueArn": f"arn:aws:batch:::job-queue/{name}",
        "state": "ENABLED",
        "status": "VALID",
        "computeEnvironmentOrder": order,
        **facts,
    }


def environment(name: str, **resources: Any) -> dict[str, Any]:
    """A compute environment, as ``describe_compute_environments`` has it."""
    return {"computeEnvironmentName": name, "computeResources": resources}
