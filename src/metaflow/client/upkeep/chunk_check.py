"""Checking the chunks that the results of runs are made of."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from metaflow.client.upkeep.findings import Finding
from metaflow.client.upkeep.many_objects import each
from metaflow.datastore.blob_reading import check_chunk
from metaflow.datastore.freshness import BlobLock, grace_seconds
from metaflow.datastore.layout import COMPRESSED_SUFFIX, blob_key, blobs_prefix, parse_blob_key
from metaflow.datastore.local import local_file
from metaflow.datastore.parallel import map_in_threads
from metaflow.datastore.seal import is_sealed, set_seal
from metaflow.exception import CorruptedDataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metaflow.datastore.store import ObjectStore, StoredObject

#: Chunks that are read before progress is told.
_CHUNKS_PER_ROUND = 32
_HASH_BYTES = 32


class ChunkCheck:
    """Compares the chunks that there should be with those that there are.

    Parameters
    ----------
    store : ObjectStore
    hashes : bool
        Read all of them, and compare them with their hashes; otherwise only those that may have been altered.

    Attributes
    ----------
    seen, size : int
        Chunks that were looked at, and their bytes.
    hashed : int
        Those that were read.
    bad : dict of str to str
        References of chunks that are not as they should be, and what is wrong with them.
    """

    def __init__(self, store: ObjectStore, hashes: bool) -> None:
        self._store = store
        self._hashes = hashes
        # Uncompressed sizes by reference, which takes half the memory as bytes.
        self._expected: dict[bytes, int] = {}
        self._to_read: list[tuple[str, int]] = []
        self._unsealed: list[str] = []
        self._orphans = [0, 0]
        self.seen = 0
        self.size = 0
        self.hashed = 0
        self.bad: dict[str, str] = {}

    def expect(self, chunks: dict[str, int]) -> None:
        """Have chunks checked: their uncompressed sizes in bytes, by reference."""
        for reference, size in chunks.items():
            self._expected[_packed(reference)] = size

    def check(self, with_orphans: bool, repair: bool, say: Callable[[str], None]) -> Iterator[Finding]:
        """Look at all that was expected; fills `bad`, and gives what else there is to say.

        Parameters
        ----------
        with_orphans : bool
            Look also for chunks that nobody expects.
        repair : bool
            Say of chunks that are found intact that they are; have damaged ones replaced when they are next saved.
        say : callable
            Told now and then what is being done, in words.
        """
        missing = dict(self._expected)
        for found in self._found(with_orphans):
            reference = parse_blob_key(found.key)
            packed = None if reference is None else _packed(reference)
            if reference is None or packed is None or packed not in missing:
                self._count_orphan(found, reference)
                continue
            self._look(found, reference, missing.pop(packed))
            self.seen, self.size = self.seen + 1, self.size + found.size
            if self.seen % 1000 == 0:
                say(f"{self.seen:,} of {len(self._expected):,} chunks looked at")
        for packed in missing:
            reference = _unpacked(packed)
            # A second look: it may have been replaced in that moment, by a writer that found it damaged.
            if self._store.stat(blob_key(reference)) is None:
                self.bad[reference] = "is missing"
        self._read(repair, say)
        yield from self._resealed(repair)
        if self._orphans[0]:
            yield Finding(
                "litter",
                f"{self._orphans[0]:,} chunks",
                f"of {self._orphans[1]:,} bytes that no run needs",
                (),
                "`metaflow gc` removes them",
            )

    def _found(self, with_orphans: bool) -> Iterator[StoredObject]:
        if with_orphans:
            return self._store.scan(blobs_prefix())
        keys = [blob_key(_unpacked(packed)) for packed in self._expected]
        return (found for found in each(self._store, self._store.stat, keys) if found is not None)

    def _count_orphan(self, found: StoredObject, reference: str | None) -> None:
        # Who refers to a younger one may not have said so yet.
        if reference is not None and time.time() - found.modified_at > grace_seconds(self._store):
            self._orphans[0] += 1
            self._orphans[1] += found.size

    def _look(self, found: StoredObject, reference: str, size: int) -> None:
        is_compressed = reference.endswith(COMPRESSED_SUFFIX)
        if not is_compressed and found.size != size:
            self.bad[reference] = f"has {found.size:,} bytes instead of {size:,}"
            return
        if not found.size and size:
            self.bad[reference] = "is empty"
            return
        path = local_file(self._store, found.key)
        sealed = True
        if path is not None:
            try:
                sealed = is_sealed(os.stat(path), reference)
            except FileNotFoundError:
                self.bad[reference] = "is missing"
                return
        if not sealed:
            self._unsealed.append(reference)
        if self._hashes or not sealed:
            self._to_read.append((reference, size))

    def _read(self, repair: bool, say: Callable[[str], None]) -> None:
        """Compare chunks with their hashes, several at a time."""

        def problem(work: tuple[str, int]) -> str | None:
            reference, size = work
            try:
                check_chunk(self._store, reference, size)
            except CorruptedDataException as error:
                return error.message
            return None

        for start in range(0, len(self._to_read), _CHUNKS_PER_ROUND):
            some = self._to_read[start : start + _CHUNKS_PER_ROUND]
            for (reference, _), found in zip(some, map_in_threads(problem, some), strict=True):
                if found is not None:
                    self.bad[reference] = "was altered: its content does not fit its hash"
                    if repair:
                        self._break_seal(reference)
            self.hashed += len(some)
            say(f"{self.hashed:,} of {len(self._to_read):,} chunks read")

    def _break_seal(self, reference: str) -> None:
        """Whoever saves the same again shall not take the damaged chunk for what it should be."""
        path = local_file(self._store, blob_key(reference))
        if path is not None and is_sealed(found := os.stat(path), reference):
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))

    def _resealed(self, repair: bool) -> Iterator[Finding]:
        intact = [reference for reference in self._unsealed if reference not in self.bad]
        if not intact:
            return
        if repair:
            for reference in intact:
                path = local_file(self._store, blob_key(reference))
                assert path is not None
                with BlobLock(self._store, reference):
                    set_seal(path, reference, path.stat().st_size)
        yield Finding(
            "wrong",
            f"{len(intact):,} chunks",
            "are intact, but have lost the mark that says so (they were copied or touched), so they are read slowly",
            (),
            "`metaflow verify --repair` marks them again",
            repair,
        )


def _packed(reference: str) -> bytes:
    ending = b"z" if reference.endswith(COMPRESSED_SUFFIX) else b""
    return bytes.fromhex(reference.removesuffix(COMPRESSED_SUFFIX)) + ending


def _unpacked(packed: bytes) -> str:
    return packed[:_HASH_BYTES].hex() + (COMPRESSED_SUFFIX if len(packed) > _HASH_BYTES else "")
