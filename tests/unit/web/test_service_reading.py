"""A team's server reads files of runs where its settings allow, and nowhere else, whatever a run's record says."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from metaflow.datastore.layout import log_key, run_key
from metaflow.exception import CommandException, DataException
from metaflow.metadata_store.events import RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.service_reading import TeamProvider, allowed_location, configured_places

ALLOWED = ("/data/team", "s3://bucket/prefix", "az://box/deep/er")


@pytest.mark.parametrize(
    "location",
    [
        "/data/team",
        "/data/team/project/.metaflow",
        "s3://bucket/prefix",
        "s3://bucket/prefix/more",
        "azure://box/deep/er/more",
    ],
)
def test_what_is_allowed(location):
    assert allowed_location(location, ALLOWED) == location


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/",
        "/data",
        "/data/teammate",
        "/data/team/../other",
        "/data/team/../../etc",
        "data/team",
        "~/x",
        "/data/team\0/../x",
        "s3://bucket",
        "s3://bucket/prefixed",
        "s3://bucket/prefix/../other",
        "s3://bucket/prefix//x",
        "s3://bucket/prefix/\n",
        "s3://other/prefix",
        "gs://bucket/prefix",
        "azure://box/deep",
        "file:///data/team",
        "http://169.254.169.254/latest",
        "metaflow://",
    ],
)
def test_what_is_not_allowed(location):
    with pytest.raises(DataException):
        allowed_location(location, ALLOWED)


def test_a_link_leads_nowhere_else(tmp_path):
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    (allowed / "link").symlink_to(outside)
    with pytest.raises(DataException, match="SERVER_DATASTORES"):
        allowed_location(str(allowed / "link"), [str(allowed)])
    (tmp_path / "alias").symlink_to(allowed)
    assert allowed_location(str(tmp_path / "alias" / "x"), [str(allowed)]) == str(allowed / "x")


@pytest.fixture
def team(tmp_path: Path) -> tuple[SqliteMetadata, Path]:
    database = SqliteMetadata(tmp_path / "service.sqlite", keep_log=True)
    root = tmp_path / "allowed" / ".metaflow"
    root.mkdir(parents=True)
    return database, root


def record(database: SqliteMetadata, root: Path | str, run_id: str = "1", **more: object) -> TaskRecord:
    run = RunRecord("F", run_id, "ann", time.time(), datastore=str(root), **more)
    task = TaskRecord("F", run_id, "start", "1", 0, status="done", started_at=1.0, finished_at=2.0)
    database.apply([RunStarted(run), TaskEnded(task)])
    return task


def test_logs_are_read_where_they_may_be(team, tmp_path):
    database, root = team
    task = record(database, root)
    log = root / log_key("F", "1", "start", "1", 0)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"hello")
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    assert provider.log(task) == log
    forbidden = TeamProvider(database, [str(tmp_path / "elsewhere")])
    with pytest.raises(DataException, match="METAFLOW_SERVER_DATASTORES"):
        forbidden.log(task)
    assert forbidden.run("F", "1") is not None, "its record is the service's own"


def test_a_file_that_is_a_link_to_elsewhere_is_not_read(team, tmp_path):
    database, root = team
    task = record(database, root)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    log = root / log_key("F", "1", "start", "1", 0)
    log.parent.mkdir(parents=True)
    log.symlink_to(secret)
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    with pytest.raises(DataException, match="link"):
        provider.log(task)
    store = provider.store_of("F", "1")
    for read in (store.get, store.stat, store.fetch, store.local_path):
        with pytest.raises(DataException, match="link"):
            read(log_key("F", "1", "start", "1", 0))


def test_a_run_that_nobody_hears_of_is_shown_as_failed_and_recorded_only_when_that_is_sure(team, tmp_path):
    database, root = team
    run = RunRecord("F", "1", "ann", time.time() - 100, host="far/away", pid=1, datastore=str(root))
    database.apply([RunStarted(run)])
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    assert provider.run("F", "1").status == "failed" and database.run("F", "1").status == "running"
    file = root / run_key("F", "1")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(run._replace(status="done", finished_at=time.time()).to_dict()))
    assert provider.run("F", "1").status == "done" and database.run("F", "1").status == "done"


def test_what_may_be_read_if_nothing_is_listed_is_what_the_server_itself_would_use(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert configured_places() == (str(tmp_path / "empty" / ".metaflow"),)
    (tmp_path / ".metaflow").mkdir()
    assert configured_places() == (str(tmp_path / ".metaflow"),)
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_S3", "s3://bucket/x/")
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(tmp_path / "there"))
    assert configured_places() == ("s3://bucket/x", str(tmp_path / "there" / ".metaflow"))
    monkeypatch.setenv("METAFLOW_SERVER_DATASTORES", '["/data/", "gs://b"]')
    assert configured_places() == ("/data", "gs://b")
    monkeypatch.setenv("METAFLOW_SERVER_DATASTORES", '["data"]')
    with pytest.raises(CommandException, match="absolute"):
        configured_places()
