"""What ``@kubernetes`` takes, in which forms, from which settings, and what it refuses."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow import FlowSpec, catch, current, kubernetes, parallel, resources, step, timeout
from metaflow.decorators.container_images import with_registry
from metaflow.decorators.kubernetes import KubernetesDecorator
from metaflow.decorators.kubernetes_options import is_label_value, parse_mapping
from metaflow.decorators.resources import ResourcesDecorator
from metaflow.exception import MetaflowException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.runtime.declared import checked_graph


def options(attributes: dict[str, Any] | None = None, resources: dict[str, Any] | None = None) -> dict[str, Any]:
    decorator = KubernetesDecorator(attributes or {})
    others = [] if resources is None else [ResourcesDecorator(resources)]
    return decorator.options([decorator, *others])


def check(flow: type[FlowSpec]) -> None:
    declaration = FlowDeclaration(flow)
    declaration.configure({})
    declaration.complete()
    checked_graph(declaration)


def test_what_holds_if_nothing_is_said() -> None:
    found = options()
    assert {name: found[name] for name in ("cpu", "memory", "disk", "gpu", "gpu_vendor", "qos", "namespace")} == {
        "cpu": 1.0,
        "memory": 4096,
        "disk": 10240,
        "gpu": None,
        "gpu_vendor": "nvidia",
        "qos": "Burstable",
        "namespace": "default",
    }
    assert found["image"] == f"python:{sys.version_info.major}.{sys.version_info.minor}"
    assert found["use_tmpfs"] is False


@pytest.mark.parametrize(
    ("own", "resources", "expected"),
    [
        ({"cpu": 2}, {"cpu": 0.5}, 2.0),
        ({"cpu": 0.5}, {"cpu": "2"}, 2.0),
        ({}, {"cpu": 0.5}, 0.5),
        ({"cpu": 3}, {}, 3.0),
        ({}, {"memory": 1}, 1.0),
    ],
)
def test_of_what_is_written_twice_the_larger_holds(
    own: dict[str, Any], resources: dict[str, Any], expected: float
) -> None:
    assert options(own, resources)["cpu"] == expected


def test_settings_stand_in_for_what_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CPU": "0.25",
        "MEMORY": "512",
        "DISK": "2000",
        "SHARED_MEMORY": "64",
        "NAMESPACE": "team",
        "SERVICE_ACCOUNT": "worker",
        "NODE_SELECTOR": "zone=a,kind=big",
        "TOLERATIONS": '[{"key": "gpu", "operator": "Exists"}]',
        "PERSISTENT_VOLUME_CLAIMS": '{"data": "/data"}',
        "SECRETS": "one,two",
        "LABELS": "team=red,kind=batch",
        "ANNOTATIONS": '{"note": "any text, at all"}',
        "GPU_VENDOR": "amd",
        "IMAGE_PULL_POLICY": "always",
        "IMAGE_PULL_SECRETS": '["pull"]',
        "PORT": "8000",
        "QOS": "guaranteed",
    }.items():
        monkeypatch.setenv(f"METAFLOW_KUBERNETES_{name}", value)
    found = options({"labels": {"kind": "own"}, "secrets": ["two", "three"]})
    assert (found["cpu"], found["memory"], found["disk"], found["shared_memory"]) == (0.25, 512, 2000, 64)
    assert (found["namespace"], found["service_account"]) == ("team", "worker")
    assert found["node_selector"] == {"zone": "a", "kind": "big"}
    assert found["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert found["persistent_volume_claims"] == {"data": "/data"}
    assert found["secrets"] == ["one", "two", "three"], "those of the setting and those of the step"
    assert found["labels"] == {"team": "red", "kind": "own"}, "the step's own win"
    assert found["annotations"] == {"note": "any text, at all"}
    assert (found["gpu_vendor"], found["image_pull_policy"], found["image_pull_secrets"]) == ("amd", "Always", ["pull"])
    assert (found["port"], found["qos"]) == (8000, "Guaranteed")
    own = options({"cpu": 2, "namespace": "mine", "node_selector": "zone=b"}, {"memory": 9000})
    assert (own["cpu"], own["memory"], own["namespace"], own["node_selector"]) == (2.0, 9000, "mine", {"zone": "b"})


@pytest.mark.parametrize(
    ("image", "registry", "expected"),
    [
        ("python:3.12", None, "python:3.12"),
        ("python:3.12", "registry.example.com/team/", "registry.example.com/team/python:3.12"),
        ("me/image:2", "registry.example.com", "registry.example.com/me/image:2"),
        ("localhost/image", "registry.example.com", "localhost/image"),
        ("host:5000/image", "registry.example.com", "host:5000/image"),
        ("ghcr.io/me/image@sha256:00", "registry.example.com", "ghcr.io/me/image@sha256:00"),
    ],
)
def test_the_registry_is_put_before_images_that_name_none(image: str, registry: str | None, expected: str) -> None:
    assert with_registry(image, registry) == expected


def test_images_of_kubernetes_come_before_those_of_all_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options()["image"] == f"python:{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setenv("METAFLOW_DEFAULT_CONTAINER_IMAGE", "all")
    monkeypatch.setenv("METAFLOW_DEFAULT_CONTAINER_REGISTRY", "r.io")
    assert options()["image"] == "r.io/all"
    monkeypatch.setenv("METAFLOW_KUBERNETES_CONTAINER_IMAGE", "k8s")
    monkeypatch.setenv("METAFLOW_KUBERNETES_CONTAINER_REGISTRY", "k.io")
    assert options()["image"] == "k.io/k8s"
    assert options({"image": "own"})["image"] == "k.io/own"


def test_a_memory_file_system_is_half_of_the_memory_unless_its_size_is_given() -> None:
    assert options({"use_tmpfs": True, "memory": 1000})["tmpfs_size"] == 500
    sized = options({"tmpfs_size": 30})
    assert (sized["use_tmpfs"], sized["tmpfs_size"]) == (True, 30)
    assert options({"tmpfs_size": 30, "use_tmpfs": False})["use_tmpfs"] is False


def test_a_compute_pool_is_a_node_selector() -> None:
    found = options({"compute_pool": "gpus", "node_selector": {"zone": "a"}})
    assert found["node_selector"] == {"zone": "a", "outerbounds.co/compute-pool": "gpus"}


def test_tolerations_in_both_spellings() -> None:
    found = options({"tolerations": [{"key": "a", "toleration_seconds": 5}, {"tolerationSeconds": 6, "value": None}]})
    assert found["tolerations"] == [{"key": "a", "tolerationSeconds": 5}, {"tolerationSeconds": 6}]


def test_a_security_context_is_spelt_as_kubernetes_does() -> None:
    written = {"privileged": False, "run_as_user": 1000, "run_as_non_root": True}
    found = options({"security_context": written})
    assert found["security_context"] == {"privileged": False, "runAsUser": 1000, "runAsNonRoot": True}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"gpu_vendor": "intel"}, "should be nvidia or amd"),
        ({"qos": "BestEffort"}, "should be Burstable or Guaranteed"),
        ({"image_pull_policy": "Sometimes"}, "Always or IfNotPresent or Never"),
        ({"labels": {"team": "a" * 64}}, "at most 63 characters"),
        ({"labels": {"team": "red team"}}, "has the value 'red team' for 'team'"),
        ({"labels": {"te am": "red"}}, "has the key 'te am'"),
        ({"labels": "team"}, "key=value,key=value"),
        ({"labels": ["team"]}, "should be a dictionary"),
        ({"node_selector": "{not json"}, "cannot be read"),
        ({"cpu": "much"}, "should be a number"),
        ({"cpu": 0}, "at least 0.001"),
        ({"memory": float("nan")}, "should be a number"),
        ({"gpu": -1}, "at least 0"),
        ({"tmpfs_path": "tmp"}, "absolute path"),
        ({"use_tmpfs": "yes"}, "True or False"),
        ({"persistent_volume_claims": {"data": "data"}}, "no absolute path"),
        ({"port": 70000}, "ports end at 65535"),
        ({"image": 3}, "should be a text"),
        ({"tolerations": [{"kye": "a"}]}, "has the key 'kye'"),
        ({"tolerations": {"key": "a"}}, "list of dictionaries"),
        ({"secrets": [1]}, "list of names"),
        ({"security_context": {"root": True}}, "has the key 'root'"),
        ({"security_context": {"privileged": 1}}, "of type bool"),
        ({"extended_resources": {"fpga": 1}}, "has a domain"),
        ({"extended_resources": {"example.com/fpga": "half"}}, "whole number"),
        ({"max_concurrent_tasks": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_place_where_it_stands(attributes: dict[str, Any], said: str) -> None:
    class Wrong(FlowSpec):
        @kubernetes(**attributes)
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(MetaflowException) as caught:
        check(Wrong)
    assert said in caught.value.message and "start" in caught.value.message
    assert caught.value.source_file == __file__


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_LABELS", "a=b c")
    with pytest.raises(ValueError, match="METAFLOW_KUBERNETES_LABELS has the value 'b c'"):
        options()
    monkeypatch.setenv("METAFLOW_KUBERNETES_LABELS", "")
    monkeypatch.setenv("METAFLOW_KUBERNETES_TOLERATIONS", "{}")
    with pytest.raises(ValueError, match="METAFLOW_KUBERNETES_TOLERATIONS should be a list"):
        options()
    monkeypatch.setenv("METAFLOW_KUBERNETES_TOLERATIONS", "")
    monkeypatch.setenv("METAFLOW_KUBERNETES_CPU", "x")
    with pytest.raises(ValueError, match="METAFLOW_KUBERNETES_CPU is 'x'"):
        options()


def test_a_time_limit_needs_room_for_the_start_of_a_container() -> None:
    class Hasty(FlowSpec):
        @timeout(seconds=59)
        @kubernetes
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(MetaflowException, match="at least 60 seconds, not 59"):
        check(Hasty)


def test_a_gang_cannot_have_its_failures_caught() -> None:
    class Caught(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=2)

        @catch
        @parallel
        @kubernetes
        @step
        def train(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(MetaflowException, match="cannot have @catch"):
        check(Caught)


def test_a_flow_that_is_right() -> None:
    class Right(FlowSpec):
        @timeout(minutes=1)
        @catch(var="failure")
        @resources(memory=6000)
        @kubernetes(cpu=2, labels={"team": "red"}, max_concurrent_tasks=5)
        @step
        def start(self):
            print(current.step_name)
            self.next(self.end)

        @step
        def end(self):
            pass

    check(Right)


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_mapping_survives_its_json(mapping: dict[str, str]) -> None:
    import json

    assert parse_mapping(json.dumps(mapping)) == mapping


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.from_regex(r"[a-z0-9.=]{0,5}", fullmatch=True)))
def test_a_mapping_survives_being_written_with_commas(mapping: dict[str, str]) -> None:
    assert parse_mapping(",".join(f"{key}={value}" for key, value in mapping.items())) == mapping


@given(st.text(max_size=70))
def test_what_is_a_label_value_has_no_other_characters(text: str) -> None:
    if is_label_value(text):
        assert len(text) <= 63 and text.isascii() and all(c.isalnum() or c in "-_." for c in text)
        assert not text or (text[0].isalnum() and text[-1].isalnum())
