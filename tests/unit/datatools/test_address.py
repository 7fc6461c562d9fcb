"""From what callers name to buckets and keys."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from metaflow.datatools import S3GetObject
from metaflow.datatools.address import Wanted, object_in, root_of, root_of_run, split, wanted
from metaflow.exception import MetaflowS3InvalidRange, MetaflowS3URLException
from metaflow.flow.current import current


class RunOfClient:
    pathspec = "Flow/7"


@pytest.mark.parametrize(
    ("scheme", "text", "expected"),
    [
        ("s3", "s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3", "s3://bucket", "s3://bucket"),
        ("gs", "gcs://bucket/a", "gs://bucket/a"),
        ("azure", "container/a", "azure://container/a"),
        ("azure", "az://container/a", "azure://container/a"),
        ("file", "/some/where/../there", "file:///some/there"),
        ("file", "file:///some/where/", "file:///some/where"),
        ("file", "/", "file:///"),
    ],
)
def test_roots(scheme: str, text: str, expected: str) -> None:
    assert root_of(scheme, text) == expected


@pytest.mark.parametrize(
    ("scheme", "text"),
    [("s3", "gs://x"), ("s3", "x/y"), ("s3", "s3://"), ("gs", "s3://x"), ("file", "s3://x"), ("file", "file://host/x")],
)
def test_what_is_no_root(scheme: str, text: str) -> None:
    with pytest.raises(MetaflowS3URLException):
        root_of(scheme, text)


def test_roots_of_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_S3", "s3://store/root/")
    run = RunOfClient()
    assert root_of_run("s3", None, None, run) == "s3://store/root/data/Flow/7"
    monkeypatch.setenv("METAFLOW_DATATOOLS_SUFFIX", "files")
    assert root_of_run("s3", None, None, run) == "s3://store/root/files/Flow/7"
    monkeypatch.setenv("METAFLOW_DATATOOLS_S3ROOT", "s3://data/there")
    assert root_of_run("s3", None, None, run) == "s3://data/there/Flow/7"
    assert root_of_run("s3", "other", None, run) == "s3://other/there/Flow/7"
    assert root_of_run("s3", "s3://other", "/p/q/", run) == "s3://other/p/q/Flow/7"
    assert root_of_run("gs", "bucket", None, run) == "gs://bucket/Flow/7"
    monkeypatch.setenv("METAFLOW_DATATOOLS_LOCALROOT", str(tmp_path))
    assert root_of_run("file", None, None, run) == f"file://{tmp_path}/Flow/7"
    with pytest.raises(MetaflowS3URLException, match="METAFLOW_DATATOOLS_GSROOT or METAFLOW_DATASTORE_SYSROOT_GS"):
        root_of_run("gs", None, None, run)


def test_the_run_that_is_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from metaflow import FlowSpec, step

    class OneFlow(FlowSpec):
        @step
        def start(self) -> None:
            self.next(self.end)

        @step
        def end(self) -> None:
            pass

    flow = OneFlow(use_cli=False)
    with pytest.raises(MetaflowS3URLException, match="no run is"):
        root_of_run("s3", "bucket", None, flow)
    monkeypatch.setattr(current, "_facts", {"flow_name": "OneFlow", "run_id": "12"})
    assert root_of_run("s3", "bucket", None, flow) == "s3://bucket/OneFlow/12"
    for wrong in ("OneFlow/12", 5, type("Task", (), {"pathspec": "a/b/c/d"})()):
        with pytest.raises(MetaflowS3URLException, match="Run of the client"):
            root_of_run("s3", "bucket", None, wrong)


def test_keys() -> None:
    root = "s3://b/p"
    assert wanted("s3", root, "a/b") == Wanted("s3://b/p/a/b", root, "a/b")
    assert wanted("s3", root, "/a//b/") == Wanted("s3://b/p/a//b/", root, "/a//b/")
    assert wanted("s3", root, "") == Wanted(root, root, "")
    assert wanted("s3", root, None) == Wanted(root, None, root)
    assert wanted("s3", root, S3GetObject("a", 1, 2)) == Wanted("s3://b/p/a", root, "a", 1, 2)
    assert wanted("azure", None, "az://c/k") == Wanted("azure://c/k", None, "az://c/k")
    for bad in (S3GetObject("a", -1, None), S3GetObject("a", -1, 3)):
        with pytest.raises(MetaflowS3InvalidRange, match="negative length"):
            wanted("s3", root, bad)


@given(
    st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1),
    st.text("ab/.:%# ", max_size=9),
)
def test_any_key_comes_back_as_it_was(first: str, rest: str) -> None:
    key = first + rest
    if "://" in key:
        return
    found = wanted("s3", "s3://bucket/prefix", key)
    assert split(found.url) == ("bucket", f"prefix/{key}")
    assert split(wanted("s3", None, f"s3://bucket/{key}").url) == ("bucket", key)


def test_objects_have_keys() -> None:
    assert object_in("file:///a/b") == ("", "a/b")
    for url in ("s3://bucket", "s3://bucket/", "file:///"):
        with pytest.raises(MetaflowS3URLException, match="names no object"):
            object_in(url)


def test_what_is_not_used_is_not_imported() -> None:
    code = "from metaflow import S3\nS3(s3root='s3://bucket/x')\nimport sys\nprint(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"obstore", "boto3", "asyncio", "concurrent.futures", "tempfile"} & set(listed.stdout.split())
