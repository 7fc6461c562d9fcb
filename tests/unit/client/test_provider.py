"""Which datastore the client reads from."""

from __future__ import annotations

import sqlite3

import pytest

from metaflow.client import Flow, Metaflow, Run, default_metadata, get_metadata, metadata
from metaflow.client.home import Home, set_home_of_run
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY
from metaflow.exception import MetaflowNotFound
from metaflow.metadata_store.events import RunForgotten
from metaflow.metadata_store.store import RunQuery

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
