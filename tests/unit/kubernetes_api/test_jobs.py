"""Jobs make their pods, try again as often as they may, and say how they ended."""

from __future__ import annotations

from kubernetes_server.job_tally import Tally, policy_action, ranges

from .conftest import Client, until


def test_a_job_runs_its_pod_and_is_complete(cluster: Client) -> None:
    cluster.run("good", "sh", "-c", "echo out; echo err >&2")
    job, condition = cluster.ended_job("good")
    assert (condition.type, job.status.succeeded, job.status.active) == ("Complete", 1, None)
    assert job.status.start_time and job.status.completion_time
    (pod,) = cluster.pods("good")
    assert pod.metadata.owner_references[0].uid == job.metadata.uid and pod.metadata.owner_references[0].controller
    state = pod.status.container_statuses[0].state.terminated
    assert (pod.status.phase, state.exit_code, state.reason) == ("Succeeded", 0, "Completed")
    assert cluster.log(pod) == "out\nerr\n"


def test_a_failing_pod_is_replaced_as_often_as_the_job_allows(cluster: Client) -> None:
    cluster.run("bad", "sh", "-c", "exit 3", backoffLimit=2)
    job, condition = cluster.ended_job("bad")
    assert (condition.type, condition.reason) == ("Failed", "BackoffLimitExceeded")
    assert job.status.failed == 3 and len(cluster.pods("bad")) == 3
    state = cluster.pods("bad")[0].status.container_statuses[0].state.terminated
    assert (state.exit_code, state.reason) == (3, "Error")
    events = cluster.core.list_namespaced_event("default", field_selector="involvedObject.name=bad").items
    assert {"SuccessfulCreate", "BackoffLimitExceeded"} <= {event.reason for event in events}


def test_the_indexes_of_a_job_fail_each_for_itself(cluster: Client) -> None:
    script = 'echo "$JOB_COMPLETION_INDEX"; exit $((JOB_COMPLETION_INDEX == 2 ? 7 : 0))'
    cluster.run(
        "wide",
        "bash",
        "-c",
        script,
        completions=5,
        parallelism=2,
        completionMode="Indexed",
        backoffLimitPerIndex=1,
        backoffLimit=None,
    )
    job, condition = cluster.ended_job("wide")
    assert (condition.type, condition.reason) == ("Failed", "FailedIndexes")
    assert (job.status.completed_indexes, job.status.failed_indexes) == ("0,1,3,4", "2")
    assert (job.status.succeeded, job.status.failed) == (4, 2)
    by_index: dict[str, int] = {}
    for pod in cluster.pods("wide"):
        index = pod.metadata.annotations["batch.kubernetes.io/job-completion-index"]
        assert pod.metadata.labels["batch.kubernetes.io/job-completion-index"] == index
        assert pod.metadata.name.startswith(f"wide-{index}-") and pod.spec.hostname == f"wide-{index}"
        assert cluster.log(pod) == f"{index}\n"
        by_index[index] = by_index.get(index, 0) + 1
    assert by_index == {"0": 1, "1": 1, "2": 2, "3": 1, "4": 1}


def test_many_short_pods_are_each_made_once(cluster: Client) -> None:
    cluster.run("many", "true", completions=60, parallelism=60, completionMode="Indexed")
    job, condition = cluster.ended_job("many")
    assert condition.type == "Complete" and job.status.completed_indexes == "0-59"
    assert len(cluster.pods("many")) == 60


def test_parallelism_limits_pods_and_can_be_changed(cluster: Client) -> None:
    quick = {"terminationGracePeriodSeconds": 0}
    cluster.run("some", "sleep", "600", pod=quick, completions=4, parallelism=2, completionMode="Indexed")

    def active(count: int) -> bool:
        return len([pod for pod in cluster.pods("some") if pod.metadata.deletion_timestamp is None]) == count

    until(lambda: active(2))
    cluster.batch.patch_namespaced_job("some", "default", {"spec": {"parallelism": 4}})
    until(lambda: active(4))
    cluster.batch.patch_namespaced_job("some", "default", {"spec": {"parallelism": 0}})
    until(lambda: active(0))
    # Pods that the job itself gave up are no failures.
    assert cluster.batch.read_namespaced_job("some", "default").status.failed is None


def test_a_suspended_job_has_no_pods_until_it_is_resumed(cluster: Client) -> None:
    cluster.run("later", "true", suspend=True)
    job = until(lambda: cluster.batch.read_namespaced_job("later", "default").status.conditions)
    assert [(c.type, c.status) for c in job] == [("Suspended", "True")]
    assert cluster.pods("later") == []
    cluster.batch.patch_namespaced_job("later", "default", {"spec": {"suspend": False}})
    assert cluster.ended_job("later")[1].type == "Complete"


def test_a_job_past_its_deadline_fails_and_its_pods_go(cluster: Client) -> None:
    quick = {"terminationGracePeriodSeconds": 0}
    cluster.run("slow", "sleep", "600", pod=quick, activeDeadlineSeconds=1)
    _, condition = cluster.ended_job("slow")
    assert (condition.type, condition.reason) == ("Failed", "DeadlineExceeded")
    assert cluster.pods("slow") == []


def test_a_deadline_that_is_written_later_ends_a_running_job(cluster: Client) -> None:
    cluster.run("slow", "sleep", "600", pod={"terminationGracePeriodSeconds": 0})
    cluster.running_pod("slow")
    cluster.batch.patch_namespaced_job("slow", "default", {"spec": {"activeDeadlineSeconds": 1}})
    assert cluster.ended_job("slow")[1].reason == "DeadlineExceeded"


def test_a_job_that_is_over_goes_when_its_time_is_up(cluster: Client) -> None:
    cluster.run("short", "true", ttlSecondsAfterFinished=0)
    until(lambda: not cluster.batch.list_namespaced_job("default").items)
    until(lambda: not cluster.pods("short"))


def test_a_pod_that_somebody_deletes_is_a_failure(cluster: Client) -> None:
    cluster.run("hit", "sleep", "600")
    cluster.core.delete_namespaced_pod(cluster.running_pod("hit").metadata.name, "default", grace_period_seconds=0)
    job, condition = cluster.ended_job("hit")
    assert (condition.reason, job.status.failed) == ("BackoffLimitExceeded", 1)


def test_a_service_account_that_is_not_there_leaves_a_job_without_pods(cluster: Client) -> None:
    cluster.run("nobody", "true", pod={"serviceAccountName": "ghost"})

    def told() -> list:
        found = cluster.core.list_namespaced_event("default", field_selector="reason=FailedCreate").items
        return [event.message for event in found]

    assert 'error looking up service account default/ghost: serviceaccount "ghost" not found' in until(told)[0]
    assert cluster.pods("nobody") == []


def test_indexes_are_written_as_ranges() -> None:
    assert ranges(set()) == ""
    assert ranges({4}) == "4"
    assert ranges({0, 1, 2, 5, 7, 8}) == "0-2,5,7,8"


def _failed(code: int, *conditions: str) -> dict:
    state = {"terminated": {"exitCode": code}}
    return {
        "metadata": {"name": "p", "namespace": "n", "uid": str(code), "annotations": {}},
        "status": {
            "phase": "Failed",
            "containerStatuses": [{"name": "main", "state": state}],
            "conditions": [{"type": kind, "status": "True"} for kind in conditions],
        },
    }


def test_a_failure_policy_tells_failures_apart() -> None:
    policy = {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        ]
    }
    assert policy_action(policy, _failed(42, "DisruptionTarget"))[0] == "Ignore"
    assert policy_action(policy, _failed(42)) == (
        "FailJob",
        "Container main failed with exit code 42 for pod n/p matching FailJob rule at index 1",
    )
    assert policy_action(policy, _failed(1))[0] == "Count"
    spec = {"podFailurePolicy": policy, "backoffLimit": 6, "completionMode": "NonIndexed", "completions": 1}
    tally = Tally()
    assert not tally.count(spec, _failed(9, "DisruptionTarget"), gone=False) and tally.failed == 0
    assert tally.count(spec, _failed(42), gone=False)
    assert not tally.count(spec, _failed(42), gone=True), "the same pod again"
    verdict = tally.outcome(spec, 0)
    assert verdict is not None and verdict.reason == "PodFailurePolicy"
