"""Content-addressed bytes: buffers as chunks that are stored once and read without copying.

A *segment* is one buffer, cut into chunks. A chunk's *reference* is the BLAKE3 hash of its bytes, with
``.zst`` behind it if they are stored compressed; under a bare reference the store has exactly the bytes, so
that they can be mapped.

Two things keep the cost of integrity away from large arrays. Every chunk is checked against its hash when it
is read, except a large uncompressed one in a file of this machine, be it the object itself or a copy of one that is
elsewhere, that carries its *seal* (:mod:`metaflow.datastore.seal`). And a chunk that exists already is only counted as
present while its seal holds; otherwise it is written anew, so that damage is never built upon. If
it is not fresh, it is refreshed, so that nobody removes it before the manifest says that it is needed; see
:mod:`metaflow.datastore.freshness`.

In a store behind a network, whether a chunk is there is asked only if it is large: a small one is written sooner than
that. What comes from there is hashed once; if it is damaged, it is fetched once more.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from blake3 import blake3

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.freshness import BlobLock, is_fresh
from metaflow.datastore.layout import COMPRESSED_SUFFIX, blob_key
from metaflow.datastore.local import local_file
from metaflow.datastore.seal import is_sealed, set_seal
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from metaflow.datastore.store import Buffer, ObjectStore

#: Bytes in every chunk of a segment but the last. Part of the format: manifests do not repeat it.
CHUNK_BYTES = 16 * 1024 * 1024
#: Segments from this size in bytes on are mapped; below it, reading is faster.
MAP_BYTES = 1024 * 1024

# Below this, starting threads costs more than they save.
_PARALLEL_BYTES = 4 * 1024 * 1024
# From this size on, asking a store behind a network for a chunk is cheaper than writing it.
_ASK_BYTES = 1024 * 1024
_ALTERED = "was altered since it was saved: its content does not fit its hash"


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


def save_segments(
    store: ObjectStore, buffers: Sequence[Buffer], background: Callable[[int, Callable[[], None]], None] | None = None
) -> list[Segment]:
    """Store buffers, in parallel if they are large; chunks that exist already are not written again.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    buffers : sequence of bytes-like
        Contiguous memory, which nothing may change meanwhile.
    background : callable, optional
        For a store behind a network: takes the bytes and the work of each upload, and sees to it that it is done. The
        buffers must stay as they are until then.

    Returns
    -------
    list of Segment
        One for each buffer.

    Raises
    ------
    DataException
        If the store fails.
    """
    cuts = [_cut(buffer) for buffer in buffers]
    chunks = [chunk for cut in cuts for chunk in cut]
    references = iter(
        _save_chunks(store, chunks) if background is None else _save_in_background(store, chunks, background)
    )
    return [Segment(sum(chunk.nbytes for chunk in cut), tuple(next(references) for _ in cut)) for cut in cuts]


def _save_chunks(store: ObjectStore, chunks: Sequence[memoryview]) -> list[str]:
    from metaflow.datastore.parallel import map_in_threads, threads_for_network

    def save(chunk: memoryview) -> str:
        return _save_chunk(store, chunk)

    if store.is_remote:
        return map_in_threads(save, chunks, threads_for_network(CHUNK_BYTES))
    if sum(chunk.nbytes for chunk in chunks) < _PARALLEL_BYTES:
        return [save(chunk) for chunk in chunks]
    return map_in_threads(save, chunks)


def _save_in_background(
    store: ObjectStore, chunks: Sequence[memoryview], background: Callable[[int, Callable[[], None]], None]
) -> list[str]:
    """Hash and compress here, a few chunks at a time; have them written elsewhere meanwhile."""
    from functools import partial

    from metaflow.datastore.parallel import MAXIMUM_THREADS, map_in_threads

    references: list[str] = []
    count = min(MAXIMUM_THREADS, os.cpu_count() or 1)
    for start in range(0, len(chunks), count):
        for reference, data in map_in_threads(_pack, chunks[start : start + count]):
            references.append(reference)
            background(memoryview(data).nbytes, partial(_write, store, reference, data))
    return references


def save_stream(store: ObjectStore, chunks: Iterable[Buffer], as_is: bool = False) -> Segment:
    """Store a buffer that comes piece by piece, a few of them at a time in parallel.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    chunks : iterable of bytes-like
        Each of `CHUNK_BYTES` but the last, which may be shorter.
    as_is : bool
        Whether no chunk is to be compressed, for readers that know nothing of Zstandard.

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

    from metaflow.datastore.parallel import MAXIMUM_THREADS, map_in_threads, threads_for_network

    def save(chunk: Buffer) -> str:
        return _save_chunk(store, memoryview(chunk), as_is)

    threads = threads_for_network(CHUNK_BYTES) if store.is_remote else None

    size = 0
    references: list[str] = []
    remaining = iter(chunks)
    while batch := list(islice(remaining, MAXIMUM_THREADS)):
        size += sum(map(len, batch))
        references += map_in_threads(save, batch, threads)
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


def _cut(buffer: Buffer) -> list[memoryview]:
    view = memoryview(buffer).cast("B")
    return [view[start : start + CHUNK_BYTES] for start in range(0, view.nbytes, CHUNK_BYTES)]


def _save_chunk(store: ObjectStore, chunk: memoryview, as_is: bool = False) -> str:
    if store.is_remote:
        reference, data = (blake3(chunk).hexdigest(), chunk) if as_is else _pack(chunk)
        _write(store, reference, data)
        return reference
    digest = blake3(chunk).hexdigest()
    with BlobLock(store, digest):
        return _save_under(store, chunk, digest, as_is)


def _save_under(store: ObjectStore, chunk: memoryview, digest: str, as_is: bool) -> str:
    if _is_present(store, digest, chunk.nbytes):
        return digest
    packed_reference = digest + COMPRESSED_SUFFIX
    if not as_is and _is_present(store, packed_reference, None):
        return packed_reference
    reference, data = (digest, chunk) if as_is else _packed(digest, chunk)
    _put(store, reference, data)
    return reference


def _pack(chunk: memoryview) -> tuple[str, Buffer]:
    """Reference and stored form of a chunk."""
    return _packed(blake3(chunk).hexdigest(), chunk)


def _packed(digest: str, chunk: memoryview) -> tuple[str, Buffer]:
    from metaflow.datastore.compression import compress

    packed = compress(chunk)
    return (digest, chunk) if packed is None else (digest + COMPRESSED_SUFFIX, packed)


def _write(store: ObjectStore, reference: str, data: Buffer) -> None:
    """Write a chunk to a store behind a network, unless it is so large that it pays to ask, and is there."""
    size = memoryview(data).nbytes
    if size < _ASK_BYTES or not _is_present(store, reference, size):
        _put(store, reference, data)


def _put(store: ObjectStore, reference: str, data: Buffer) -> None:
    key = blob_key(reference)
    store.put(key, [data])
    path = store.fetch(key)
    if path is not None:
        set_seal(path, reference, memoryview(data).nbytes)


def _is_present(store: ObjectStore, reference: str, size: int | None) -> bool:
    """Say whether the store has the chunk unharmed and fresh; `size` is that of the stored bytes, if known."""
    key = blob_key(reference)
    path = local_file(store, key)
    if path is None:
        stored = store.stat(key)
        return stored is not None and size in (None, stored.size) and is_fresh(store, stored.modified_at)
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise file_error("read", path, error) from error
    if size not in (None, found.st_size) or not is_sealed(found, reference):
        return False
    return is_fresh(store, found.st_mtime) or set_seal(path, reference, found.st_size)


def refresh(store: ObjectStore, reference: str) -> None:
    """Keep a chunk that is there already for a manifest that is still to be written.

    Raises
    ------
    CorruptedDataException
        If it is not there.
    """
    with BlobLock(store, reference):
        if _is_present(store, reference, None):
            return
        key = blob_key(reference)
        try:
            content = store.get(key)
        except ObjectMissing as error:
            raise _missing(store, reference) from error
        store.put(key, [content])


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
        raise _missing(store, reference) from error
    except CorruptedDataException:
        return False, False  # what came was of another size; it is fetched once more
    except FileNotFoundError as error:
        if store.is_remote:
            return False, False  # the copy has been evicted in this moment
        raise _missing(store, reference) from error
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
        raise _missing(store, reference) from error
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


def _missing(store: ObjectStore, reference: str) -> CorruptedDataException:
    return _corrupted(store, reference, "is missing")


def _corrupted(store: ObjectStore, reference: str, problem: str) -> CorruptedDataException:
    from metaflow.datastore.location import name_of_object

    # A large object behind a network that has the right size is taken for the right one when it is saved again.
    remove = "remove it and " if store.is_remote and problem == _ALTERED else ""
    return CorruptedDataException(
        f"The stored chunk {name_of_object(store, blob_key(reference))} {problem}. "
        f"Restore it from a backup, or {remove}run the step that made it again: saving the same data repairs it."
    )
