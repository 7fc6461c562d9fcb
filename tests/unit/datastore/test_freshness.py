"""Chunks that are there already are kept for the manifest that is still to be written."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from metaflow.datastore import freshness
from metaflow.datastore.blob_reading import load_segment
from metaflow.datastore.blobs import refresh, save_segments
from metaflow.datastore.borrowing import borrow
from metaflow.datastore.freshness import LOCAL_FRESH_SECONDS, REMOTE_FRESH_SECONDS, BlobLock
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.seal import is_sealed
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import CorruptedDataException
from metaflow.testing.memory_store import MemoryStore

DATA = os.urandom(10_000)


def age(path, seconds):
    """Make a file older by whole seconds, so that its seal holds."""
    found = path.stat()
    moment = found.st_mtime_ns - int(seconds) * 1_000_000_000
    os.utime(path, ns=(moment, moment))


def saved(store):
    (segment,) = save_segments(store, [DATA])
    return segment, segment.chunks[0]


def test_an_old_chunk_in_a_directory_is_made_fresh_and_stays_sealed_and_the_same_file(tmp_path):
    store = LocalStore(tmp_path)
    segment, reference = saved(store)
    path = store.local_path(blob_key(reference))
    age(path, LOCAL_FRESH_SECONDS * 100)
    before = path.stat()
    assert saved(store)[1] == reference
    after = path.stat()
    assert after.st_ino == before.st_ino and after.st_mtime > time.time() - 5
    assert is_sealed(after, reference) and load_segment(store, segment) == DATA
    saved(store)
    assert path.stat().st_mtime_ns == after.st_mtime_ns, "a fresh one is not touched"


def test_a_chunk_of_another_user_is_written_anew(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    _, reference = saved(store)
    path = store.local_path(blob_key(reference))
    age(path, 1000)
    before = path.stat().st_ino
    real = os.utime

    def refuse_strangers(target, **times):
        if os.stat(target).st_ino == before:
            raise PermissionError(1, "Operation not permitted")
        real(target, **times)

    monkeypatch.setattr(os, "utime", refuse_strangers)
    saved(store)
    assert path.stat().st_ino != before and is_sealed(path.stat(), reference)


def test_an_old_chunk_elsewhere_is_written_anew():
    store = MemoryStore()
    _, reference = saved(store)
    key = blob_key(reference)
    store.times[key] -= REMOTE_FRESH_SECONDS / 2
    moment = store.times[key]
    saved(store)
    assert store.times[key] == moment, "it is fresh enough"
    store.times[key] -= REMOTE_FRESH_SECONDS
    saved(store)
    assert store.times[key] > moment


def test_what_a_chunk_is_refreshed_for(tmp_path):
    store = LocalStore(tmp_path)
    _, reference = saved(store)
    path = store.local_path(blob_key(reference))
    age(path, 1000)
    refresh(store, reference)
    assert path.stat().st_mtime > time.time() - 5
    path.unlink()
    with pytest.raises(CorruptedDataException, match="is missing"):
        refresh(store, reference)


def test_a_borrowed_chunk_is_fresh_in_its_new_store(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    source, target = LocalStore(tmp_path / "a"), LocalStore(tmp_path / "b")
    entry = TaskWriter(source, "F", "1", "start", "1", 0).save("x", DATA)
    (reference,) = entry.segments[0].chunks
    age(source.local_path(blob_key(reference)), 1000)
    borrow(entry, source, target)
    borrowed = target.local_path(blob_key(reference)).stat()
    assert borrowed.st_mtime > time.time() - 500 and is_sealed(borrowed, reference)


def _hold(root, reference, to_remove, ready, release):
    with BlobLock(LocalStore(root), reference, to_remove) as held:
        assert held
        ready.set()
        release.wait(60)


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(False, True, False), (True, True, False), (False, False, True)]
)
def test_nobody_removes_while_others_write(tmp_path, monkeypatch, first, second, expected):
    monkeypatch.setattr(freshness, "_PATIENCE_SECONDS", 0.02)
    store = LocalStore(tmp_path)
    _, reference = saved(store)
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, reference, first, ready, release))
    holder.start()
    try:
        assert ready.wait(60)
        with BlobLock(store, reference, second) as held:
            assert held is expected
    finally:
        holder.kill()  # whoever is killed lets go
        holder.join()
    with BlobLock(store, reference, to_remove=True) as held:
        assert held


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    import errno
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    segment, _ = saved(LocalStore(tmp_path))
    saved(LocalStore(tmp_path))
    assert load_segment(LocalStore(tmp_path), segment) == DATA
