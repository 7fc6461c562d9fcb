"""Which files of a directory go into a code package."""

from __future__ import annotations

import os

import pytest

from metaflow.exception import CommandException
from metaflow.packaging.selection import all_files, parse_suffixes, select_files


@pytest.fixture
def directory(tmp_path):
    def write(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path

    return write


def names(found):
    return [file.name for file in found]


def test_suffixes_are_parsed():
    assert parse_suffixes(" .sql, yaml,,.sql ,.tar.gz") == (".sql", ".yaml", ".tar.gz")
    assert parse_suffixes("") == ()


def test_files_are_chosen_by_suffix_and_sorted(directory):
    root = directory("b.py", "a.py", "a/z.py", "a/q.sql", "data.csv", "py", "x.pyc")
    assert names(select_files(str(root), [".py"])) == ["a/z.py", "a.py", "b.py"]
    assert "a/q.sql" in names(select_files(str(root), [".py", ".sql"]))
    assert [file.size for file in select_files(str(root), [".csv"])] == [len("data.csv")]
    assert names(select_files(str(root), [])) == []


def test_hidden_directories_environments_and_caches_stay_out(directory):
    root = directory(
        *(".git/hook.py", "env/pyvenv.cfg", "env/lib/x.py", "__pycache__/a.py", "node_modules/a.py", "ok/a.py"),
        *("miniconda3/conda-meta/history", "miniconda3/lib/python3.11/site-packages/x.py"),
    )
    assert names(select_files(str(root), [".py"])) == ["ok/a.py"]


def test_links_are_followed_unless_they_lead_back(directory, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "shared.py").write_text("")
    root = directory("a/m.py")
    os.symlink("..", root / "a" / "loop")
    os.symlink(elsewhere, root / "linked")
    os.symlink("a", root / "A")
    os.symlink("nowhere", root / "broken.py")
    os.symlink("itself.py", root / "itself.py")
    expected = ["A/m.py", "a/m.py", "linked/shared.py"]
    assert names(select_files(str(root), [".py"])) == expected, "a link takes nothing from what it leads to"
    assert names(all_files(str(root), "")) == expected


def test_the_ignore_file_is_written_like_gits(directory):
    root = directory("keep.py", "big/a.py", "big/keep.py", "x_test.py", "deep/build/b.py", "deep/c.py")
    (root / ".metaflowignore").write_text("# comment\nbig/*\n!big/keep.py\n*_test.py\nbuild/\n")
    assert sorted(names(select_files(str(root), [".py"]))) == ["big/keep.py", "deep/c.py", "keep.py"]


def test_what_cannot_be_read_is_told(directory, monkeypatch):
    root = directory("a/b.py")
    (root / ".metaflowignore").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandException, match=r"\.metaflowignore cannot be read"):
        list(select_files(str(root), [".py"]))
    (root / ".metaflowignore").write_text("!")
    with pytest.raises(CommandException, match=r"written like git's \.gitignore|like a \.gitignore"):
        list(select_files(str(root), [".py"]))
    (root / ".metaflowignore").unlink()
    real = os.scandir

    def refuse(path):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CommandException, match="/a, which the code package .* Permission denied"):
        list(select_files(str(root), [".py"]))


def test_all_of_a_package_but_what_was_compiled(directory):
    root = directory("m.py", "py.typed", "sub/data.html", "m.pyc", "__pycache__/m.py")
    assert names(all_files(str(root), "p/")) == ["p/m.py", "p/py.typed", "p/sub/data.html"]
