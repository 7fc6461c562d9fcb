"""A watch tells all that happens to the objects that it selects, or says that it cannot."""

from __future__ import annotations

import pytest
import urllib3
from hypothesis import given, settings, strategies as st
from kubernetes import watch
from kubernetes.client import ApiException

from kubernetes_server.operations import Operations, Selection
from kubernetes_server.patches import merged
from kubernetes_server.resources import CONFIG_MAPS, NAMESPACES
from kubernetes_server.storage import Storage

from .conftest import Client, until


def test_a_pod_is_followed_from_its_making_to_its_end(cluster: Client) -> None:
    begin = cluster.core.list_namespaced_pod("default").metadata.resource_version
    cluster.run("told", "sh", "-c", "sleep 0.2")
    cluster.ended_job("told")
    cluster.core.delete_collection_namespaced_pod("default")
    events, stream = [], watch.Watch()
    for event in stream.stream(cluster.core.list_namespaced_pod, "default", resource_version=begin, timeout_seconds=5):
        events.append((event["type"], event["object"].status.phase))
        if event["type"] == "DELETED":
            break
    assert events[0] == ("ADDED", "Pending") and events[-1] == ("DELETED", "Succeeded")
    assert ("MODIFIED", "Running") in events and ("MODIFIED", "Succeeded") in events


def test_bookmarks_carry_the_version_on_though_nothing_happens(cluster: Client) -> None:
    begin = cluster.core.list_namespaced_pod("default").metadata.resource_version
    # Something happens, but to none of these objects.
    cluster.run("other", "true", suspend=True)
    stream = watch.Watch()
    events = list(
        stream.stream(
            cluster.core.list_namespaced_pod,
            "default",
            resource_version=begin,
            allow_watch_bookmarks=True,
            timeout_seconds=1,
        )
    )
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert int(events[-1]["object"]["metadata"]["resourceVersion"]) > int(begin)


def test_a_version_that_is_too_old_ends_a_watch(cluster: Client) -> None:
    begin = cluster.core.list_namespaced_pod("default").metadata.resource_version
    cluster.server.expire()
    with pytest.raises(ApiException) as caught:
        list(
            watch.Watch().stream(cluster.core.list_namespaced_pod, "default", resource_version=begin, timeout_seconds=5)
        )
    assert caught.value.status == 410 and "too old resource version" in str(caught.value)
    assert cluster.core.list_namespaced_pod("default").metadata.resource_version > begin


def test_a_connection_that_is_cut_ends_a_watch_and_nothing_is_lost(cluster: Client) -> None:
    begin = cluster.core.list_namespaced_pod("default").metadata.resource_version
    answer = cluster.core.list_namespaced_pod(
        "default", watch=True, resource_version=begin, timeout_seconds=30, _preload_content=False
    )
    cluster.server.drop_connections()
    with pytest.raises((urllib3.exceptions.ProtocolError, ConnectionError)):
        answer.read()
    cluster.run("a", "true")
    cluster.ended_job("a")
    stream = watch.Watch()
    for event in stream.stream(cluster.core.list_namespaced_pod, "default", resource_version=begin, timeout_seconds=9):
        if event["object"].status.phase == "Succeeded":
            return
    pytest.fail("the pod's end was not told")


def test_a_watch_whose_client_is_gone_is_given_up(cluster: Client) -> None:
    answer = cluster.core.list_namespaced_pod("default", watch=True, _preload_content=False)
    answer.close()
    until(lambda: cluster.server.open_watches() == 0)


_NAMES = st.sampled_from("abc")
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _NAMES, st.booleans()),
        st.tuples(st.just("remove"), _NAMES, st.just(False)),
        st.tuples(st.just("look"), _NAMES, st.just(False)),
    ),
    max_size=25,
)


def _patch(value: dict, change: dict) -> None:
    value.update(merged(value, change))


@settings(deadline=None, max_examples=60)
@given(_STEPS)
def test_lists_and_watches_agree_whatever_happens(steps: list[tuple[str, str, bool]]) -> None:
    """Who replays the events since a list has what the next list shows, also of a selection that objects leave."""
    operations = Operations(Storage())
    operations.storage.create(NAMESPACES, {"metadata": {"name": "n"}})
    selection = Selection(CONFIG_MAPS, "n", labels="chosen=yes")
    seen: dict[str, dict] = {}
    revision = operations.list(selection)["metadata"]["resourceVersion"]

    def catch_up() -> str:
        listed = operations.list(selection)
        stops = iter([False, True])
        for event in operations.watch(selection, revision, 0.01, False, lambda: next(stops)):
            if event is None:
                continue
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                del seen[name]
            else:
                assert (event["type"] == "MODIFIED") is (name in seen)
                seen[name] = event["object"]
        assert [seen[name] for name in sorted(seen)] == listed["items"]
        return listed["metadata"]["resourceVersion"]

    for number, (step, name, chosen) in enumerate(steps):
        labels = {"chosen": "yes" if chosen else "no"}
        if step == "put":
            if operations.storage.find(CONFIG_MAPS, "n", name):
                change = {"metadata": {"labels": labels}, "data": {"number": str(number)}}
                operations.storage.update((CONFIG_MAPS, "n", name), lambda old, change=change: _patch(old, change))
            else:
                metadata = {"name": name, "namespace": "n", "labels": labels}
                operations.storage.create(CONFIG_MAPS, {"metadata": metadata})
        elif step == "remove" and operations.storage.find(CONFIG_MAPS, "n", name):
            operations.delete(CONFIG_MAPS, "n", name, {})
        elif step == "look":
            revision = catch_up()
    catch_up()
