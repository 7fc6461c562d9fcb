from __future__ import annotations

import os
from pathlib import Path

import pytest

from metaflow.datastore.root import find_root, resolve_root
from metaflow.exception import DataException


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory two levels below a project; nothing above tmp_path may have a datastore."""
    here = tmp_path / "project" / "deep"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    return tmp_path / "project"


def test_nearest_directory_is_found_from_the_working_directory_upwards(project):
    assert find_root() is None
    (project / ".metaflow").mkdir()
    assert find_root() == project / ".metaflow"
    (project / "deep" / ".metaflow").mkdir()
    assert find_root() == project / "deep" / ".metaflow"
    assert find_root(project) == project / ".metaflow"


def test_a_file_of_that_name_is_not_a_datastore(project):
    (project / ".metaflow").write_text("")
    assert find_root() is None


def test_explicit_root_is_used_exactly_and_beats_everything(project):
    (project / ".metaflow").mkdir()
    assert resolve_root(str(project / "store"), str(project / "other"), create=True) == (
        project / "store",
        True,
    )
    assert resolve_root(str(project / "store"), None, create=False) == (project / "store", False)


def test_sysroot_gets_the_directory_appended(project):
    root, created = resolve_root(None, str(project / "new" / "place"), create=True)
    assert (root, created) == (project / "new" / "place" / ".metaflow", True)
    assert root.is_dir()


def test_without_any_it_is_created_in_the_working_directory(project):
    assert resolve_root(None, None, create=True) == (project / "deep" / ".metaflow", True)
    assert resolve_root(None, None, create=True) == (project / "deep" / ".metaflow", False)


def test_relative_roots_do_not_move_with_the_working_directory(project):
    root, _ = resolve_root("store", None, create=True)
    os.chdir(project)
    assert root.is_absolute()
    assert root == project / "deep" / "store"


def test_readers_are_told_that_there_is_none(project):
    with pytest.raises(DataException, match=r"No \.metaflow directory was found"):
        resolve_root(None, None, create=False)
    with pytest.raises(DataException, match="There is no datastore at .*nowhere"):
        resolve_root(str(project / "nowhere"), None, create=False)
    assert not (project / "nowhere").exists()


def test_a_file_in_the_way_is_named(project):
    (project / "file").write_text("")
    for explicit in (project / "file", project / "file" / "store"):
        with pytest.raises(DataException, match="in the way"):
            resolve_root(str(explicit), None, create=True)


def test_vanished_working_directory_is_explained(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    Path(gone).rmdir()
    with pytest.raises(DataException, match="working directory"):
        find_root()
