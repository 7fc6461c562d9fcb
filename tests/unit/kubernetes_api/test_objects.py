"""Objects are made, read, listed, changed and deleted as a real server does it."""

from __future__ import annotations

import json

import pytest
from kubernetes.client import ApiException

from kubernetes_server import VIEWER_TOKEN

from .conftest import Client, client_with, job, until


def _refusal(call, *arguments, **options) -> dict:
    with pytest.raises(ApiException) as caught:
        call(*arguments, **options)
    status = json.loads(caught.value.body)
    assert status["kind"] == "Status" and status["status"] == "Failure" and status["code"] == caught.value.status
    return status


def test_a_name_is_made_up_kept_and_taken_once(cluster: Client) -> None:
    wanted = job("", "true", suspend=True)
    wanted["metadata"] = {"generateName": "t-", "labels": {"app": "x"}}
    made = cluster.batch.create_namespaced_job("default", wanted)
    assert made.metadata.name.startswith("t-") and len(made.metadata.name) == 7
    assert made.metadata.uid and made.metadata.creation_timestamp and made.metadata.resource_version
    # What the server adds: a selector, and the labels that it finds pods by.
    uid = made.metadata.uid
    assert made.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": uid}
    labels = made.spec.template.metadata.labels
    assert labels["job-name"] == labels["batch.kubernetes.io/job-name"] == made.metadata.name
    wanted["metadata"] = {"name": made.metadata.name}
    status = _refusal(cluster.batch.create_namespaced_job, "default", wanted)
    assert (status["code"], status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == f'jobs.batch "{made.metadata.name}" already exists'
    assert cluster.batch.read_namespaced_job(made.metadata.name, "default").metadata.uid == uid


def _no_container(wanted: dict) -> None:
    wanted["spec"]["template"]["spec"]["containers"] = []


def _container(**members):
    return lambda wanted: wanted["spec"]["template"]["spec"]["containers"][0].update(members)


def _spec(**members):
    return lambda wanted: wanted["spec"].update(members)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (_spec(template={"spec": {"containers": [{"name": "a", "image": "b"}]}}), 422, "restartPolicy"),
        (_no_container, 422, "spec.template.spec.containers: Required value"),
        (lambda wanted: wanted["metadata"].update(name="Not_A_Name"), 422, "RFC 1123"),
        (lambda wanted: wanted["metadata"].update(labels={"user": "a b"}), 422, "valid label"),
        (_spec(completionMode="Indexed"), 422, "when completion mode is Indexed"),
        (_spec(backoffLimitPerIndex=1), 422, "requires indexed completion mode"),
        (_spec(activeDeadlineSeconds=0), 422, "must be greater than 0"),
        (_container(resources={"requests": {"memory": "4 GB"}}), 422, "quantities must match"),
        (_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}), 422, "cpu limit"),
        (_container(resources={"requests": {"nvidia.com/gpu": "1"}}), 422, "Limit must be set"),
        (_container(volumeMounts=[{"name": "gone", "mountPath": "/x"}]), 422, "Not found"),
        (_container(env=[{"name": "1 2", "value": ""}]), 422, "Invalid value"),
        (_container(env=[{"name": "A", "value": 1}]), 400, "is not of type 'string'"),
        (_container(comand=["true"]), 400, "strict decoding error"),
        (_spec(completions="3"), 400, "is not of type 'integer'"),
        (lambda wanted: wanted.update(kind="Pod"), 400, "does not match"),
        (lambda wanted: wanted["metadata"].update(annotations={"a": "x" * 300_000}), 422, "Too long"),
    ],
)
def test_a_wrong_object_is_refused_with_what_is_wrong(cluster: Client, spoil, code: int, words: str) -> None:
    wanted = job("wrong", "true")
    spoil(wanted)
    answered, status = cluster.post("/apis/batch/v1/namespaces/default/jobs", wanted)
    assert answered == status.get("code") == code and words in status["message"], status
    assert cluster.batch.list_namespaced_job("default").items == []


def test_an_object_may_be_tried_out_without_being_made(cluster: Client) -> None:
    cluster.batch.create_namespaced_job("default", job("tried", "true"), dry_run="All")
    assert _refusal(cluster.batch.read_namespaced_job, "tried", "default")["reason"] == "NotFound"


def test_what_is_not_there_is_not_found(cluster: Client) -> None:
    assert _refusal(cluster.core.read_namespaced_pod, "x", "default")["message"] == 'pods "x" not found'
    status = _refusal(cluster.batch.create_namespaced_job, "nowhere", job("a", "true"))
    assert (status["code"], status["message"]) == (404, 'namespaces "nowhere" not found')
    assert _refusal(cluster.core.read_namespaced_secret, "s", "default")["code"] == 404
    unknown = _refusal(cluster.custom.list_namespaced_custom_object, "argoproj.io", "v1alpha1", "default", "workflows")
    assert unknown["message"] == "the server could not find the requested resource"


def test_tokens_say_who_may_do_what(cluster: Client) -> None:
    viewer, stranger = client_with(cluster.server, VIEWER_TOKEN), client_with(cluster.server, "guessed")
    assert viewer.list_namespaced_job("default").items == []
    status = _refusal(viewer.create_namespaced_job, "default", job("a", "true"))
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert (
        'User "viewer" cannot create resource "jobs" in API group "batch" in the namespace "default"'
        in (status["message"])
    )
    assert _refusal(stranger.list_namespaced_job, "default")["reason"] == "Unauthorized"
    cluster.server.deny("delete", "jobs")
    assert _refusal(cluster.batch.delete_namespaced_job, "a", "default")["code"] == 403
    cluster.server.clear_faults()
    assert _refusal(cluster.batch.delete_namespaced_job, "a", "default")["code"] == 404


def test_rights_can_be_asked_for(cluster: Client) -> None:
    from kubernetes import client

    def may(verb: str, resource: str) -> bool:
        attributes = {"namespace": "default", "verb": verb, "group": "batch", "resource": resource}
        review = {"spec": {"resourceAttributes": attributes}}
        answer = client.AuthorizationV1Api(cluster.core.api_client).create_self_subject_access_review(review)
        return answer.status.allowed

    cluster.server.deny("create", "jobs")
    assert not may("create", "jobs")
    assert may("delete", "jobs")


def test_lists_come_in_pages_of_one_moment(cluster: Client) -> None:
    for number in range(5):
        cluster.run(f"job-{number}", "true", suspend=True)
    page = cluster.batch.list_namespaced_job("default", limit=2)
    assert [item.metadata.name for item in page.items] == ["job-0", "job-1"]
    assert page.metadata.remaining_item_count == 3
    cluster.run("job-3b", "true", suspend=True)
    cluster.batch.delete_namespaced_job("job-4", "default")
    names, revision = [], page.metadata.resource_version
    while page.metadata._continue:
        page = cluster.batch.list_namespaced_job("default", limit=2, _continue=page.metadata._continue)
        names += [item.metadata.name for item in page.items]
    assert names == ["job-2", "job-3", "job-4"] and page.metadata.resource_version == revision
    first = cluster.batch.list_namespaced_job("default", limit=1)
    cluster.server.expire()
    status = _refusal(cluster.batch.list_namespaced_job, "default", _continue=first.metadata._continue)
    assert (status["code"], status["reason"]) == (410, "Expired")


def test_selectors_choose(cluster: Client) -> None:
    for name, labels in (("a", {"run": "1", "kind": "x"}), ("b", {"run": "2"}), ("c", {})):
        wanted = job(name, "true", suspend=True)
        wanted["metadata"]["labels"] = labels
        cluster.batch.create_namespaced_job("default", wanted)

    def chosen(**selectors: str) -> str:
        return "".join(item.metadata.name for item in cluster.batch.list_namespaced_job("default", **selectors).items)

    assert chosen(label_selector="run=1") == "a"
    assert chosen(label_selector="run in (1,2), !kind") == "b"
    assert chosen(label_selector="run notin (1)") == "bc"
    assert chosen(label_selector="run!=2") == "ac"
    assert chosen(label_selector="run") == "ab"
    assert chosen(field_selector="metadata.name=c") == "c"
    assert chosen(field_selector="metadata.name!=c", label_selector="kind==x") == "a"
    assert _refusal(cluster.batch.list_namespaced_job, "default", field_selector="spec.x=1")["code"] == 400
    assert _refusal(cluster.batch.list_namespaced_job, "default", label_selector="a in b")["code"] == 400


def test_an_object_is_changed_by_patches_but_not_in_what_is_fixed(cluster: Client) -> None:
    made = cluster.run("changing", "true", suspend=True)
    patch = {"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"parallelism": 3}}
    changed = cluster.batch.patch_namespaced_job("changing", "default", patch)
    assert (changed.spec.parallelism, changed.metadata.labels) == (3, {"a": "1", "b": "2"})
    assert int(changed.metadata.resource_version) > int(made.metadata.resource_version)
    changed = cluster.batch.patch_namespaced_job("changing", "default", {"metadata": {"labels": {"a": None}}})
    assert changed.metadata.labels == {"b": "2"}
    fixed = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}
    status = _refusal(cluster.batch.patch_namespaced_job, "changing", "default", fixed)
    assert status["code"] == 422 and "field is immutable" in status["message"]
    stale = {"metadata": {"resourceVersion": made.metadata.resource_version}, "spec": {"parallelism": 1}}
    status = _refusal(cluster.batch.patch_namespaced_job, "changing", "default", stale)
    assert (status["code"], status["reason"]) == (409, "Conflict")


def test_deleting_a_job_leaves_its_pods_only_if_that_is_wanted(cluster: Client) -> None:
    quick = {"terminationGracePeriodSeconds": 1}
    for policy in ("Orphan", None, "Background", "Foreground"):
        name = f"job-{str(policy).lower()}"
        cluster.run(name, "sleep", "600", pod=quick)
        pod = cluster.running_pod(name)
        options = {"propagation_policy": policy} if policy else {}
        answer = json.loads(
            cluster.batch.delete_namespaced_job(name, "default", _preload_content=False, **options).data
        )
        if policy == "Foreground":
            # It is there until its pods are gone, and says so.
            assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
        else:
            assert answer["status"] == "Success"
            assert _refusal(cluster.batch.read_namespaced_job, name, "default")["code"] == 404
        if policy in ("Orphan", None):
            pod = cluster.core.read_namespaced_pod(pod.metadata.name, "default")
            assert not pod.metadata.owner_references and pod.metadata.deletion_timestamp is None
        else:
            until(lambda: not cluster.pods(name))
    until(lambda: not cluster.batch.list_namespaced_job("default", field_selector=f"metadata.name={name}").items)


def test_a_collection_is_deleted_at_once(cluster: Client) -> None:
    for name in ("a", "b"):
        cluster.run(name, "sleep", "600")
    cluster.run("c", "true", suspend=True)
    cluster.running_pod("a"), cluster.running_pod("b")
    cluster.core.delete_collection_namespaced_pod(
        "default", label_selector="job-name in (a, b)", grace_period_seconds=0
    )
    assert cluster.core.list_namespaced_pod("default").items == []
    cluster.batch.delete_collection_namespaced_job("default", propagation_policy="Background")
    assert cluster.batch.list_namespaced_job("default").items == []


def test_an_object_is_deleted_only_if_it_is_the_one_that_was_meant(cluster: Client) -> None:
    cluster.run("a", "true", suspend=True)
    other = {"preconditions": {"uid": "another"}}
    assert _refusal(cluster.batch.delete_namespaced_job, "a", "default", body=other)["reason"] == "Conflict"
    assert cluster.batch.read_namespaced_job("a", "default")
