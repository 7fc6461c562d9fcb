"""Content-addressed bytes: buffers as chunks that are stored once; :mod:`metaflow.datastore.blob_reading` reads them.

A *segment* is one buffer, cut into chunks. A chunk's *reference* is the BLAKE3 hash of its bytes, with
``.zst`` behind it if they are stored compressed; under a bare reference the store has exactly the bytes, so
that they can be mapped.

A chunk that exists already is only counted as present while its *seal* holds (:mod:`metaflow.datastore.seal`);
otherwise it is written anew, so that damage is never built upon. If it is not fresh, it is refreshed, so that nobody
removes it before the manifest says that it is needed; see :mod:`metaflow.datastore.freshness`.

In a store behind a network, whether a chunk is there is asked only if it is large: a small one is written sooner than
that.
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from metaflow.datastore.store import Buffer, ObjectStore

#: Bytes in every chunk of a segment but the last. Part of the format: manifests do not repeat it.
CHUNK_BYTES = 16 * 1024 * 1024

# Below this, starting threads costs more than they save.
_PARALLEL_BYTES = 4 * 1024 * 1024
# From this size on, asking a store behind a network for a chunk is cheaper than writing it.
_ASK_BYTES = 1024 * 1024


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
            from metaflow.datastore.blob_reading import missing_chunk

            raise missing_chunk(store, reference) from error
        store.put(key, [content])
