"""What a datastore holds, run by run: read from the files themselves, never from the index."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from metaflow.client.upkeep.many_objects import read_each
from metaflow.datastore.chunk_references import chunk_references
from metaflow.datastore.layout import is_name, parse_manifest_key, parse_run_key, runs_prefix
from metaflow.datastore.live_tasks import STATE
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.records import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from metaflow.datastore.store import ObjectStore

    #: Flow and id of a run.
    RunName: TypeAlias = tuple[str, str]

#: Bytes of a hash; the hashes of a run stand one behind the other, which takes a third of what a set of them would.
_HASH_BYTES = 32
_RECORD, _TOMBSTONE, _READERS, _TAGS = "run.json", "deleting.json", "reading-runs/", "user-tags/"
_IMPORT, _LIVE, _CANCEL = "import.json", "live-tasks/", "live-tasks/cancel.json"


class StoredRun:
    """What a datastore holds of a run.

    Attributes
    ----------
    name : tuple of (str, str)
        Flow and id.
    files, size : int
        Objects that are its alone, and their bytes: records, manifests, logs, cards.
    newest : float
        When the last of them was written, in seconds since the epoch; notes of others in its folder do not count.
    record : RunRecord or None
        What its own file says; None if it has none, or that cannot be read.
    is_being_deleted : bool
        Whether a deletion of it was begun.
    is_being_imported : bool
        Whether results of it are being copied from elsewhere, or that did not come to an end.
    has_results : bool
        Whether any of its tasks left something.
    has_tag_changes : bool
        Whether its tags were changed after it began.
    has_live_tasks : bool
        Whether tasks of it said that they run on other machines, and nobody has taken note of their end.
    damaged : list of (str, str)
        Keys of its record and of manifests that cannot be read, and why.
    """

    __slots__ = (
        *("_chunks", "_hashes", "damaged", "files", "has_results", "has_tag_changes", "is_being_deleted", "name"),
        *("has_live_tasks", "is_being_imported", "newest", "record", "size"),
    )

    def __init__(self, name: RunName) -> None:
        self.name = name
        self.files = 0
        self.size = 0
        self.newest = 0.0
        self.record: RunRecord | None = None
        self.is_being_deleted = False
        self.is_being_imported = False
        self.has_results = False
        self.has_tag_changes = False
        self.has_live_tasks = False
        self.damaged: list[tuple[str, str]] = []
        self._chunks: set[bytes] = set()
        self._hashes = b""

    @property
    def is_of_unknown_age(self) -> bool:
        """Whether it has a record that cannot be read, and nobody asked for its deletion."""
        of_record = any(key.endswith(f"/{_RECORD}") for key, _ in self.damaged)
        return self.record is None and of_record and not self.is_being_deleted

    @property
    def pathspec(self) -> str:
        """Flow and id as people write them."""
        return "/".join(self.name)

    def hashes(self) -> Iterator[bytes]:
        """Hashes of the chunks that its results refer to, each once."""
        self.compact()
        for start in range(0, len(self._hashes), _HASH_BYTES):
            yield self._hashes[start : start + _HASH_BYTES]

    def compact(self) -> None:
        """Keep what was read in as little memory as possible."""
        if self._chunks:
            self._chunks.update(
                self._hashes[start : start + _HASH_BYTES] for start in range(0, len(self._hashes), _HASH_BYTES)
            )
            self._hashes = b"".join(self._chunks)
            self._chunks = set()

    def read(self, key: str, content: bytes | DataException) -> None:
        """Take in the content of its record or of a manifest."""
        if isinstance(content, ObjectMissing):
            return  # it was removed since it was listed
        try:
            if isinstance(content, DataException):
                raise content
            if key.endswith(f"/{_RECORD}"):
                self.record = _record(content, self.name)
            elif key.endswith(f"/{_IMPORT}"):
                self.is_being_imported = b'"complete":true' not in content
            else:
                self._chunks.update(map(hash_of, chunk_references(content, key)))
        except (DataException, MetadataException) as error:
            self.damaged.append((key, error.message))


class Inventory(NamedTuple):
    """What a datastore holds.

    Attributes
    ----------
    runs : dict of (str, str) to StoredRun
        By flow and id.
    taken_at : float
        When reading it began, in seconds since the epoch.
    """

    runs: dict[RunName, StoredRun]
    taken_at: float

    def live(self, without: Iterable[RunName] = ()) -> set[bytes]:
        """Hashes of all chunks that runs other than these refer to."""
        left_out = set(without)
        return {found for name, run in self.runs.items() if name not in left_out for found in run.hashes()}

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """Manifests that cannot be read, and why: nobody knows which chunks they refer to."""
        return [
            (key, problem)
            for run in self.runs.values()
            if not run.is_being_deleted
            for key, problem in run.damaged
            if parse_manifest_key(key) is not None
        ]


def survey(
    store: ObjectStore, runs: Iterable[RunName] | None = None, progress: Callable[[int], None] | None = None
) -> Inventory:
    """Read what a datastore holds.

    Parameters
    ----------
    store : ObjectStore
    runs : iterable of (str, str), optional
        Only these runs; all if not given.
    progress : callable, optional
        Told now and then how many runs were met.

    Raises
    ------
    DataException
        If the store fails.
    """
    taken_at = time.time()
    found: dict[RunName, StoredRun] = {}
    prefixes = [runs_prefix()] if runs is None else [runs_prefix(*name) for name in runs]
    last: StoredRun | None = None
    for key, content in read_each(store, _keys_to_read(store, prefixes, found)):
        flow, run_id, _ = parse_run_key(key) or ("", "", "")
        run = found[flow, run_id]
        run.read(key, content)
        if run is not last:
            if last is not None:
                last.compact()
            last = run
            if progress is not None:
                progress(len(found))
    return Inventory(found, taken_at)


def names_of_runs(store: ObjectStore, flow: str | None = None) -> Iterator[RunName]:
    """Give flow and id of all runs that have a folder, or of those of a flow; in order.

    Raises
    ------
    DataException
        If the store fails.
    """
    flows = [flow] if flow is not None else sorted(filter(is_name, store.list(runs_prefix(), folders=True)))
    for each in flows:
        for run_id in sorted(filter(is_name, store.list(runs_prefix(each), folders=True))):
            yield each, run_id


def hash_of(reference: str) -> bytes:
    """The hash in the reference of a chunk, whether that is stored compressed or not.

    Raises
    ------
    DataException
        If it is no reference.
    """
    try:
        found = bytes.fromhex(reference[: 2 * _HASH_BYTES])
    except ValueError:
        found = b""
    if len(found) != _HASH_BYTES:
        raise DataException(f"it refers to {reference!r}, which cannot be a chunk")
    return found


def _keys_to_read(store: ObjectStore, prefixes: Iterable[str], found: dict[RunName, StoredRun]) -> Iterator[str]:
    """Note in `found` what each run has; give the keys of what must be read to know more."""
    for prefix in prefixes:
        for each in store.scan(prefix):
            parsed = parse_run_key(each.key)
            if parsed is None:
                continue
            flow, run_id, rest = parsed
            run = found.get((flow, run_id))
            if run is None:
                if not (is_name(flow) and is_name(run_id)):
                    continue  # what others put there
                run = found[flow, run_id] = StoredRun((flow, run_id))
            run.files += 1
            run.size += each.size
            if rest not in (_TOMBSTONE, _CANCEL) and not rest.startswith(_READERS):
                run.newest = max(run.newest, each.modified_at)
            if rest == _TOMBSTONE:
                run.is_being_deleted = True
            elif rest.startswith(_TAGS):
                run.has_tag_changes = True
            elif rest.startswith(_LIVE):
                run.has_live_tasks = run.has_live_tasks or rest.endswith(f".{STATE}")
            elif rest in (_RECORD, _IMPORT):
                yield each.key
            elif parse_manifest_key(each.key) is not None:
                run.has_results = True
                yield each.key


def _record(content: bytes, name: RunName) -> RunRecord:
    try:
        plain = json.loads(content)
        if not isinstance(plain, dict):
            raise ValueError("it is not one JSON object")
    except ValueError as error:
        raise MetadataException(f"it is no record of a run: {error}") from error
    # A graph can be large, and nobody who counts runs looks at it.
    record = RunRecord.from_dict({key: value for key, value in plain.items() if key != "graph"})
    if (record.flow, record.run_id) != name:
        raise MetadataException(f"it says that it belongs to the run {record.flow}/{record.run_id}")
    return record
