"""A team's server reads files of runs where its settings allow, and nowhere else, whatever a run's record says."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from metaflow.client.cancellation import read_cancellation
from metaflow.compute import cancelling, job_endings
from metaflow.compute.backend import SubmittedJob
from metaflow.compute.jobs import KnownJob, write_known_job
from metaflow.datastore.layout import log_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.logs import unfinished_path
from metaflow.exception import CommandException, DataException
from metaflow.metadata_store.events import RunStarted, TaskEnded
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.logs.log_files import LogFiles
from metaflow.web.run.log_tail import last_lines
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
    for read in (store.get, store.stat, store.local_path):
        with pytest.raises(DataException, match="link"):
            read(log_key("F", "1", "start", "1", 0))


def test_what_is_no_file_is_said_to_be_none_and_nobody_waits_for_it(team, tmp_path):
    database, root = team
    task = record(database, root)
    key = log_key("F", "1", "start", "1", 0)
    log = root / key
    log.parent.mkdir(parents=True)
    os.mkfifo(log)
    os.mkfifo(unfinished_path(log))
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    store = provider.store_of("F", "1")
    logs = LogFiles(provider)
    for read in (lambda: store.get(key), lambda: last_lines(provider, task), logs.source(task).open):
        with pytest.raises(DataException, match="It is a pipe or a device, not a file"):
            read()
    assert logs.source(task).unfinished(100) == b""
    with pytest.raises(DataException, match="A directory stands where a file is needed"):
        store.get(key.rpartition("/")[0])
    with pytest.raises(DataException, match="A file stands where a directory is needed"):
        store.get(f"{key}/run.json")


@pytest.mark.parametrize("key", ["../secret", "mf-store/../../secret", "/etc/passwd", "mf-store//x", ".", ""])
def test_a_key_that_leads_out_of_the_directory_is_not_read(team, tmp_path, key):
    database, root = team
    record(database, root)
    (root.parent / "secret").write_text("secret")
    (root / "mf-store").mkdir()
    store = TeamProvider(database, [str(tmp_path / "allowed")]).store_of("F", "1")
    with pytest.raises(DataException):
        store.get(key)


@pytest.mark.parametrize("moment", range(10))
@pytest.mark.parametrize("what", ["object", "log", "unfinished", "tail"])
def test_what_becomes_a_link_while_it_is_being_read_leads_nowhere(team, tmp_path, monkeypatch, moment, what):
    """Whoever may write there puts a link in a folder's place, before any of the calls that open something."""
    database, root = team
    task = record(database, root)
    key = log_key("F", "1", "start", "1", 0)
    log, outside = root / key, tmp_path / "outside"
    outside.mkdir()
    log.parent.mkdir(parents=True)
    log.write_bytes(b"o 1 ours\n")
    (outside / log.name).write_bytes(b"o 1 secret\n")
    for path in (log, outside / log.name):
        Path(unfinished_path(path)).write_bytes(path.read_bytes())
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    opened = LogFiles(provider).open(task)
    source = LogFiles(provider).source(task)
    store = provider.store_of("F", "1")
    read = {
        "object": lambda: store.get(key),
        "log": lambda: source.open().read(100),
        "unfinished": lambda: b"".join(line.text for line in opened.unfinished()),
        "tail": lambda: b"".join(line.text for line in last_lines(provider, task)),
    }[what]
    open_plainly, count = os.open, [0]

    def switch(*arguments, **options):
        if count[0] == moment:
            log.parent.rename(tmp_path / "away")
            log.parent.symlink_to(outside)
        count[0] += 1
        return open_plainly(*arguments, **options)

    monkeypatch.setattr(os, "open", switch)
    try:
        found = read()
    except DataException:
        found = b""
    assert b"secret" not in found and (b"ours" in found or count[0] > moment)


def test_nothing_is_written_removed_or_listed_where_a_link_leads(team, tmp_path):
    database, root = team
    record(database, root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    runs = root / "mf-store" / "runs" / "F" / "1"
    runs.mkdir(parents=True)
    (runs / "start").symlink_to(outside)
    (runs / "link").symlink_to(outside / "precious")
    store = TeamProvider(database, [str(tmp_path / "allowed")]).store_of("F", "1")
    prefix = runs_prefix("F", "1")
    assert [*store.list(prefix)] == [each.key for each in store.scan(prefix)] == [f"{prefix}link"]
    assert [*store.list(f"{prefix}start/", folders=True)] == [] == [*store.list(f"{prefix}start/")]
    for change in (
        lambda key: store.put(key, [b"x"]),
        lambda key: store.put_new(key, [b"x"]),
        store.delete,
    ):
        with pytest.raises(DataException, match="link"):
            change(f"{prefix}start/precious")
    store.delete(f"{prefix}link")
    assert not (runs / "link").is_symlink(), "the link itself may go"
    store.put(f"{prefix}new/folder/x", [b"x"])
    assert store.get(f"{prefix}new/folder/x") == b"x"
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_what_a_task_is_printing_is_no_link_to_elsewhere(team, tmp_path):
    database, root = team
    secret = tmp_path / "secret"
    secret.write_text("secret")
    task = record(database, root)
    log = root / log_key("F", "1", "start", "1", 0)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"")
    Path(unfinished_path(log)).symlink_to(secret)
    opened = LogFiles(TeamProvider(database, [str(tmp_path / "allowed")])).open(task)
    assert opened.unfinished() == []
    Path(unfinished_path(log)).unlink()
    Path(unfinished_path(log)).write_text("secret")
    assert len(opened.unfinished()) == 1


def test_a_cancelled_run_makes_the_server_neither_signal_a_process_nor_connect_to_an_engine(
    team, tmp_path, monkeypatch
):
    database, root = team
    host, pid, started = process_identity()
    monkeypatch.setattr(cancelling.os, "kill", lambda *arguments: pytest.fail(f"kill{arguments}"))
    monkeypatch.setattr(job_endings, "open_backend", lambda *arguments: pytest.fail(f"open_backend{arguments}"))
    for run_id, more in {
        "1": {"host": host, "pid": pid, "process_started": started},
        "2": {"host": host, "pid": -1, "process_started": None},
    }.items():
        run = RunRecord("F", run_id, "eve", time.time(), datastore=str(root), **more)
        database.apply([RunStarted(run)])
        store = LocalStore(root)
        store.put(run_key("F", run_id), [json.dumps(run.to_dict()).encode()])
        job = SubmittedJob("mf-1", "17", ("start/1/0", "start/2/0"))
        write_known_job(store, "F", run_id, KnownJob("slurm", {"address": "-oProxyCommand=touch /tmp/x"}, job))
    provider = TeamProvider(database, [str(tmp_path / "allowed")])
    going_on = cancelling.cancel_run(provider, "F", "1", patience=0, user="ann")
    assert going_on.status == "running", "its own process ends it when it sees the note"
    died = cancelling.cancel_run(provider, "F", "2", patience=0, user="ann")
    assert [(task.task, task.status) for task in died.tasks] == [("start/1", "running"), ("start/2", "running")]
    assert all(read_cancellation(store, "F", run_id).user == "ann" for run_id in ("1", "2"))


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
