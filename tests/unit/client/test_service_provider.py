"""What a reader makes of runs that a metadata service takes for running."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from metaflow.client.home import Home, resolve_home
from metaflow.client.recovery import PROCESS_DIED
from metaflow.client.service_provider import ServiceProvider
from metaflow.datastore.layout import run_key
from metaflow.datastore.location import WRITTEN_BY_METAFLOW
from metaflow.exception import CommandException, DataException, MetaflowTaggingError, ServiceException
from metaflow.metadata_store.events import RunStarted, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery

URL = "http://127.0.0.1:1"


class Service(SqliteMetadata):
    """Stands where the service would; may refuse to be written."""

    read_only = False

    def apply(self, events) -> None:
        if self.read_only:
            raise ServiceException("you may only read", 403)
        super().apply(events)


@pytest.fixture
def reader(tmp_path: Path) -> ServiceProvider:
    provider = ServiceProvider(Home(str(tmp_path / "here"), "", URL))
    provider._index = Service()
    return provider


def start(reader: ServiceProvider, silent_for: float, datastore: str = "/on/another/machine/.metaflow") -> RunRecord:
    then = time.time() - silent_for
    run = RunRecord("F", "1", "ann", then, ("mine",), ("user:ann",), heartbeat_at=then, host="bigbox/boot", pid=7)
    run = run._replace(datastore=datastore, end_step="end")
    reader.index.apply([RunStarted(run), TaskStarted(TaskRecord("F", "1", "start", "1", 0, then))])
    return run


def recorded(reader: ServiceProvider) -> str:
    return reader.index.run("F", "1").status


def test_a_run_that_is_heard_of_goes_on(reader: ServiceProvider) -> None:
    start(reader, 10)
    assert reader.run("F", "1").status == "running"


@pytest.mark.parametrize("datastore", ["/on/another/machine/.metaflow", WRITTEN_BY_METAFLOW])
def test_silence_is_shown_before_it_is_recorded(reader: ServiceProvider, datastore: str) -> None:
    """The service may have been away, and the run be on its way back to it."""
    start(reader, 100, datastore)
    shown = reader.run("F", "1")
    assert (shown.status, shown.message, recorded(reader)) == ("failed", PROCESS_DIED, "running")
    assert [run.status for run in reader.runs(RunQuery("F"))] == ["failed"]


@pytest.mark.parametrize("datastore", ["/on/another/machine/.metaflow", WRITTEN_BY_METAFLOW])
def test_long_silence_is_recorded(reader: ServiceProvider, datastore: str) -> None:
    start(reader, 1000, datastore)
    assert reader.run("F", "1").status == "failed" == recorded(reader)
    assert [task.status for task in reader.tasks(TaskQuery("F", "1"))] == ["killed"]


def test_files_that_say_how_it_ended_are_believed(reader: ServiceProvider, tmp_path: Path) -> None:
    run = start(reader, 100, str(tmp_path / "there"))
    path = tmp_path / "there" / run_key("F", "1")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(run._replace(status="done", finished_at=run.started_at + 5).to_dict()))
    assert reader.run("F", "1").status == "done" == recorded(reader)


def test_who_may_only_read_sees_the_same(reader: ServiceProvider) -> None:
    start(reader, 1000)
    reader.index.read_only = True
    assert reader.run("F", "1").status == "failed" and recorded(reader) == "running"
    assert [task.status for task in reader.tasks(TaskQuery("F", "1"))] == ["killed"]


def test_files_of_another_machine(reader: ServiceProvider) -> None:
    run = start(reader, 0)
    with pytest.raises(DataException, match=r"on the machine bigbox, in /on/another/machine/\.metaflow"):
        reader.store_of("F", "1")
    assert reader.change_tags(run, ["new"], ["mine"]).tags == ("new",)
    with pytest.raises(MetaflowTaggingError, match="system tags"):
        reader.change_tags(run, [], ["user:ann"])


def test_a_private_run_is_not_published_by_looking_at_it(reader: ServiceProvider, tmp_path: Path) -> None:
    assert reader.run("F", "1") is None and not (tmp_path / "here").exists()
    run = RunRecord("F", "1", "ann", time.time(), status="done", finished_at=time.time())
    path = tmp_path / "here" / run_key("F", "1")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(run.to_dict()))
    assert reader.run("F", "1") is None
    path.write_text(json.dumps(run._replace(datastore=str(tmp_path / "here")).to_dict()))
    assert reader.run("F", "1").status == "done" == recorded(reader)


def test_what_is_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("METAFLOW_SERVICE_URL", URL + "/")
    far = ("s3", "s3://bucket/prefix", "service")
    assert resolve_home(*far, create=True) == (Home(f"{tmp_path}/state/metaflow", "s3://bucket/prefix", URL), False)
    assert resolve_home(None, None, "service", create=False)[0] == Home(f"{tmp_path}/state/metaflow", "", URL)
    assert list(tmp_path.iterdir()) == []
    assert resolve_home(None, None, "service", create=True) == (Home(f"{tmp_path}/.metaflow", "", URL), True)
    assert resolve_home(*far, create=True)[0].root == f"{tmp_path}/.metaflow"
    assert resolve_home(None, None, "service@https://a/b/", create=False)[0].service == "https://a/b"
    for wrong in ("elsewhere", "service@ftp://a", "service@https://ann:secret@a"):
        with pytest.raises(CommandException) as error:
            resolve_home(None, None, wrong, create=False)
        assert "secret" not in error.value.message
