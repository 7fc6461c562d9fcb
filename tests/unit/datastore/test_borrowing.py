"""Artifacts that become part of a second datastore without being copied."""

from __future__ import annotations

import errno
import os

import pytest

from metaflow.datastore.borrowing import borrow
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.null_store import NullStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import TaskReader
from metaflow.exception import DataException
from metaflow.testing.memory_store import MemoryStore

VALUE = os.urandom(100_000)


def stored(store):
    writer = TaskWriter(store, "F", "1", "s", "1", 0)
    return writer, writer.save("x", VALUE)


@pytest.fixture
def stores(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return LocalStore(tmp_path / "a"), LocalStore(tmp_path / "b")


def read_from(store, entry):
    writer = TaskWriter(store, "F", "2", "s", "1", 0)
    writer.forward("x", entry)
    return TaskReader(store, writer.commit({})).load("x")


def test_blobs_are_linked_and_survive_their_origin(stores):
    source, target = stores
    _, entry = stored(source)
    borrow(entry, source, target)
    borrow(entry, source, target)  # again changes nothing
    key = blob_key(entry.segments[0].chunks[0])
    assert source.local_path(key).stat().st_ino == target.local_path(key).stat().st_ino
    source.delete(key)
    assert read_from(target, entry) == VALUE


def test_where_links_cannot_be_made_blobs_are_copied_and_stay_trusted(stores, monkeypatch):
    source, target = stores
    _, entry = stored(source)

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        borrow(entry, source, target)
    path = target.local_path(blob_key(entry.segments[0].chunks[0]))
    original = source.local_path(blob_key(entry.segments[0].chunks[0]))
    assert path.stat().st_ino != original.stat().st_ino
    assert path.stat().st_mtime_ns == original.stat().st_mtime_ns, "the seal was broken"
    assert read_from(target, entry) == VALUE


def test_stores_without_files_are_copied_from(stores):
    source = MemoryStore()
    _, entry = stored(source)
    borrow(entry, source, stores[1])
    assert read_from(stores[1], entry) == VALUE


def test_a_missing_blob_is_told(stores):
    source, target = stores
    _, entry = stored(source)
    source.delete(blob_key(entry.segments[0].chunks[0]))
    with pytest.raises(DataException, match="has been removed"):
        borrow(entry, source, target)


def test_a_store_that_keeps_nothing_says_the_same_of_a_value(stores):
    _, kept = stored(stores[0])
    _, measured = stored(NullStore())
    assert (measured.size, measured.type, measured.sha, measured.preview) == (
        *(kept.size, kept.type, kept.sha, kept.preview),
    )
    with pytest.raises(DataException):
        NullStore().get("x")
