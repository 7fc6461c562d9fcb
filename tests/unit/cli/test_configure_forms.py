"""The forms of ``metaflow configure``: what they ask, and what they write."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from metaflow.cli import configure_forms as forms
from metaflow.cli.command import metaflow


@pytest.fixture
def fill_in(command, tmp_path):
    def answer(*arguments, answers=(), code=0):
        text = "".join(f"{line}\n" for line in answers)
        result = CliRunner().invoke(metaflow, ["configure", *arguments], input=text)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return answer


def written(tmp_path, name="config_dev.json"):
    return json.loads((tmp_path / "home" / name).read_text())


def test_answers_are_checked_and_written(fill_in, tmp_path):
    result = fill_in(
        *("aws", "--profile", "dev"),
        answers=["y", "", "my-bucket", "s3://my-bucket/flows", "", "y", "https://service", "", "hush", "n", "n"],
    )
    assert written(tmp_path) == {
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://my-bucket/flows",
        "METAFLOW_DATATOOLS_S3ROOT": "s3://my-bucket/flows/data",
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_AUTH_KEY": "hush",
        "METAFLOW_SERVICE_INTERNAL_URL": "https://service",
        "METAFLOW_SERVICE_URL": "https://service",
    }
    assert (tmp_path / "home/config_dev.json").stat().st_mode & 0o77 == 0, "it holds a secret"
    assert "An answer is needed." in result.stderr and "It should look like s3://bucket/prefix." in result.stderr
    assert "METAFLOW_PROFILE=dev" in result.stdout

    result = fill_in("kubernetes", "-p", "dev", answers=["", "y", "", "runner", "", "", "a,b", "n"])
    kubernetes = {key: value for key, value in written(tmp_path).items() if "KUBERNETES" in key}
    assert kubernetes == {
        "METAFLOW_KUBERNETES_NAMESPACE": "default",
        "METAFLOW_KUBERNETES_SECRETS": "a,b",
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": "runner",
    }
    # Enter keeps, a dash removes, and what is refused leaves its kind of store.
    result = fill_in("aws", "-p", "dev", "--yes", answers=["", "", "-", "", "", "", "-", "n", "n"])
    assert "hush" not in result.output and "[****]" in result.stdout
    assert not {"METAFLOW_SERVICE_AUTH_KEY", "METAFLOW_DATATOOLS_S3ROOT"} & written(tmp_path).keys()
    fill_in("aws", "-p", "dev", "--yes", answers=["n", "n", "n", "n"])
    assert not {"METAFLOW_DEFAULT_DATASTORE", "METAFLOW_DEFAULT_METADATA"} & written(tmp_path).keys()
    assert written(tmp_path)["METAFLOW_SERVICE_URL"] == "https://service", "kept for the next time"


def test_nothing_is_written_unless_the_form_is_finished(fill_in, tmp_path):
    assert "Aborted!" in fill_in("gcp", answers=["y", "gs://bucket/x"], code=1).output
    assert not (tmp_path / "home").exists()
    fill_in("gcp", answers=["y", "gs://bucket/x", "n"])
    kept = written(tmp_path, "config.json")
    assert kept == {"METAFLOW_DATASTORE_SYSROOT_GS": "gs://bucket/x", "METAFLOW_DEFAULT_DATASTORE": "gs"}
    fill_in("azure", answers=["n"], code=1)
    assert written(tmp_path, "config.json") == kept


def test_kubernetes_needs_a_datastore_that_it_can_reach(fill_in):
    error = fill_in("kubernetes", code=1).exception
    assert "Steps on Kubernetes cannot reach a datastore on this machine." in error.message


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (forms.url, ["http://h", "https://h:8080/x/"], ["h", "ftp://h", "https://", "https://a b", "http://h:x"]),
        (forms.bucket("s3"), ["s3://abc", "s3://a.b-c/d/e/"], ["gs://abc", "s3://", "s3://A", "s3://abc//d"]),
        (forms.container, ["abc", "abc/d/e"], ["abc/", "/abc", "abc//d", "https://abc"]),
        (forms.arn, ["arn:aws:iam::123:role/x", "arn:aws-cn:iam::1:role/x"], ["x", "arn:aws:iam"]),
        (forms.kubernetes_name, ["a", "a-1.b"], ["A", "-a", "a_b", "a" * 254]),
        (forms.kubernetes_names, ["a", "a, b"], ["a,,b", "a,B"]),
        (forms.webhook_auth, ["none", "service"], ["yes"]),
    ],
)
def test_what_is_a_good_answer(check, good, bad):
    assert [check(answer) for answer in good] == [None] * len(good)
    assert all(check(answer) for answer in bad)
