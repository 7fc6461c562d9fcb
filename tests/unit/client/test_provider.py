"""Which datastore the client reads from."""

from __future__ import annotations

import os
import sqlite3
import time

import pytest

from metaflow.client import Flow, Metaflow, Run, default_metadata, get_metadata, metadata, namespace, unnoticed_runs
from metaflow.client.home import Home, set_home_of_run
from metaflow.client.provider import Provider
from metaflow.client.recovery import adopt_run
from metaflow.client.unnoticed_runs import UnnoticedRuns
from metaflow.datastore.layout import INDEX_KEY, runs_prefix
from metaflow.exception import DataException, MetadataException, MetaflowNotFound
from metaflow.metadata_store.events import RunForgotten, RunStarted
from metaflow.metadata_store.store import RunQuery, TaskQuery

from .stored_flow import StoredRun, foreach_run


def datastore(directory):
    root = directory / ".metaflow"
    root.mkdir(parents=True)
    return root


def test_the_nearest_datastore_above_is_found(tmp_path, monkeypatch):
    foreach_run(datastore(tmp_path))
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert Run("F/1").successful
    assert get_metadata() == f"local@{tmp_path}"


def test_the_environment_names_a_datastore(tmp_path, monkeypatch):
    foreach_run(datastore(tmp_path / "named"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(tmp_path / "named"))
    assert Run("F/1").successful


def test_no_datastore_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MetaflowNotFound, match=r"No \.metaflow directory was found"):
        Flow("F")
    assert get_metadata() == f"local@{tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_only_another_package_wrote_is_empty_and_stays_untouched(root):
    (root / "F").mkdir()
    assert Metaflow().flows == []
    with pytest.raises(MetaflowNotFound, match=r"Flow\('F'\) does not exist"):
        Flow("F")
    assert [path.name for path in root.iterdir()] == ["F"]


@pytest.mark.parametrize("form", ["{}", "local@{}", "{}/.metaflow"])
def test_choosing_a_datastore(root, tmp_path, form):
    foreach_run(root)
    StoredRun(datastore(tmp_path / "other"), flow="G")
    assert metadata(form.format(tmp_path / "other")) == f"local@{tmp_path / 'other'}" == get_metadata()
    assert [flow.id for flow in Metaflow()] == ["G"]
    assert default_metadata() == f"local@{tmp_path}"
    assert [flow.id for flow in Metaflow()] == ["F"]


def test_a_root_of_another_name(tmp_path):
    (tmp_path / "store").mkdir()
    foreach_run(tmp_path / "store")
    description = metadata(str(tmp_path / "store"))
    assert description == f"local@{tmp_path / 'store'}"
    assert metadata(description) == description
    assert Run("F/1").successful


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere", r"no \.metaflow directory"),
    ],
)
def test_choosing_what_is_not_there(root, place, reason):
    with pytest.raises(ValueError, match=reason):
        metadata(place)
    assert get_metadata() == f"local@{root.parent}"


def test_inside_a_task_the_default_is_the_datastore_of_its_run(root, tmp_path):
    foreach_run(root)
    run = foreach_run(datastore(tmp_path / "run"), flow="G")
    set_home_of_run(Home(str(run.root)))
    assert [flow.id for flow in Metaflow()] == ["G"]
    metadata(str(tmp_path))
    assert [flow.id for flow in Metaflow()] == ["F"]
    assert default_metadata() == f"local@{tmp_path / 'run'}"


def test_a_flow_whose_only_run_was_killed_before_the_index_heard_of_it(root):
    foreach_run(root).index.apply([RunForgotten("F", "1")])
    assert [run.id for run in Flow("F")] == ["1"]


@pytest.mark.parametrize("content", [b"", None])
def test_an_index_without_tables_is_made_again(root, content):
    """Whoever made the file was killed before the first write."""
    foreach_run(root)
    path = root / INDEX_KEY
    for each in path.parent.glob("index.sqlite*"):
        each.unlink()
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    else:
        path.write_bytes(content)
    assert [run.run_id for run in Provider(Home(str(root))).runs(RunQuery())] == ["1"]


def unnoticed(root, run_id, age=10.0):
    """A run of which the index never heard; and the folder of its flow as if that had been a while ago."""
    StoredRun(root, run_id=run_id, status="done", finished_at=2.0).index.apply([RunForgotten("F", run_id)])
    changed = time.time() - age
    os.utime(root / runs_prefix("F")[:-1], (changed, changed))


@pytest.mark.parametrize(
    "listed",
    [
        lambda: [run.id for flow in Metaflow() for run in flow],
        lambda: [run.id for run in Metaflow().runs()],
        lambda: [run.id for run in Flow("F").runs(status="done")],
        lambda: [row["run"] for row in Flow("F").table()],
    ],
)
def test_a_run_that_was_killed_before_the_index_heard_of_it_is_listed(root, listed):
    foreach_run(root)
    unnoticed(root, "2")
    namespace(None)
    assert listed() == ["2", "1"]


def test_folders_that_have_not_changed_since_anybody_looked_are_not_looked_into(root, monkeypatch):
    foreach_run(root)
    unnoticed(root, "2", age=100.0)
    assert Provider(Home(str(root))).notice_runs() == 1
    provider = Provider(Home(str(root)))
    with monkeypatch.context() as patched:
        patched.setattr(UnnoticedRuns, "_found", lambda *_: pytest.fail("looked into"))
        for flow in (None, "F", "G", "../F"):
            assert provider.notice_runs(flow) == 0
    unnoticed(root, "3", age=50.0)
    assert provider.notice_runs("F") == 1
    unnoticed(root, "4", age=-60.0)
    for _ in range(2):
        assert provider.notice_runs() == 1, "what has changed just now is looked at again"
        provider.index.apply([RunForgotten("F", "4")])


def test_of_runs_that_were_killed_at_once_all_are_found(root):
    foreach_run(root)
    for number in range(10, 22):
        unnoticed(root, str(number))
    for _ in range(2):
        runs = Provider(Home(str(root))).runs(RunQuery("F"))
        assert [run.run_id for run in runs] == [*map(str, range(21, 9, -1)), "1"]


def test_ids_that_sort_behind_others_hide_no_run(root):
    for number in range(6):
        StoredRun(root, run_id=f"argo-{number}", started_at=1000.0, status="done", finished_at=2.0)
    unnoticed(root, "7")
    assert Provider(Home(str(root))).notice_runs("F") == 1


def test_a_list_waits_for_nobody_who_writes_to_the_index(root):
    foreach_run(root)
    unnoticed(root, "2")
    writer = sqlite3.connect(root / INDEX_KEY, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    provider = Provider(Home(str(root)))
    # With the writer still there when it is over: a list that waited for him would fail.
    assert [run.run_id for run in provider.runs(RunQuery("F"))] == ["1"]
    writer.execute("ROLLBACK")
    writer.close()
    assert [run.run_id for run in provider.runs(RunQuery("F"))] == ["2", "1"], "it is looked for again"


def test_a_run_that_cannot_be_taken_in_keeps_no_other_from_being_noticed(root, monkeypatch):
    foreach_run(root)
    unnoticed(root, "2")
    unnoticed(root, "3")

    def adopt(store, index, flow, run_id):
        if run_id == "3":
            raise MetadataException("its tags cannot be recorded")
        return adopt_run(store, index, flow, run_id)

    monkeypatch.setattr(unnoticed_runs, "adopt_run", adopt)
    assert [run.run_id for run in Provider(Home(str(root))).runs(RunQuery("F"))] == ["2", "1"]


@pytest.mark.parametrize("way", ["list", "open"])
def test_who_may_only_read_sees_what_the_index_hears_of_a_run_that_it_met_before(root, way):
    foreach_run(root)
    run = StoredRun(root, run_id="2", started_at=time.time())
    run.index.apply([RunForgotten("F", "2")])
    provider = Provider(Home(str(root)), may_write=False)
    if way == "list":
        assert [each.run_id for each in provider.runs(RunQuery("F"))] == ["1"]
    else:
        assert provider.run("F", "2").status == "running"
    run.index.apply([RunStarted(run.record)])
    run.finished("start", 1)
    run.ended()
    assert [each.status for each in provider.runs(RunQuery("F"))] == ["done", "done"]
    assert provider.run("F", "2").status == "done"
    assert [task.step for task in provider.tasks(TaskQuery("F", "2"))] == ["start"]


def test_a_folder_that_cannot_be_read_hides_no_run_that_the_index_knows(root, monkeypatch):
    foreach_run(root)

    def fail(*_):
        raise DataException("it cannot be listed")

    monkeypatch.setattr(UnnoticedRuns, "_found", fail)
    assert [run.run_id for run in Provider(Home(str(root))).runs(RunQuery())] == ["1"]
