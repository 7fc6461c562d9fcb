"""Which variables tasks on other machines get."""

from __future__ import annotations

import os

import pytest

from metaflow import settings
from metaflow.compute.environment import SETTINGS, node_variables
from metaflow.runtime.specs import RunSpec

RUN = RunSpec("F", "1", "/home/ada/.metaflow", "ada", "user:ada")


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("METAFLOW_", "AWS_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_every_setting_that_is_passed_on_exists():
    assert [name for name in SETTINGS if name not in settings.SETTINGS] == []
    assert list(SETTINGS) == sorted(SETTINGS)


def test_nothing_is_passed_on_that_was_not_set():
    assert node_variables(RUN, "slurm") == {
        "METAFLOW_USER": "ada",
        "METAFLOW_RUNTIME_ENVIRONMENT": "slurm",
        "METAFLOW_DEFAULT_DATASTORE": "local",
    }


def test_settings_are_passed_on_wherever_they_were_set(monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text('{"METAFLOW_S3_RETRY_COUNT": 3, "METAFLOW_SERVICE_HEADERS": {"a": "b c"}}')
    monkeypatch.setenv("METAFLOW_ENABLED_ARTIFACT_SERIALIZER", '["x"]')
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_PATH", "/home/ada/cache")
    found = node_variables(RUN._replace(service="https://service"), "slurm")
    assert found["METAFLOW_S3_RETRY_COUNT"] == "3" and found["METAFLOW_SERVICE_HEADERS"] == '{"a":"b c"}'
    assert found["METAFLOW_ENABLED_ARTIFACT_SERIALIZER"] == '["x"]'
    assert "METAFLOW_CLIENT_CACHE_PATH" not in found
    # They mean the same there.
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    assert settings.get("SERVICE_HEADERS") == {"a": "b c"} and settings.get("ENABLED_ARTIFACT_SERIALIZER") == ["x"]


@pytest.mark.parametrize(
    ("location", "root"),
    [("s3://bucket/a/b", "s3://bucket/a/b"), ("azure://box", "box"), ("azure://box/a", "box/a"), ("gs://b", "gs://b")],
)
def test_the_datastore_is_the_one_of_the_run(location, root):
    found = node_variables(RUN._replace(datastore=location), "kubernetes")
    kind = location.partition(":")[0]
    assert found["METAFLOW_DEFAULT_DATASTORE"] == kind
    assert found[f"METAFLOW_DATASTORE_SYSROOT_{kind.upper()}"] == root


def test_keys_stay_here_unless_they_are_asked_for(monkeypatch):
    run = RUN._replace(datastore="s3://bucket/a")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AZURE_STORAGE_KEY"):
        monkeypatch.setenv(name, f"the-{name}")
    found = node_variables(run, "kubernetes")
    assert [name for name in found if name.startswith(("AWS_", "AZURE_"))] == ["AWS_REGION"]
    monkeypatch.setenv("METAFLOW_PASS_CREDENTIALS", "1")
    assert node_variables(run, "kubernetes")["AWS_SECRET_ACCESS_KEY"] == "the-AWS_SECRET_ACCESS_KEY"
    assert "AZURE_STORAGE_KEY" not in node_variables(run, "kubernetes")
    assert "AWS_SECRET_ACCESS_KEY" not in node_variables(RUN, "kubernetes")


def test_keys_among_other_options_stay_here_too(monkeypatch):
    options = '{"region_name":"eu-west-1","aws_access_key_id":"id","aws_secret_access_key":"secret"}'
    monkeypatch.setenv("METAFLOW_DATATOOLS_SESSION_VARS", options)
    assert node_variables(RUN, "batch")["METAFLOW_DATATOOLS_SESSION_VARS"] == '{"region_name":"eu-west-1"}'
    monkeypatch.setenv("METAFLOW_PASS_CREDENTIALS", "1")
    assert node_variables(RUN, "batch")["METAFLOW_DATATOOLS_SESSION_VARS"] == options


def test_the_token_of_the_service_goes_only_where_there_is_one(monkeypatch):
    monkeypatch.setenv("METAFLOW_SERVICE_AUTH_KEY", "token")
    monkeypatch.setenv("METAFLOW_SERVICE_HEADERS", '{"x-other": "token"}')
    assert not [value for value in node_variables(RUN, "batch").values() if "token" in value]
    found = node_variables(RUN._replace(service="https://service"), "batch")
    assert found["METAFLOW_SERVICE_AUTH_KEY"] == "token"
    assert found["METAFLOW_SERVICE_HEADERS"] == '{"x-other":"token"}'


def test_the_service_is_reached_from_inside(monkeypatch):
    run = RUN._replace(service="https://outside")
    assert node_variables(run, "batch")["METAFLOW_SERVICE_URL"] == "https://outside"
    monkeypatch.setenv("METAFLOW_SERVICE_INTERNAL_URL", "http://inside")
    found = node_variables(run, "batch")
    assert found["METAFLOW_SERVICE_URL"] == "http://inside" and found["METAFLOW_DEFAULT_METADATA"] == "service"


def test_kubernetes_may_have_an_init_script_of_its_own(monkeypatch):
    monkeypatch.setenv("METAFLOW_INIT_SCRIPT", "echo all")
    monkeypatch.setenv("METAFLOW_KUBERNETES_SANDBOX_INIT_SCRIPT", "echo kubernetes")
    assert node_variables(RUN, "kubernetes")["METAFLOW_INIT_SCRIPT"] == "echo kubernetes"
    assert node_variables(RUN, "batch")["METAFLOW_INIT_SCRIPT"] == "echo all"
