"""Content-addressed bytes: buffers as chunks that are stored once and read without copying.

A *segment* is one buffer, cut into chunks. A chunk's *reference* is the BLAKE3 hash of its bytes, with
``.zst`` behind it if they are stored compressed; under a bare reference the store has exactly the bytes, so
that they can be mapped.

Two things keep the cost of integrity away from large arrays. Every chunk is checked against its hash when it
is read, except a large uncompressed one in a local file that carries its *seal*: when a chunk is written, the
fraction of a second of its file's modification time is set to a value that follows from hash and size.
Whoever alters the file later changes that time, breaks the seal, and the chunk is hashed again. And a chunk
that exists already is only counted as present while its seal holds; otherwise it is written anew, so that
damage is never built upon.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from blake3 import blake3

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import COMPRESSED_SUFFIX, blob_key
from metaflow.datastore.local import local_file
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer, ObjectStore

#: Bytes in every chunk of a segment but the last. Part of the format: manifests do not repeat it.
CHUNK_BYTES = 16 * 1024 * 1024
#: Segments from this size in bytes on are mapped; below it, reading is faster.
MAP_BYTES = 1024 * 1024

# Below this, starting threads costs more than they save.
_PARALLEL_BYTES = 4 * 1024 * 1024
_SECOND = 1_000_000_000
# Some file systems and archive formats keep only microseconds.
_SEAL_STEP = 1_000


class Segment(NamedTuple):
    """Where one buffer is stored.

    Attributes
    ----------
    size : int
        Uncompressed bytes.
    chunks : tuple of str
        References, in order.
    """

    size: int
    chunks: tuple[str, ...]


class _Chunk(NamedTuple):
    """A chunk that is being read: where it is and where it goes."""

    reference: str
    start: int
    size: int
    mapped: bool


def save_segments(store: ObjectStore, buffers: Sequence[Buffer]) -> list[Segment]:
    """Store buffers, in parallel if they are large; chunks that exist already are not written again.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    buffers : sequence of bytes-like
        Contiguous memory, which nothing may change meanwhile.

    Returns
    -------
    list of Segment
        One for each buffer.

    Raises
    ------
    DataException
        If the store fails.
    """
    from metaflow.datastore.parallel import map_in_threads

    cuts = [_cut(buffer) for buffer in buffers]
    chunks = [chunk for cut in cuts for chunk in cut]

    def save(chunk: memoryview) -> str:
        return _save_chunk(store, chunk)

    if sum(chunk.nbytes for chunk in chunks) < _PARALLEL_BYTES:
        references = iter([save(chunk) for chunk in chunks])
    else:
        references = iter(map_in_threads(save, chunks))
    return [Segment(sum(chunk.nbytes for chunk in cut), tuple(next(references) for _ in cut)) for cut in cuts]


def save_stream(store: ObjectStore, chunks: Iterable[Buffer]) -> Segment:
    """Store a buffer that comes piece by piece, a few of them at a time in parallel.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    chunks : iterable of bytes-like
        Each of `CHUNK_BYTES` but the last, which may be shorter.

    Returns
    -------
    Segment
        Where all of it is.

    Raises
    ------
    DataException
        If the store fails. What the iterable raises passes through.
    """
    from itertools import islice

    from metaflow.datastore.parallel import MAXIMUM_THREADS, map_in_threads

    def save(chunk: Buffer) -> str:
        return _save_chunk(store, memoryview(chunk))

    size = 0
    references: list[str] = []
    remaining = iter(chunks)
    while batch := list(islice(remaining, MAXIMUM_THREADS)):
        size += sum(map(len, batch))
        references += map_in_threads(save, batch)
        batch.clear()  # before the next ones are read
    return Segment(size, tuple(references))


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
        The bytes, writable and nobody else's. From 1 MiB on it is a view of private memory on which local,
        uncompressed chunks are mapped: they are read when touched and copied when written to.

    Raises
    ------
    CorruptedDataException
        If a chunk is missing, cut short or altered.
    DataException
        If the store fails.
    """
    if len(segment.chunks) != -(-segment.size // CHUNK_BYTES):
        raise CorruptedDataException(
            f"The manifest names {len(segment.chunks)} chunks for {segment.size} bytes, which do not fit together."
        )
    if segment.size < MAP_BYTES:
        target = bytearray(segment.size)
        for reference in segment.chunks:
            _read_chunk(store, reference, memoryview(target))
        return target
    return _load_large(store, segment)


def _cut(buffer: Buffer) -> list[memoryview]:
    view = memoryview(buffer).cast("B")
    return [view[start : start + CHUNK_BYTES] for start in range(0, view.nbytes, CHUNK_BYTES)]


def _save_chunk(store: ObjectStore, chunk: memoryview) -> str:
    digest = blake3(chunk).hexdigest()
    packed_reference = digest + COMPRESSED_SUFFIX
    for reference, size in ((digest, chunk.nbytes), (packed_reference, None)):
        if _is_present(store, reference, size):
            return reference
    from metaflow.datastore.compression import compress

    packed = compress(chunk)
    reference, data = (digest, chunk) if packed is None else (packed_reference, packed)
    key = blob_key(reference)
    store.put(key, [data])
    path = local_file(store, key)
    if path is not None:
        _set_seal(path, reference, len(data))
    return reference


def _is_present(store: ObjectStore, reference: str, size: int | None) -> bool:
    """Say whether the store has the chunk unharmed; `size` is that of the stored bytes, if known."""
    key = blob_key(reference)
    path = local_file(store, key)
    if path is None:
        stored = store.stat(key)
        return stored is not None and size in (None, stored.size)
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise file_error("read", path, error) from error
    return size in (None, found.st_size) and _is_sealed(found, reference)


def _seal(reference: str, size: int) -> int:
    """Return the nanoseconds within the second of the modification time of an unharmed chunk's file."""
    return (int(reference[:12], 16) + size) % (_SECOND // _SEAL_STEP) * _SEAL_STEP


def _set_seal(path: Path, reference: str, size: int) -> None:
    from time import time_ns

    modified = time_ns() // _SECOND * _SECOND + _seal(reference, size)
    try:
        os.utime(path, ns=(modified, modified))
    except PermissionError:
        # A file system that lets no one set times. Unsealed chunks are only slower: they are hashed when
        # read.
        return
    except OSError as error:
        raise file_error("set the modification time of", path, error) from error


def _is_sealed(found: os.stat_result, reference: str) -> bool:
    return found.st_mtime_ns % _SECOND == _seal(reference, found.st_size)


def _load_large(store: ObjectStore, segment: Segment) -> memoryview:
    from metaflow.datastore.mapping import reserve
    from metaflow.datastore.parallel import map_in_threads

    region = reserve(segment.size)
    view = memoryview(region)
    work = []
    for index, reference in enumerate(segment.chunks):
        start = index * CHUNK_BYTES
        size = min(CHUNK_BYTES, segment.size - start)
        mapped, trusted = _map_chunk(store, reference, region, start, size)
        if not trusted:
            work.append(_Chunk(reference, start, size, mapped))

    def finish(chunk: _Chunk) -> None:
        target = view[chunk.start : chunk.start + chunk.size]
        if chunk.mapped:
            _check_hash(store, chunk.reference, target)
        else:
            _read_chunk(store, chunk.reference, target)

    map_in_threads(finish, work)
    return view


def _map_chunk(store: ObjectStore, reference: str, region: mmap.mmap, start: int, size: int) -> tuple[bool, bool]:
    """Map an uncompressed local chunk; return whether it was mapped and whether it can be trusted."""
    from metaflow.datastore.mapping import CAN_MAP_OVER, map_over

    key = blob_key(reference)
    if reference.endswith(COMPRESSED_SUFFIX) or not CAN_MAP_OVER:
        return False, False
    try:
        path = store.fetch(key)
        if path is None:
            return False, False
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ObjectMissing) as error:
        raise _missing(store, reference) from error
    except OSError as error:
        raise file_error("read", key, error) from error
    try:
        found = os.fstat(descriptor)
        _check_size(store, reference, found.st_size, size)
        map_over(region, start, descriptor, size)
    except OSError as error:
        raise file_error("map", path, error) from error
    finally:
        os.close(descriptor)
    return True, size >= MAP_BYTES and _is_sealed(found, reference)


def _read_chunk(store: ObjectStore, reference: str, target: memoryview) -> None:
    """Fill `target`, which has the chunk's size, and check what was read."""
    try:
        stored = store.get(blob_key(reference))
    except ObjectMissing as error:
        raise _missing(store, reference) from error
    if reference.endswith(COMPRESSED_SUFFIX):
        from metaflow.datastore.compression import decompress_into

        if not decompress_into(stored, target):
            raise _corrupted(store, reference, "cannot be decompressed to the size that was saved")
    else:
        _check_size(store, reference, len(stored), target.nbytes)
        target[:] = stored
    _check_hash(store, reference, target)


def _check_size(store: ObjectStore, reference: str, found: int, expected: int) -> None:
    if found != expected:
        raise _corrupted(store, reference, f"has {found} bytes instead of {expected}")


def _check_hash(store: ObjectStore, reference: str, content: memoryview) -> None:
    if blake3(content).hexdigest() != reference.removesuffix(COMPRESSED_SUFFIX):
        raise _corrupted(store, reference, "was altered since it was saved: its content does not fit its hash")


def _missing(store: ObjectStore, reference: str) -> CorruptedDataException:
    return _corrupted(store, reference, "is missing")


def _corrupted(store: ObjectStore, reference: str, problem: str) -> CorruptedDataException:
    key = blob_key(reference)
    return CorruptedDataException(
        f"The stored chunk {local_file(store, key) or key} {problem}. "
        "Restore it from a backup, or run the step that made it again: saving the same data repairs it."
    )
