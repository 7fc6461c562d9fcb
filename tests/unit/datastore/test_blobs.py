from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time

import pytest
import zstandard
from blake3 import blake3
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.datastore import blob_reading
from metaflow.datastore.blob_reading import MAP_BYTES, load_segment
from metaflow.datastore.blobs import CHUNK_BYTES, Segment, save_segments
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import LocalStore
from metaflow.exception import CorruptedDataException
from metaflow.testing.memory_store import MemoryStore

TWO_CHUNKS = CHUNK_BYTES + 12_345


def random_bytes(size: int, seed: int = 0) -> bytes:
    return blake3(seed.to_bytes(8, "little")).digest(length=size)


def text_bytes(size: int) -> bytes:
    return (b"the quick brown fox %d " * (size // 22 + 1))[:size]


def save(store, data) -> Segment:
    (segment,) = save_segments(store, [data])
    return segment


def file_of(store, segment: Segment, index: int = 0):
    return store.local_path(blob_key(segment.chunks[index]))


def flip_a_byte(path, position: int = 1000) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


@pytest.fixture(params=["local", "memory"])
def any_store(request, tmp_path):
    return LocalStore(tmp_path) if request.param == "local" else MemoryStore()


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        4095,
        65_536,
        MAP_BYTES - 1,
        MAP_BYTES,
        MAP_BYTES + 1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
    ]
    + [2 * CHUNK_BYTES + 4097],
)
def test_bytes_around_every_threshold_come_back(any_store, size, make):
    data = make(size)
    segment = save(any_store, data)
    assert segment.size == size
    assert len(segment.chunks) == -(-size // CHUNK_BYTES)
    assert load_segment(any_store, segment) == data


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_several_buffers_come_back(store, buffers):
    segments = save_segments(store, buffers)
    assert [bytes(load_segment(store, segment)) for segment in segments] == buffers


def test_stored_forms_are_as_documented(store):
    noise, text = random_bytes(100_000), text_bytes(100_000)
    plain, packed = save_segments(store, [noise, text])
    assert plain.chunks == (blake3(noise).hexdigest(),)
    assert file_of(store, plain).read_bytes() == noise
    assert packed.chunks == (blake3(text).hexdigest() + ".zst",)
    assert zstandard.ZstdDecompressor().decompress(file_of(store, packed).read_bytes()) == text


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
@pytest.mark.parametrize("size", [70_000, MAP_BYTES, TWO_CHUNKS])
def test_loaded_bytes_are_writable_and_private(store, size, make):
    data = make(size)
    segment = save(store, data)
    before = [file_of(store, segment, index).read_bytes() for index in range(len(segment.chunks))]
    first, second = load_segment(store, segment), load_segment(store, segment)
    first[0:4] = b"edit"
    first[size - 4 : size] = b"edit"
    assert first[:4] == b"edit"
    assert second == data
    assert [file_of(store, segment, index).read_bytes() for index in range(len(segment.chunks))] == before
    assert load_segment(store, segment) == data


def test_mapped_bytes_outlive_their_file_and_every_other_reference(store):
    data = random_bytes(TWO_CHUNKS)
    segment = save(store, data)
    tail = load_segment(store, segment)[CHUNK_BYTES - 10 :]
    for index in range(2):
        file_of(store, segment, index).unlink()
    gc.collect()
    assert tail == data[CHUNK_BYTES - 10 :]


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="looks at the memory map of Linux")
def test_large_raw_chunks_are_mapped_and_unmapped_again(store):
    segment = save(store, random_bytes(TWO_CHUNKS))
    loaded = load_segment(store, segment)

    def mapped():
        with open("/proc/self/maps") as maps:
            return maps.read().count(str(store.local_path("mf-store/blobs")))

    assert mapped() == 2
    del loaded
    gc.collect()
    assert mapped() == 0


def test_no_thread_is_left(store):
    before = threading.active_count()
    segment = save(store, random_bytes(TWO_CHUNKS))
    load_segment(store, segment)
    assert threading.active_count() == before


# -- damage


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
@pytest.mark.parametrize("size", [5000, MAP_BYTES, TWO_CHUNKS])
def test_alteration_and_truncation_and_loss_are_found(store, size, make):
    segment = save(store, make(size))
    path = file_of(store, segment)
    intact = path.read_bytes()

    flip_a_byte(path, len(intact) // 2)
    with pytest.raises(CorruptedDataException, match="altered|cannot be decompressed"):
        load_segment(store, segment)

    path.write_bytes(intact[:-1])
    with pytest.raises(CorruptedDataException, match="instead of|cannot be decompressed"):
        load_segment(store, segment)

    path.write_bytes(b"")
    with pytest.raises(CorruptedDataException, match=str(path)):
        load_segment(store, segment)

    path.unlink()
    with pytest.raises(CorruptedDataException, match="is missing"):
        load_segment(store, segment)


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
@pytest.mark.parametrize("size", [5000, TWO_CHUNKS])
def test_damage_in_a_store_without_files_is_found(size, make):
    store = MemoryStore()
    segment = save(store, make(size))
    key = blob_key(segment.chunks[-1])
    intact = store.objects[key]
    for damaged in (intact[:-1], intact + b"x", bytes([intact[0] ^ 1]) + intact[1:], b""):
        store.objects[key] = damaged
        with pytest.raises(CorruptedDataException):
            load_segment(store, segment)
    del store.objects[key]
    with pytest.raises(CorruptedDataException, match="is missing"):
        load_segment(store, segment)


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
@pytest.mark.parametrize("damage", ["altered", "cut", "lost"])
@pytest.mark.parametrize("size", [5000, MAP_BYTES + 5])
def test_saving_again_repairs(store, size, damage, make):
    data = make(size)
    segment = save(store, data)
    path = file_of(store, segment)
    if damage == "altered":
        flip_a_byte(path, 30)
    elif damage == "cut":
        os.truncate(path, 20)
    else:
        path.unlink()
    assert save(store, data) == segment
    assert load_segment(store, segment) == data


def test_a_large_chunk_is_hashed_only_when_its_seal_is_broken(store, monkeypatch):
    data = random_bytes(MAP_BYTES)
    segment = save(store, data)
    hashed = []

    def counting(content):
        hashed.append(len(content))
        return blake3(content)

    monkeypatch.setattr(blob_reading, "blake3", counting)
    assert load_segment(store, segment) == data
    assert hashed == []
    os.utime(file_of(store, segment))
    assert load_segment(store, segment) == data
    assert hashed == [MAP_BYTES]


def test_the_seal_keeps_the_seconds_of_the_time(store):
    before = int(time.time())
    found = file_of(store, save(store, random_bytes(5000))).stat()
    assert before <= int(found.st_mtime) <= int(time.time())


def test_a_segment_that_does_not_add_up_is_refused(store):
    segment = save(store, random_bytes(5000))
    with pytest.raises(CorruptedDataException, match="do not fit together"):
        load_segment(store, Segment(CHUNK_BYTES + 1, segment.chunks))


# -- writing once


@pytest.mark.parametrize("make", [random_bytes, text_bytes])
def test_what_exists_is_not_written_again(any_store, make, monkeypatch):
    data = make(TWO_CHUNKS)
    segment = save(any_store, data)
    written = []
    monkeypatch.setattr(type(any_store), "put", lambda self, key, parts: written.append(key))
    assert save(any_store, bytearray(data)) == segment
    assert written == []


def test_an_edit_rewrites_only_its_chunk(store):
    data = bytearray(random_bytes(2 * CHUNK_BYTES))
    before = save(store, data)
    data[-1] ^= 1
    after = save(store, data)
    assert after.chunks[0] == before.chunks[0]
    assert after.chunks[1] != before.chunks[1]


def test_a_file_system_that_refuses_times_only_costs_the_seal(store, monkeypatch):
    def refuse(path, ns):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    data = random_bytes(MAP_BYTES)
    assert load_segment(store, save(store, data)) == data


def _save_often(root, seed, count):
    store = LocalStore(root)
    for _ in range(count):
        save(store, random_bytes(TWO_CHUNKS, seed))
        for path in store.local_path("mf-store").rglob("*"):
            # Break every seal, so that each round writes again while others read.
            if path.is_file() and not path.name.startswith("."):
                os.utime(path)


def test_parallel_writers_of_the_same_chunks(tmp_path):
    context = multiprocessing.get_context("fork")
    segment = save(LocalStore(tmp_path), random_bytes(TWO_CHUNKS))
    writers = [context.Process(target=_save_often, args=(tmp_path, 0, 4)) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        while any(writer.is_alive() for writer in writers):
            assert load_segment(LocalStore(tmp_path), segment) == random_bytes(TWO_CHUNKS)
    finally:
        for writer in writers:
            writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    leftovers = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(leftovers) == sorted(segment.chunks)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("make", [random_bytes, text_bytes])
def test_a_forked_child_reads_and_writes_its_own_copy(store, make):
    data = make(TWO_CHUNKS)
    loaded = load_segment(store, save(store, data))
    child = os.fork()
    if child == 0:
        fine = loaded == data
        loaded[:5] = b"child"
        fine = fine and load_segment(store, save(store, bytes(loaded))) == loaded
        os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert loaded == data
