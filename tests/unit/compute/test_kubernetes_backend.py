"""The backend against an API server that speaks as Kubernetes does, and runs pods as processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubernetes_jobs import make_job
from kubernetes_server import RUNTIME_ANNOTATION, VIEWER_TOKEN, KubernetesServer
from metaflow.compute.backend import EngineUnavailable, Job, JobQuery, JobRefused, SubmittedJob, TaskState
from metaflow.compute.kubernetes.access import has_arrays
from metaflow.compute.kubernetes.backend import KubernetesBackend
from metaflow.compute.kubernetes.client import KubernetesClient, refusal
from metaflow.compute.kubernetes.states import PodState
from metaflow.exception import MetaflowException

pytest.importorskip("kubernetes")
DEADLINE = 90.0


@pytest.fixture
def make_backend(kubernetes: KubernetesServer) -> Iterator[Callable[..., KubernetesBackend]]:
    made: list[KubernetesBackend] = []

    def make(**arguments: Any) -> KubernetesBackend:
        made.append(KubernetesBackend(**arguments))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make_backend: Callable[..., KubernetesBackend]) -> KubernetesBackend:
    return make_backend()


def small_job(script: str = "true", **more: Any) -> Job:
    return make_job(script, annotations={RUNTIME_ANNOTATION: "process", **more.pop("annotations", {})}, **more)


def renamed(job: SubmittedJob, step: str) -> SubmittedJob:
    """The same job, whose tasks are of another step."""
    return job._replace(tasks=tuple(f"{step}/{number}/0" for number in range(len(job.tasks))))


class Follower:
    """Asks a backend how jobs are, as a run does, and keeps what it says."""

    def __init__(self, backend: KubernetesBackend, *jobs: SubmittedJob) -> None:
        self.backend = backend
        self.jobs = jobs
        self.said: list[TaskState] = []
        self.failures: list[EngineUnavailable] = []

    def until(self, done: Callable[[], bool]) -> Follower:
        deadline = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < deadline, self.said
            try:
                self.said += self.backend.poll(self.jobs, 0.5)
            except EngineUnavailable as error:
                self.failures.append(error)
                time.sleep(0.1)
        return self

    def running(self) -> set[str]:
        return {state.task for state in self.said if state.phase == "running"}

    def until_running(self, tasks: int = 1) -> Follower:
        return self.until(lambda: len(self.running()) >= tasks)

    def to_the_end(self) -> dict[str, TaskState]:
        self.until(lambda: len(self.ended()) == sum(len(job.tasks) for job in self.jobs))
        return self.ended()

    def ended(self) -> dict[str, TaskState]:
        return {state.task: state for state in self.said if state.phase == "ended"}

    def texts(self) -> list[str]:
        return [state.text for state in self.said if state.text]

    def pod(self, task: str = "work/0/0") -> str:
        return next(state.engine_id for state in self.said if state.task == task)


def run(backend: KubernetesBackend, job: Job) -> tuple[SubmittedJob, dict[str, TaskState], Follower]:
    submitted = backend.submit(job)
    follower = Follower(backend, submitted)
    return submitted, follower.to_the_end(), follower


def test_a_task_its_status_and_its_log(backend: KubernetesBackend) -> None:
    backend.check()
    job, ended, _ = run(backend, small_job("echo hello; exit 3"))
    state = ended["work/0/0"]
    assert (state.status, state.reason, state.retriable) == (3, None, True)
    assert state.metadata["kubernetes-pod-name"] == state.engine_id
    assert backend.output(job, "work/0/0") == b"hello\n"


def test_what_is_written_reaches_the_container_as_it_is(backend: KubernetesBackend) -> None:
    value = "$(HOME) $$(HOME) $$ $"
    job, _, _ = run(backend, small_job('echo "$V"; echo $((1 + 1)) $(echo three)', variables={"V": value}))
    assert backend.output(job, "work/0/0").decode() == f"{value}\n2 three\n"


def test_the_tasks_of_an_array_fail_each_for_itself(backend: KubernetesBackend, kubernetes: KubernetesServer) -> None:
    job, ended, _ = run(
        backend, small_job("n=${!METAFLOW_JOB_INDEX_VARIABLE}; echo number $n; exit $((n % 3))", tasks=6)
    )
    assert {task: state.status for task, state in ended.items()} == {f"work/{n}/0": n % 3 for n in range(6)}
    assert backend.output(job, "work/4/0") == b"number 4\n"
    counts = kubernetes.requests()
    assert counts["create jobs"] == 1
    assert counts["list pods"] + counts["watch pods"] <= 4, "not one for each task"


def test_the_nodes_of_a_gang_know_each_other(backend: KubernetesBackend) -> None:
    script = "echo ${!METAFLOW_JOB_INDEX_VARIABLE} of $MF_WORLD_SIZE, $METAFLOW_MAIN_ADDRESS"
    job, ended, _ = run(backend, small_job(script, tasks=3, gang=True))
    assert job.engine_id == f"jobset/{job.name}"
    assert [state.status for state in ended.values()] == [0, 0, 0]
    logs = [backend.output(job, task).decode() for task in job.tasks]
    assert [log.partition(",")[0] for log in logs] == ["0 of 3", "1 of 3", "2 of 3"]


def test_a_submission_whose_answer_was_lost_is_not_made_twice(
    backend: KubernetesBackend, kubernetes: KubernetesServer
) -> None:
    job = small_job("echo once")
    kubernetes.fail("create", "jobs", 503, after=True)
    with pytest.raises(EngineUnavailable):
        backend.submit(job)
    submitted = backend.submit(job)
    assert Follower(backend, submitted).to_the_end()["work/0/0"].status == 0
    assert backend.output(submitted, "work/0/0") == b"once\n"


@pytest.mark.parametrize("mode", ["stop", "delete"])
def test_cancelling(make_backend: Callable[..., KubernetesBackend], monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_JOB_TERMINATE_MODE", mode)
    backend = make_backend()
    jobs = [
        backend.submit(small_job("exec sleep 600")),
        renamed(backend.submit(small_job("exec sleep 600", tasks=3, gang=True)), "gang"),
    ]
    follower = Follower(backend, *jobs).until_running(4)
    for job in jobs:
        backend.cancel(job, job.tasks)
        backend.cancel(job, job.tasks)
    assert {state.reason for state in follower.to_the_end().values()} == {"it was cancelled"}
    deadline = time.monotonic() + DEADLINE
    while backend.find(JobQuery("Flow")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kept = backend._connect()[1].states(jobs, "app.kubernetes.io/part-of=metaflow")
    names = {job.name for job in jobs}
    assert names & kept.keys() == (names if mode == "stop" else set()), "one that is stopped can be looked at later"


@pytest.mark.parametrize("gang", [False, True])
def test_cancelling_what_is_suspended(backend: KubernetesBackend, kubernetes: KubernetesServer, gang: bool) -> None:
    """A job that waits in a queue is suspended: its deadline does not pass."""
    job = backend.submit(small_job("exec sleep 600", tasks=2, gang=gang))
    client, cluster = backend._connect()
    kind = job.engine_id.partition("/")[0]
    client.request("PATCH", f"{cluster._kinds[kind]}/{job.name}", body={"spec": {"suspend": True}})
    follower = Follower(backend, job)
    if gang:
        control = f"{cluster._kinds['job']}/{job.name}-control-0"
        follower.until(lambda: client.request("GET", control)["spec"]["suspend"])
    backend.cancel(job, job.tasks)
    assert {state.reason for state in follower.to_the_end().values()} == {"it was cancelled"}
    deadline = time.monotonic() + DEADLINE
    while backend.find(JobQuery("Flow")):
        assert time.monotonic() < deadline, "something is left that might start after all"
        time.sleep(0.1)


def test_cancelling_a_gang_whose_first_node_has_ended(backend: KubernetesBackend, kubernetes: KubernetesServer) -> None:
    script = 'if [ "$METAFLOW_KUBERNETES_NODE_INDEX" = 0 ]; then sleep 1; else exec sleep 600; fi'
    job = backend.submit(small_job(script, tasks=2, gang=True))
    follower = Follower(backend, job)  # which may be too late to see the first one run
    follower.until(lambda: "work/0/0" in follower.ended() and "work/1/0" in follower.running())
    kubernetes.deny("deletecollection", "pods")
    backend.cancel(job, job.tasks)
    assert follower.to_the_end()["work/1/0"].reason == "it was cancelled"


def test_cancelling_some_of_an_array_also_those_that_have_not_started(backend: KubernetesBackend) -> None:
    script = "case ${!METAFLOW_JOB_INDEX_VARIABLE} in 1|2) exec sleep 600;; *) exec sleep 2;; esac"
    job = backend.submit(small_job(script, tasks=4, max_concurrent_tasks=2))
    follower = Follower(backend, job)
    follower.until(lambda: "work/1/0" in follower.running())
    backend.cancel(job, ["work/1/0", "work/2/0"])
    ended = follower.to_the_end()
    assert {task: state.reason for task, state in ended.items()} == {
        "work/0/0": None,
        "work/1/0": "it was cancelled",
        "work/2/0": "it was cancelled",
        "work/3/0": None,
    }


def test_what_others_do_to_pods(backend: KubernetesBackend, kubernetes: KubernetesServer) -> None:
    names = ("evicted", "preempted", "drained", "deleted")
    jobs = [renamed(backend.submit(small_job("exec sleep 600")), name) for name in names]
    follower = Follower(backend, *jobs).until_running(4)
    kubernetes.evict(follower.pod("evicted/0/0"))
    kubernetes.preempt(follower.pod("preempted/0/0"))
    kubernetes.drain(follower.pod("drained/0/0"))
    backend._connect()[1].delete(jobs[3].engine_id)
    ended = follower.to_the_end()
    assert {task: (state.reason or "").partition(":")[0] for task, state in ended.items()} == {
        "evicted/0/0": "its pod was evicted",
        "preempted/0/0": "its pod had to make room for one of a higher priority",
        "drained/0/0": "its pod was evicted",
        "deleted/0/0": "its pod was deleted",
    }
    assert all(state.retriable for state in ended.values())


def test_credentials_that_end_during_a_run_are_waited_for(
    backend: KubernetesBackend, kubernetes: KubernetesServer
) -> None:
    kubernetes.fail("create", "jobs", 401, times=1)
    with pytest.raises(EngineUnavailable, match="Log in again"):
        backend.submit(small_job("true"))
    job = backend.submit(small_job("true"))
    assert Follower(backend, job).to_the_end()["work/0/0"].status == 0


def test_a_lost_node(backend: KubernetesBackend, kubernetes: KubernetesServer) -> None:
    kubernetes.set_nodes({"node-a": {}})
    job = backend.submit(small_job("exec sleep 600"))
    follower = Follower(backend, job).until_running()
    kubernetes.lose_node("node-a")
    state = follower.to_the_end()["work/0/0"]
    assert state.reason is not None and state.reason.startswith("its node was lost") and state.retriable


def test_what_cannot_start_is_said_and_given_up(
    make_backend: Callable[..., KubernetesBackend], kubernetes: KubernetesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_PENDING_LIMIT", "1.5")
    backend = make_backend()
    wrong: dict[str, dict[str, Any]] = {
        "its image nowhere/image:1 cannot be pulled": {"image": "nowhere/image:1"},
        'its container cannot be started: secret "missing" not found': {"secrets": ["missing"]},
        "it asks for 1000 of cpu, but the largest node has": {"cpu": 1000},
        "there is no node that it may run on": {"node_selector": {"zone": "nowhere"}},
    }
    jobs = {said: backend.submit(small_job(**attributes)) for said, attributes in wrong.items()}
    named = {said: renamed(job, f"work{number}") for number, (said, job) in enumerate(jobs.items())}
    follower = Follower(backend, *named.values())
    ended = follower.to_the_end()
    for said, job in named.items():
        (task,) = job.tasks
        assert any(said in state.text for state in follower.said if state.task == task), said
        state = ended[task]
        assert state.reason is not None and said in state.reason and "lasted for 1.5 seconds" in state.reason
        assert not state.retriable
    assert backend.find(JobQuery("Flow")) == [], "nothing is left that might start after all"


def test_a_cluster_whose_nodes_may_not_be_seen(
    make_backend: Callable[..., KubernetesBackend], kubernetes: KubernetesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_PENDING_LIMIT", "1")
    kubernetes.deny("list", "nodes")
    backend = make_backend()
    _, ended, _ = run(backend, small_job(node_selector={"zone": "nowhere"}))
    assert "there is no node that it may run on" in (ended["work/0/0"].reason or "")


def test_nothing_is_lost_when_the_server_forgets_fails_or_goes_away(
    backend: KubernetesBackend, kubernetes: KubernetesServer
) -> None:
    job = backend.submit(small_job("n=$JOB_COMPLETION_INDEX; sleep $n; exit $n", tasks=4))
    follower = Follower(backend, job)
    follower.until(lambda: "work/0/0" in follower.ended())
    kubernetes.expire()
    kubernetes.drop_connections()
    follower.until(lambda: "work/1/0" in follower.ended())
    kubernetes.fail("watch", "pods", 429, retry_after=1, times=2)
    kubernetes.drop_connections()
    follower.until(lambda: "work/2/0" in follower.ended())
    assert 1.0 in [error.retry_after for error in follower.failures]
    kubernetes.go_away()
    follower.until(lambda: any("cannot be reached" in error.message for error in follower.failures))
    kubernetes.come_back()
    ended = follower.to_the_end()
    assert {task: state.status for task, state in ended.items()} == {f"work/{n}/0": n for n in range(4)}


def test_a_second_process_finds_the_jobs_of_a_first_one(
    backend: KubernetesBackend, make_backend: Callable[..., KubernetesBackend]
) -> None:
    jobs = [backend.submit(small_job("sleep 1; exit 4")), backend.submit(small_job("exec sleep 600"))]
    gone = SubmittedJob("mf-0000000000000000", "job/mf-0000000000000000", ("gone/0/0",))
    second = make_backend()
    other = renamed(jobs[1], "other")
    follower = Follower(second, jobs[0], other, gone)
    follower.until(lambda: len(follower.ended()) == 2)
    assert follower.ended()["work/0/0"].status == 4
    assert follower.ended()["gone/0/0"].reason == "its job is gone: it was deleted"
    (found,) = second.find(JobQuery("Flow", user="ada"))
    assert (found.engine_id, found.phase, found.foreign) == (jobs[1].engine_id, "running", "")
    assert (found.facts["flow"], found.facts["run_id"], found.facts["step"]) == ("Flow", "1", "work")
    for query in (JobQuery("Other"), JobQuery("Flow", run_id="2"), JobQuery("Flow", user="bob")):
        assert second.find(query) == []
    second.cancel(SubmittedJob(found.engine_id, found.engine_id, ()), ())
    follower.jobs = (other,)
    assert follower.until(lambda: "other/0/0" in follower.ended()).ended()["other/0/0"].status == -15


def test_pods_of_argo_workflows_are_somebody_elses(backend: KubernetesBackend) -> None:
    client, cluster = backend._connect()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "argo-pod",
            "labels": {"app.kubernetes.io/part-of": "metaflow", "workflows.argoproj.io/workflow": "w"},
            "annotations": {"metaflow/flow_name": "Flow", "metaflow/run_id": "argo-w", RUNTIME_ANNOTATION: "process"},
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "debian", "command": ["sleep", "60"]}],
        },
    }
    client.request("POST", cluster.pods, body=pod)
    (found,) = backend.find(JobQuery("Flow"))
    assert found.engine_id == "pod/argo-pod" and "argo-workflows terminate" in found.foreign


def test_what_a_cluster_without_job_sets_says(backend: KubernetesBackend, kubernetes: KubernetesServer) -> None:
    kubernetes.fail(
        "create", "jobsets", 404, reason="NotFound", message="the server could not find the requested resource"
    )
    with pytest.raises(JobRefused, match="has no JobSets"):
        backend.submit(small_job(tasks=2, gang=True))


def test_checks_before_a_run_starts(
    make_backend: Callable[..., KubernetesBackend], kubernetes: KubernetesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MetaflowException, match="has no namespace 'nowhere'"):
        make_backend(namespace="nowhere").check()
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig("wrong", "no token")))
    with pytest.raises(MetaflowException, match="does not accept the credentials"):
        make_backend().check()
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig("viewer", VIEWER_TOKEN)))
    with pytest.raises(MetaflowException, match="does not let you create jobs in the namespace 'default'"):
        make_backend().check()
    monkeypatch.setenv("METAFLOW_KUBERNETES_CONTEXT", "another")
    with pytest.raises(MetaflowException, match="for the context 'another'"):
        make_backend().check()
    monkeypatch.delenv("METAFLOW_KUBERNETES_CONTEXT")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/at/all")
    with pytest.raises(MetaflowException, match="No Kubernetes cluster to connect to"):
        make_backend().check()
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    kubernetes.go_away()
    try:
        with pytest.raises(MetaflowException, match="Connection refused. Is it running"):
            make_backend().check()
    finally:
        kubernetes.come_back()
    monkeypatch.setenv("METAFLOW_KUBERNETES_JOB_TERMINATE_MODE", "explode")
    with pytest.raises(MetaflowException, match="should be stop or delete"):
        make_backend()


def test_a_job_whose_pods_are_never_created_does_not_start_once_it_was_given_up(
    make_backend: Callable[..., KubernetesBackend], kubernetes: KubernetesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_PENDING_LIMIT", "1")
    monkeypatch.setattr("metaflow.compute.kubernetes.tracker._FIRST_LOOK", 0.2)
    kubernetes.deny("get", "serviceaccounts")
    backend = make_backend()
    _, ended, _ = run(backend, small_job(service_account="nobody"))
    state = ended["work/0/0"]
    assert state.reason is not None and "its pod cannot be created: error looking up service account" in state.reason
    assert not state.retriable
    assert backend.find(JobQuery("Flow")) == []


def test_a_list_that_the_cluster_forgets_before_its_end(
    backend: KubernetesBackend, kubernetes: KubernetesServer
) -> None:
    backend.submit(small_job("exec sleep 600"))
    kubernetes.fail("list", "jobs", 410, reason="Expired", message="The provided continue parameter is too old")
    with pytest.raises(EngineUnavailable, match="too old"):
        backend.find(JobQuery("Flow"))
    assert len(backend.find(JobQuery("Flow"))) == 1


def test_jobs_are_found_by_those_who_may_not_list_job_sets(
    backend: KubernetesBackend, kubernetes: KubernetesServer
) -> None:
    job = backend.submit(small_job("exec sleep 600", tasks=2))
    Follower(backend, job).until_running(2)
    kubernetes.deny("list", "jobsets")
    (found,) = backend.find(JobQuery("Flow", run_id="1"))
    assert (found.engine_id, found.phase, found.text) == (job.engine_id, "running", "2 of 2 pods run")


def test_what_no_node_could_take_is_found_out_once_for_pods_that_are_alike(
    backend: KubernetesBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cluster = backend._connect()
    asked: list[Any] = []
    monkeypatch.setattr(
        "metaflow.compute.kubernetes.cluster.too_large_for", lambda requests, nodes: asked.append(requests) or "large"
    )
    pods = [
        PodState("mf-1", number, f"pod-{number}", f"uid-{number}", "pending", requests={"cpu": str(1 + number % 2)})
        for number in range(1000)
    ]
    assert len(cluster.misfits(pods)) == 1000
    assert sorted(each["cpu"] for each in asked) == ["1", "2"]


def test_a_service_account_that_does_not_exist(backend: KubernetesBackend) -> None:
    with pytest.raises(JobRefused, match="has no service account 'nobody'"):
        backend.submit(small_job(service_account="nobody"))


def test_why_pods_cannot_be_created_is_told_by_the_latest_event(backend: KubernetesBackend) -> None:
    job = backend.submit(small_job("exec sleep 600"))
    client, cluster = backend._connect()
    for time_of_event, message in (("01", "exceeded quota: old"), ("02", 'violates PodSecurity "restricted"')):
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"event-{time_of_event}", "namespace": "default"},
            "involvedObject": {"kind": "Job", "name": job.name, "namespace": "default"},
            "reason": "FailedCreate",
            "type": "Warning",
            "message": f'Error creating: pods "x" is forbidden: {message}',
            "lastTimestamp": f"2026-01-{time_of_event}T00:00:00Z",
        }
        client.request("POST", "/api/v1/namespaces/default/events", body=event)
    found = cluster.why_without_pods([job])
    assert found == {job.name: ('its pod cannot be created: violates PodSecurity "restricted"', False)}


class OldCluster:
    """Answers with its version, whatever it is asked."""

    def __init__(self, minor: str) -> None:
        self._minor = minor

    def request(self, method: str, path: str) -> dict[str, str]:
        return {"major": "1", "minor": self._minor}


@pytest.mark.parametrize(("minor", "has"), [("28+", False), ("29", True), ("31+", True), ("", True)])
def test_which_clusters_take_arrays(minor: str, has: bool) -> None:
    assert has_arrays(OldCluster(minor)) is has  # type: ignore[arg-type]


def status(code: int, message: str, **more: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("code", "content", "kind", "said"),
    [
        (401, status(401, "Unauthorized"), "CredentialsRefused", "Log in again"),
        (403, status(403, "pods is forbidden"), "AccessRefused", "does not allow this in the namespace 'team'"),
        (403, status(403, "forbidden: exceeded quota: jobs"), "EngineUnavailable", "takes no more jobs for now"),
        (409, status(409, "exists", reason="AlreadyExists"), "ObjectExists", "exists"),
        (409, status(409, "modified", reason="Conflict"), "EngineUnavailable", "modified"),
        (410, status(410, "too old"), "HistoryExpired", "too old"),
        (422, status(422, "spec is invalid"), "JobRefused", "refuses the request: spec is invalid"),
        (500, b"<html>an error</html>", "EngineUnavailable", "<html>an error</html>"),
        (502, b"", "EngineUnavailable", "status 502"),
        (500, b"[]", "EngineUnavailable", "[]"),
    ],
)
def test_what_answers_mean(code: int, content: bytes, kind: str, said: str) -> None:
    error = refusal(code, content, None, "https://cluster", "team")
    assert type(error).__name__ == kind and said in error.message


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ("3", {}, 3.0),
        (None, {"retryAfterSeconds": 7}, 7.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", {}, None),
        (None, {}, None),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(
    header: str | None, details: dict[str, int], seconds: float | None
) -> None:
    error = refusal(429, status(429, "slow down", details=details), header, "https://cluster", "team")
    assert isinstance(error, EngineUnavailable) and error.retry_after == seconds


def test_without_the_client_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kubernetes", None)
    with pytest.raises(MetaflowException, match=r"pip install 'metaflow\[kubernetes\]'"):
        KubernetesClient("default")
