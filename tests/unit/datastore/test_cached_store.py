"""A store behind a network and its copies on this machine: what is asked for, what is believed, what is saved."""

from __future__ import annotations

import errno
import os
import threading

import numpy
import pytest
from blake3 import blake3

from metaflow.datastore import blob_reading
from metaflow.datastore.blob_reading import MAP_BYTES, load_segment
from metaflow.datastore.blobs import CHUNK_BYTES, save_segments, save_stream
from metaflow.datastore.cached import copies_only
from metaflow.datastore.layout import blob_key, log_key, manifest_key, run_key
from metaflow.datastore.store import ObjectMissing
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import TaskReader, open_task, open_tasks
from metaflow.exception import CorruptedDataException, DataException, MetaflowDataMissing
from remote_double import RemoteDouble, cached, is_down

THREE_CHUNKS = 2 * CHUNK_BYTES + 12_345
MANIFEST = manifest_key("F", "1", "start", "1", 0)


def random_bytes(size: int, seed: int = 0) -> bytes:
    return blake3(seed.to_bytes(8, "little")).digest(length=size)


@pytest.fixture
def remote() -> RemoteDouble:
    return RemoteDouble()


@pytest.fixture
def store(remote, tmp_path):
    return cached(remote, tmp_path / "here")


@pytest.fixture
def elsewhere(remote, tmp_path):
    """The same store as another machine sees it."""
    return cached(remote, tmp_path / "there")


def save(store, data):
    (segment,) = save_segments(store, [data])
    return segment


def test_only_what_never_changes_is_kept(store, remote):
    keys = [run_key("F", "1"), log_key("F", "1", "start", "1", 0), MANIFEST, blob_key("ab" * 32)]
    for key in keys:
        store.put(key, [key.encode()])
    remote.requests.clear()
    for key in keys:
        assert store.get(key) == key.encode()
    assert [key for _, key in remote.requests] == keys[:2]
    assert store.stat(MANIFEST).size == len(MANIFEST) and sorted(store.list("mf-store/")) == sorted(keys)
    store.delete(MANIFEST)
    with pytest.raises(ObjectMissing):
        store.get(MANIFEST)


def test_manifests_are_of_one_store_and_blobs_of_all(store, remote, tmp_path):
    from metaflow.datastore.cache import Cache
    from metaflow.datastore.cached import CachedStore

    other = CachedStore("s3://other", RemoteDouble(), Cache(str(tmp_path / "here"), 10**9))
    store.put_new(MANIFEST, [b"manifest"])
    store.put(blob_key("ab" * 32), [b"blob"])
    assert other.get(blob_key("ab" * 32)) == b"blob"
    with pytest.raises(ObjectMissing):
        other.get(MANIFEST)


def test_a_write_that_failed_leaves_no_copy(store, remote):
    remote.fault = is_down
    for write in (store.put, store.put_new):
        with pytest.raises(DataException):
            write(MANIFEST, [b"x"])
    remote.fault = None
    with pytest.raises(ObjectMissing):
        store.get(MANIFEST)
    remote.put_new(MANIFEST, [b"of another"])
    assert store.put_new(MANIFEST, [b"mine"]) is False and store.get(MANIFEST) == b"of another"


def test_a_run_id_that_is_used_again_finds_nothing_of_the_run_before(store, remote):
    store.put_new(run_key("F", "1"), [b"{}"])
    store.put_new(MANIFEST, [b"old"])
    remote.objects.clear()  # deleted, from another machine
    assert store.put_new(run_key("F", "1"), [b"{}"])
    with pytest.raises(ObjectMissing):
        store.get(MANIFEST)


@pytest.mark.parametrize("size", [70_000, MAP_BYTES, THREE_CHUNKS])
@pytest.mark.parametrize("compressible", [False, True])
def test_what_was_saved_here_is_read_here_and_elsewhere_once(store, elsewhere, remote, size, compressible):
    data = b"abcdefgh" * (size // 8) + b"rest" if compressible else random_bytes(size)
    segment = save(store, data)
    remote.methods()
    assert load_segment(store, segment) == data and remote.methods() == []
    first = load_segment(elsewhere, segment)
    fetched = [key for method, key in remote.requests if method == "get"]
    assert first == data and len(remote.methods()) == len(fetched)
    assert set(fetched) == {blob_key(chunk) for chunk in segment.chunks}
    # Chunks that are alike may be fetched by several threads at once, but no chunk twice by one.
    assert len(fetched) <= len(segment.chunks)
    first[:4] = b"edit"
    assert load_segment(elsewhere, segment) == data and remote.methods() == []


def test_a_large_chunk_is_hashed_once_on_a_machine(elsewhere, remote, store, monkeypatch):
    segment = save(store, random_bytes(THREE_CHUNKS))
    hashed = []
    monkeypatch.setattr(blob_reading, "blake3", lambda data: hashed.append(len(data)) or blake3(data))
    load_segment(elsewhere, segment)
    assert sum(hashed) == THREE_CHUNKS
    hashed.clear()
    load_segment(elsewhere, segment)
    assert sum(hashed) == 12_345, "small chunks are always hashed"


def test_whether_a_chunk_is_there_is_asked_only_if_it_is_large(store, remote):
    small, large = random_bytes(70_000), random_bytes(2 * MAP_BYTES)
    save(store, small)
    assert remote.methods() == ["put"]
    save(store, large)
    assert remote.methods() == ["stat", "put"]
    save(store, large)
    assert remote.methods() == ["stat"]
    remote.objects.clear()
    segment = save(store, large)  # the copy here is no proof
    assert remote.methods() == ["stat", "put"] and blob_key(segment.chunks[0]) in remote.objects


def _damage_copy(store, key: str, how: str) -> None:
    path = store.fetch(key)
    if how == "truncate":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "remove":
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.write(b"altered")


@pytest.mark.parametrize("how", ["truncate", "alter", "remove"])
@pytest.mark.parametrize("size", [70_000, THREE_CHUNKS])
@pytest.mark.parametrize("compressible", [False, True])
def test_a_damaged_copy_is_fetched_again(store, remote, size, how, compressible):
    data = b"abcdefgh" * (size // 8) if compressible else random_bytes(size)
    segment = save(store, data)
    _damage_copy(store, blob_key(segment.chunks[0]), how)
    remote.methods()
    assert load_segment(store, segment) == data
    assert "get" in remote.methods()
    assert load_segment(store, segment) == data and load_segment(store, segment) == data
    assert remote.methods() in ([], ["get"])


@pytest.mark.parametrize("size", [70_000, THREE_CHUNKS])
@pytest.mark.parametrize("how", ["alter", "truncate"])
def test_a_damaged_download_is_fetched_once_more(store, elsewhere, remote, size, how):
    data = random_bytes(size)
    segment = save(store, data)
    seen: set[str] = set()
    lock = threading.Lock()

    def damage_first(key: str, content: bytes) -> bytes:
        with lock:
            if key in seen:
                return content
            seen.add(key)
        return content[:-1] if how == "truncate" else b"altered" + content[7:]

    remote.damage = damage_first
    assert load_segment(elsewhere, segment) == data
    remote.damage = lambda key, content: b"altered" + content[7:] if how == "alter" else content[:-1]
    with pytest.raises(CorruptedDataException, match="s3://bucket/prefix/mf-store/blobs"):
        load_segment(cached(remote, elsewhere.cache.directory + "2"), segment)
    remote.damage = None
    assert load_segment(cached(remote, elsewhere.cache.directory + "2"), segment) == data, "no damage is kept"


def test_a_blob_that_is_missing(store, elsewhere, remote):
    segments = [save(store, random_bytes(size)) for size in (70_000, THREE_CHUNKS)]
    for segment in segments:
        del remote.objects[blob_key(segment.chunks[0])]
        with pytest.raises(CorruptedDataException, match="is missing.*run the step that made it again"):
            load_segment(elsewhere, segment)


@pytest.mark.parametrize("maximum_bytes", [0, 20 * 2**20, 40 * 2**20])
def test_a_cache_that_is_too_small_changes_nothing_but_speed(remote, tmp_path, maximum_bytes):
    store = cached(remote, tmp_path / "small", maximum_bytes)
    data = random_bytes(5 * CHUNK_BYTES + 5)
    segment = save(store, data)
    for _ in range(2):
        assert load_segment(store, segment) == data
    reader = _saved(store, array=numpy.arange(3_000_000), text="x" * 50_000)
    assert (reader.load("array") == numpy.arange(3_000_000)).all() and reader.load("text") == "x" * 50_000


def test_copies_that_are_evicted_between_finding_and_opening(store, remote, monkeypatch):
    data = random_bytes(THREE_CHUNKS)
    segment = save(store, data)
    find = store.cache.find

    def find_and_evict(name: str) -> str | None:
        path = find(name)
        if path is not None:
            os.unlink(path)
        return path

    monkeypatch.setattr(store.cache, "find", find_and_evict)
    assert load_segment(store, segment) == data


def test_a_stream_is_saved(store, remote):
    chunks = [random_bytes(CHUNK_BYTES, seed) for seed in range(10)]
    segment = save_stream(store, iter([*chunks, b"end"]))
    assert load_segment(store, segment) == b"".join([*chunks, b"end"])


def _saved(store, **values: object) -> TaskReader:
    writer = TaskWriter(store, "F", "1", "start", os.urandom(4).hex(), 0)
    for name, value in values.items():
        writer.save(name, value)
    return TaskReader(store, writer.commit({}))


def test_a_small_task_is_one_request(store, remote):
    _saved(store, x=1, y="two", z=[3])
    assert remote.methods() == ["put_new"]


def test_all_is_there_before_the_manifest(store, remote):
    array = numpy.frombuffer(random_bytes(THREE_CHUNKS), numpy.uint8)
    reader = _saved(store, a=array, b=random_bytes(100_000, 1), c=random_bytes(300_000, 2), d=1)
    order = [(method, key.rpartition("/")[2][-9:]) for method, key in remote.requests if method != "stat"]
    assert order[-1] == ("put_new", ".manifest"[-9:]) and [m for m, _ in order].count("put") == 5
    assert (reader.load("a") == array).all() and reader.load("c") == random_bytes(300_000, 2)


def test_the_next_artifact_is_serialised_while_the_one_before_is_on_its_way(store, remote):
    serialised = threading.Event()

    class Next:
        def __reduce__(self):
            serialised.set()
            return int, ()

    def hold(method: str, key: str) -> None:
        if method == "put" and not serialised.wait(60):
            raise DataException("the next artifact waits for the upload of this one")

    remote.fault = hold
    reader = _saved(store, first=random_bytes(200_000), second=Next())
    assert reader.load("first") == random_bytes(200_000) and reader.load("second") == 0


def test_a_failed_upload_names_the_artifact(store, remote):
    def refuse(method: str, key: str) -> None:
        if method == "put" and len(remote.requests) > 1:
            raise DataException("access denied")

    remote.fault = refuse
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("small", 1)
    writer.save("good", random_bytes(100_000, 1))
    writer.save("bad", random_bytes(THREE_CHUNKS))
    failures = writer.settle()
    assert [failure.message for failure in failures] == ["Artifact 'bad' cannot be stored. access denied"]
    assert list(writer.entries) == ["small", "good"]
    writer.save("bad", random_bytes(100_000, 2))
    with pytest.raises(DataException, match="Artifact 'bad' cannot be stored"):
        writer.commit({})
    assert MANIFEST not in remote.objects


def test_a_damaged_copy_is_not_taken_for_what_was_written_while_the_disk_was_full(store, remote, monkeypatch):
    data = random_bytes(MAP_BYTES)
    segment = save(store, data)
    _damage_copy(store, blob_key(segment.chunks[0]), "alter")
    remote.objects.clear()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    assert save(store, data) == segment
    monkeypatch.undo()
    assert load_segment(store, segment) == data


def test_a_store_out_of_reach_is_asked_once_for_an_artifact(store, elsewhere, remote):
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", random_bytes(100_000))
    writer.commit({})
    reader = open_task(elsewhere, "F", "1", "start", "1", 0)
    remote.methods()
    remote.fault = is_down
    with pytest.raises(DataException, match=r"Artifact 'x' of task F/1/start/1 cannot be loaded\..*cannot be reached"):
        reader.load("x")
    assert remote.methods() == ["get"]


def test_a_damaged_copy_of_a_manifest_is_read_again(store, remote):
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", 1)
    writer.commit({})
    _damage_copy(store, MANIFEST, "alter")
    assert open_task(store, "F", "1", "start", "1", 0).load("x") == 1
    remote.objects[MANIFEST] = b"altered" + remote.objects[MANIFEST]
    store.drop_copy(MANIFEST)
    with pytest.raises(CorruptedDataException, match="s3://bucket/prefix/mf-store/runs/F/1/start/1.0.manifest"):
        open_task(store, "F", "1", "start", "1", 0)


def test_many_tasks_are_opened_together(store, elsewhere, remote):
    for number in range(30):
        writer = TaskWriter(store, "F", "1", "body", str(number), 0)
        writer.save("x", number)
        writer.commit({})
    at_once = threading.Barrier(8, timeout=60)
    remote.fault = lambda method, key: at_once.wait() and None if key < "mf-store/runs/F/1/body/16" else None
    keys = [("body", str(number), 0) for number in range(31)]
    found = open_tasks(elsewhere, "F", "1", keys)
    assert [reader.load("x") for reader in found[:30] if isinstance(reader, TaskReader)] == list(range(30))
    assert isinstance(found[30], MetaflowDataMissing)


def test_copies_only_contacts_nobody(store, remote):
    segment = save(store, random_bytes(THREE_CHUNKS))
    store.put_new(MANIFEST, [b"x"])
    remote.methods()
    view = copies_only(store)
    assert view.get(MANIFEST) == b"x" and load_segment(view, segment) == random_bytes(THREE_CHUNKS)
    with pytest.raises(ObjectMissing):
        view.get(manifest_key("F", "1", "start", "2", 0))
    with pytest.raises(ObjectMissing):
        view.get(run_key("F", "1"))
    assert view.fetch(blob_key("ab" * 32), 10) is None
    writer = TaskWriter(store, "F", "1", "start", "2", 0)
    writer.save("x", random_bytes(THREE_CHUNKS, 1))
    writer.commit({})
    for reference in writer.entries["x"].segments[0].chunks:
        store.drop_copy(blob_key(reference))
    remote.methods()
    with pytest.raises(DataException):
        open_task(view, "F", "1", "start", "2", 0).load("x")
    assert remote.methods() == []
    assert copies_only(remote) is remote


def test_many_buffers_are_read_together(store, elsewhere, remote):
    arrays = [numpy.frombuffer(random_bytes(100_000, number), numpy.uint8) for number in range(12)]
    segments = save_segments(store, [bytes(array) for array in arrays])
    assert len({chunk for segment in segments for chunk in segment.chunks}) == 12
    reader = _saved(store, arrays=arrays)
    at_once = threading.Barrier(6, timeout=60)
    remote.fault = lambda method, key: at_once.wait() and None if method == "get" else None
    elsewhere.put(manifest_key("F", "1", "x", "1", 0), [b""])
    loaded = TaskReader(elsewhere, reader.manifest).load("arrays")
    assert all((one == other).all() for one, other in zip(loaded, arrays, strict=True))
