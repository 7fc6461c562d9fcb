"""Reading content-addressed bytes: whole segments, parts of them, and chunks that are only checked.

Every chunk is checked against its hash when it is read, except a large uncompressed one in a file of this machine, be
it the object itself or a copy of one that is elsewhere, that carries its *seal* (:mod:`metaflow.datastore.seal`): such
a chunk is mapped and not looked at. What comes from a store behind a network is hashed once; if it is damaged, it is
fetched once more.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from blake3 import blake3

from metaflow.datastore.blobs import CHUNK_BYTES
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import COMPRESSED_SUFFIX, blob_key
from metaflow.datastore.seal import is_sealed, set_seal
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from metaflow.datastore.blobs import Segment
    from metaflow.datastore.store import Buffer, ObjectStore

#: Segments from this size in bytes on are mapped; below it, reading is faster.
MAP_BYTES = 1024 * 1024

_ALTERED = "was altered since it was saved: its content does not fit its hash"


class _Chunk(NamedTuple):
    """A chunk that is being read: where it is and where it goes."""

    reference: str
    start: int
    size: int


def load_segment(store: ObjectStore, segment: Segment) -> Buffer:
    """Read a buffer back.

    Parameters
    ----------
    store : ObjectStore
        Where from.
    segment : Segment
        As `save_segments` returned it.

    Returns
    -------
    bytearray or memoryview
        The bytes, writable and nobody else's. From 1 MB on it is a view of private memory on which local,
        uncompressed chunks are mapped: they are read when touched and copied when written to.

    Raises
    ------
    CorruptedDataException
        If a chunk is missing, cut short or altered.
    DataException
        If the store fails.
    """
    _check_chunks(segment)
    if segment.size < MAP_BYTES:
        target = bytearray(segment.size)
        for reference in segment.chunks:
            _read_chunk(store, reference, memoryview(target))
        return target
    return _load_large(store, segment)


def read_part(store: ObjectStore, segment: Segment, begin: int, end: int) -> Iterator[memoryview]:
    """Read a part of a buffer, with one chunk of it in memory at a time.

    Parameters
    ----------
    store : ObjectStore
        Where from.
    segment : Segment
        As `save_segments` returned it.
    begin, end : int
        Which bytes, as in a slice.

    Raises
    ------
    CorruptedDataException
        If a chunk is missing, cut short or altered.
    DataException
        If the store fails.
    """
    _check_chunks(segment)
    end = min(end, segment.size)
    for start in range(begin // CHUNK_BYTES * CHUNK_BYTES, end, CHUNK_BYTES):
        target = memoryview(bytearray(min(CHUNK_BYTES, segment.size - start)))
        _read_chunk(store, segment.chunks[start // CHUNK_BYTES], target)
        yield target[max(0, begin - start) : end - start]


def _check_chunks(segment: Segment) -> None:
    if len(segment.chunks) != -(-segment.size // CHUNK_BYTES):
        raise CorruptedDataException(
            f"The manifest names {len(segment.chunks)} chunks for {segment.size} bytes, which do not fit together."
        )


def check_chunk(store: ObjectStore, reference: str, size: int) -> None:
    """Read a chunk of `size` uncompressed bytes and compare it with its hash.

    Raises
    ------
    CorruptedDataException
        If it is missing, cut short or altered.
    """
    _read_chunk(store, reference, memoryview(bytearray(size)))


def _load_large(store: ObjectStore, segment: Segment) -> memoryview:
    from metaflow.datastore.mapping import reserve
    from metaflow.datastore.parallel import map_in_threads, threads_for_network

    region = reserve(segment.size)
    view = memoryview(region)
    work = []
    for index, reference in enumerate(segment.chunks):
        start = index * CHUNK_BYTES
        chunk = _Chunk(reference, start, min(CHUNK_BYTES, segment.size - start))
        mapped, trusted = _map_chunk(store, chunk, region, bring=False)
        if not trusted:
            work.append((chunk, mapped))

    def finish(chunk_and_mapped: tuple[_Chunk, bool]) -> None:
        chunk, mapped = chunk_and_mapped
        target = view[chunk.start : chunk.start + chunk.size]
        if mapped and _is_intact(store, chunk, target):
            return
        if store.is_remote:
            mapped, trusted = _map_chunk(store, chunk, region, bring=True)
            if trusted or (mapped and _is_intact(store, chunk, target)):
                return
        _read_chunk(store, chunk.reference, target)

    map_in_threads(finish, work, threads_for_network(CHUNK_BYTES) if store.is_remote else None)
    return view


def _map_chunk(store: ObjectStore, chunk: _Chunk, region: mmap.mmap, bring: bool) -> tuple[bool, bool]:
    """Map an uncompressed chunk from a file of this machine; return whether it was mapped and whether to trust it.

    `bring` says whether it is brought here if there is no such file.
    """
    from metaflow.datastore.mapping import CAN_MAP_OVER, map_over

    reference = chunk.reference
    key = blob_key(reference)
    if reference.endswith(COMPRESSED_SUFFIX) or not CAN_MAP_OVER:
        return False, False
    try:
        path = store.fetch(key, chunk.size if bring else None)
        if path is None:
            return False, False
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except ObjectMissing as error:
        raise missing_chunk(store, reference) from error
    except CorruptedDataException:
        return False, False  # what came was of another size; it is fetched once more
    except FileNotFoundError as error:
        if store.is_remote:
            return False, False  # the copy has been evicted in this moment
        raise missing_chunk(store, reference) from error
    except OSError as error:
        raise file_error("read", key, error) from error
    try:
        found = os.fstat(descriptor)
        if found.st_size != chunk.size and store.is_remote:
            _drop_copy(store, reference)
            return False, False
        _check_size(store, reference, found.st_size, chunk.size)
        map_over(region, chunk.start, descriptor, chunk.size)
    except OSError as error:
        raise file_error("map", path, error) from error
    finally:
        os.close(descriptor)
    return True, chunk.size >= MAP_BYTES and is_sealed(found, reference)


def _is_intact(store: ObjectStore, chunk: _Chunk, content: memoryview) -> bool:
    """Check a mapped chunk; a damaged copy of what is elsewhere is no failure yet, and is dropped."""
    if _fits_hash(chunk.reference, content):
        path = store.fetch(blob_key(chunk.reference)) if store.is_remote else None
        if path is not None:
            set_seal(path, chunk.reference, chunk.size)
        return True
    if not store.is_remote:
        raise _corrupted(store, chunk.reference, _ALTERED)
    _drop_copy(store, chunk.reference)
    return False


def _read_chunk(store: ObjectStore, reference: str, target: memoryview) -> None:
    """Fill `target`, which has the chunk's size, and check what was read."""
    problem = _problem_of_reading(store, reference, target)
    if problem is not None and store.is_remote:
        # It may be the copy on this machine that is damaged, or the way here.
        _drop_copy(store, reference)
        problem = _problem_of_reading(store, reference, target)
        if problem is not None:
            _drop_copy(store, reference)
    if problem is not None:
        raise _corrupted(store, reference, problem)


def _problem_of_reading(store: ObjectStore, reference: str, target: memoryview) -> str | None:
    """Fill `target`; return what is wrong with what was read."""
    key = blob_key(reference)
    is_packed = reference.endswith(COMPRESSED_SUFFIX)
    # Saves having it in memory twice.
    get_into = getattr(store, "get_into", None) if target.nbytes >= MAP_BYTES and not is_packed else None
    try:
        if get_into is not None:
            get_into(key, target)
            return None if _fits_hash(reference, target) else _ALTERED
        stored = store.get(key)
    except ObjectMissing as error:
        raise missing_chunk(store, reference) from error
    except CorruptedDataException:
        return "does not have the size that was saved"
    if is_packed:
        from metaflow.datastore.compression import decompress_into

        if not decompress_into(stored, target):
            return "cannot be decompressed to the size that was saved"
    elif len(stored) != target.nbytes:
        return _wrong_size(len(stored), target.nbytes)
    else:
        target[:] = stored
    return None if _fits_hash(reference, target) else _ALTERED


def _drop_copy(store: ObjectStore, reference: str) -> None:
    from metaflow.datastore.cached import CachedStore

    if isinstance(store, CachedStore):
        store.drop_copy(blob_key(reference))


def _check_size(store: ObjectStore, reference: str, found: int, expected: int) -> None:
    if found != expected:
        raise _corrupted(store, reference, _wrong_size(found, expected))


def _wrong_size(found: int, expected: int) -> str:
    return f"has {found} bytes instead of {expected}"


def _fits_hash(reference: str, content: memoryview) -> bool:
    return blake3(content).hexdigest() == reference.removesuffix(COMPRESSED_SUFFIX)


def missing_chunk(store: ObjectStore, reference: str) -> CorruptedDataException:
    """What is raised where a chunk is not there."""
    return _corrupted(store, reference, "is missing")


def _corrupted(store: ObjectStore, reference: str, problem: str) -> CorruptedDataException:
    from metaflow.datastore.location import name_of_object

    # A large object behind a network that has the right size is taken for the right one when it is saved again.
    remove = "remove it and " if store.is_remote and problem == _ALTERED else ""
    return CorruptedDataException(
        f"The stored chunk {name_of_object(store, blob_key(reference))} {problem}. "
        f"Restore it from a backup, or {remove}run the step that made it again: saving the same data repairs it."
    )
