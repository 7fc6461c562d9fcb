"""What every object store promises, and what only the local one can break."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaflow.datastore.local import LocalStore
from metaflow.datastore.remote import RemoteStore
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import DataException
from metaflow.testing.memory_store import MemoryStore

AS_ROOT = os.name == "posix" and os.geteuid() == 0


@pytest.fixture(params=["local", "memory", "s3", "plain_s3", "azure", "gs"])
def any_store(request, tmp_path):
    if request.param not in ("local", "memory"):
        return RemoteStore(request.getfixturevalue(f"{request.param}_bucket").location)
    return LocalStore(tmp_path) if request.param == "local" else MemoryStore()


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_parts_are_joined_and_read_back(any_store):
    any_store.put("a/b/c", [b"one", bytearray(b"two"), memoryview(b"three"), b""])
    assert any_store.get("a/b/c") == b"onetwothree"
    assert any_store.stat("a/b/c").size == 11


def test_put_replaces_and_put_new_does_not(any_store):
    assert any_store.put_new("k/x", [b"first"]) is True
    assert any_store.put_new("k/x", [b"first"]) is False
    assert any_store.put_new("k/x", [b"second"]) is False
    assert any_store.get("k/x") == b"first"
    any_store.put("k/x", [b"third"])
    assert any_store.get("k/x") == b"third"


def test_an_object_may_be_empty(any_store):
    any_store.put("empty", [])
    assert any_store.get("empty") == b""
    assert any_store.stat("empty").size == 0


def test_absent_objects(any_store):
    any_store.delete("not/there")
    assert any_store.stat("not/there") is None
    with pytest.raises(ObjectMissing, match="not/there"):
        any_store.get("not/there")


def test_folders_are_the_next_parts_of_keys(any_store):
    for key in ("runs/F/1/run.json", "runs/F/1/start/1.0.manifest", "runs/F/20/run.json", "runs/F/file", "other/x/y"):
        any_store.put(key, [b""])
    assert sorted(any_store.list("runs/F/", folders=True)) == ["1", "20"]
    assert list(any_store.list("runs/", folders=True)) == ["F"]
    assert list(any_store.list("none/", folders=True)) == []


def test_delete_removes(any_store):
    any_store.put("a/b", [b"x"])
    any_store.delete("a/b")
    assert any_store.stat("a/b") is None


def test_list_takes_any_beginning(any_store):
    for key in ("r/F/1/a", "r/F/12/a", "r/F/12/b/c", "r/G/1"):
        any_store.put(key, [b""])
    assert sorted(any_store.list("r/F/1")) == ["r/F/1/a", "r/F/12/a", "r/F/12/b/c"]
    assert sorted(any_store.list("r/F/12/")) == ["r/F/12/a", "r/F/12/b/c"]
    assert sorted(any_store.list("")) == ["r/F/1/a", "r/F/12/a", "r/F/12/b/c", "r/G/1"]
    assert list(any_store.list("r/H/")) == []


def test_only_the_local_store_has_paths(tmp_path):
    store = LocalStore(tmp_path)
    store.put("a/b", [b"x"])
    assert store.local_path("a/b").read_bytes() == b"x"
    assert MemoryStore().fetch("a/b") is None


def test_nothing_but_objects_is_left_behind(tmp_path):
    store = LocalStore(tmp_path)
    store.put("a/x", [b"1"])
    store.put_new("a/y", [b"1"])
    store.put_new("a/y", [b"2"])
    assert files_under(tmp_path) == ["a/x", "a/y"]


def test_temporary_files_are_not_listed(tmp_path):
    store = LocalStore(tmp_path)
    store.put("a/x", [b"1"])
    (tmp_path / "a" / ".tmp-0123").write_bytes(b"half")
    assert list(store.list("a/")) == ["a/x"]


def test_a_vanished_root_is_an_error_and_is_not_made_again(tmp_path):
    store = LocalStore(tmp_path / "gone")
    for use in (
        lambda: store.put("a", [b""]),
        lambda: store.put_new("a", [b""]),
        lambda: store.get("a"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(DataException, match="gone") as caught:
            use()
        assert not isinstance(caught.value, ObjectMissing)
        assert isinstance(caught.value.__cause__, OSError)
    assert not (tmp_path / "gone").exists()


def test_a_file_where_a_directory_is_needed(store, tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(DataException, match="A file stands where a directory is needed"):
        store.put("a/b", [b""])


def test_a_directory_where_an_object_is_wanted(store, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(DataException, match="directory stands where a file is needed"):
        store.get("a")
    with pytest.raises(DataException, match="Cannot write"):
        store.put("a", [b""])
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failed_write_is_explained_and_leaves_nothing(store, tmp_path, monkeypatch, code):
    store.put("a/old", [b"old"])
    real = os.write

    def fail_on_second_part(descriptor, data):
        if bytes(data) == b"two":
            raise OSError(code, os.strerror(code))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", fail_on_second_part)
    for write in (store.put, store.put_new):
        with pytest.raises(DataException, match=os.strerror(code)) as caught:
            write("a/old", [b"one", b"two"])
        assert str(tmp_path / "a" / "old") in str(caught.value)
    monkeypatch.undo()
    assert store.get("a/old") == b"old"
    assert files_under(tmp_path) == ["a/old"]


def test_an_interrupted_write_leaves_nothing(store, tmp_path, monkeypatch):
    def interrupt(descriptor, data):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.put("a/x", [b"one"])
    assert files_under(tmp_path) == []


def test_short_writes_are_continued(store, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:3])))
    store.put("a", [b"0123456789", b"abc"])
    assert store.get("a") == b"0123456789abc"


def test_put_new_without_hard_links(store, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    assert store.put_new("a/x", [b"1"]) is True
    assert store.put_new("a/x", [b"2"]) is False
    assert store.get("a/x") == b"1"
    assert files_under(tmp_path) == ["a/x"]


@pytest.mark.skipif(AS_ROOT, reason="the superuser may write anywhere")
def test_a_directory_without_write_permission(store, tmp_path):
    store.put("a/x", [b""])
    (tmp_path / "a").chmod(0o500)
    try:
        with pytest.raises(DataException, match="Check the owner and the permissions"):
            store.put("a/y", [b""])
    finally:
        (tmp_path / "a").chmod(0o700)


@pytest.mark.skipif(not AS_ROOT, reason="only the superuser may mount")
def test_a_full_and_a_read_only_file_system(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        store = LocalStore(tmp_path)
        store.put("a/small", [b"kept"])
        with pytest.raises(DataException, match="The disk is full"):
            store.put("a/large", [bytes(200_000)])
        assert files_under(tmp_path) == ["a/small"]
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        with pytest.raises(DataException, match="mounted read-only"):
            store.put("a/other", [b"x"])
        assert store.get("a/small") == b"kept"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


WRITER = """
import sys
from metaflow.datastore.local import LocalStore
store = LocalStore(sys.argv[1])
for n in range(10**9):
    digit = b"%d" % (n % 10)
    store.put(f"objects/{n % 7}", [digit * 300_000, digit * 300_000])
    store.put_new(f"new/{n}", [digit * 50_000])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_writer_leaves_no_half_object(tmp_path):
    store = LocalStore(tmp_path)
    for round_number in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) as writer:
            while len(list(store.list(""))) < 2 and writer.poll() is None:
                time.sleep(0.001)
            time.sleep(0.02 + 0.011 * round_number)
            writer.send_signal(signal.SIGKILL)
        seen = list(store.list(""))
        assert writer.returncode == -signal.SIGKILL, "the writer failed by itself; nothing was tested"
        for key in seen:
            data = store.get(key)
            assert len(data) == (600_000 if key.startswith("objects/") else 50_000), f"{key} is half written"
            assert len(set(data)) == 1, f"{key} mixes two writes"
