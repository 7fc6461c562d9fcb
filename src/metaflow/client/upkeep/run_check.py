"""Checking the files of one run: its record, the manifests of its tasks, their logs."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from metaflow.client.recovery import stored_run
from metaflow.client.run_commands import resume_command, start_in, started_with
from metaflow.client.upkeep.findings import Finding
from metaflow.client.upkeep.many_objects import read_each
from metaflow.client.upkeep.run_life import life_of
from metaflow.datastore.blobs import CHUNK_BYTES
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import parse_manifest_key, run_key, runs_prefix
from metaflow.datastore.local import local_file
from metaflow.datastore.manifest import Manifest
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException, DataException, MetadataException
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sql_queries import PARAMETERS_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from metaflow.client.run_commands import StartedWith
    from metaflow.client.upkeep.inventory import RunName
    from metaflow.client.upkeep.run_life import Life
    from metaflow.datastore.layout import AttemptKey
    from metaflow.datastore.store import ObjectStore, StoredObject
    from metaflow.metadata_store.store import MetadataStore

    #: Step, task id and number of an attempt.
    Attempt: TypeAlias = tuple[str, str, int]

#: Manifests are there before the record of a run that is being imported. Seconds after which that cannot be.
_IMPORT_SECONDS = 3600.0


class RunCheck:
    """What the files of a run say, and what is wrong with them.

    Parameters
    ----------
    store : ObjectStore
    index : MetadataStore
        What to rebuild its record from, and where its heartbeats go.
    name : tuple of (str, str)
        Flow and id.
    objects : sequence of StoredObject
        All that it has.

    Attributes
    ----------
    record : RunRecord or None
        What its own file says.
    life : str
        See :func:`~metaflow.client.upkeep.run_life.life_of`; ``over`` if its file cannot be read.
    attempts : dict of (str, str, int) to TaskRecord
        Attempts of tasks that left a result that can be read.
    damaged_attempts : set of (str, str, int)
        Those of which it cannot.
    chunks : dict of str to int
        References of the chunks that its results are made of, and their uncompressed sizes in bytes.
    """

    def __init__(
        self, store: ObjectStore, index: MetadataStore, name: RunName, objects: Sequence[StoredObject]
    ) -> None:
        self._store = store
        self._index = index
        self._objects = objects
        self.name = name
        self.record: RunRecord | None = None
        #: The command that started it, as soon as that was read.
        self._started: StartedWith | None = None
        self.life: Life = "over"
        self.attempts: dict[Attempt, TaskRecord] = {}
        self.damaged_attempts: set[Attempt] = set()
        self.chunks: dict[str, int] = {}

    @property
    def pathspec(self) -> str:
        """Flow and id as people write them."""
        return "/".join(self.name)

    @property
    def manifests(self) -> list[str]:
        """Keys of the manifests of its tasks."""
        return [found.key for found in self._store.scan(runs_prefix(*self.name)) if parse_manifest_key(found.key)]

    def forget_contents(self) -> None:
        """Keep only what is needed to tell of it, when all of it was looked at."""
        self._objects = ()
        self.attempts = {}
        self.damaged_attempts = set()
        self.chunks = {}
        if self.record is not None:
            self.record = self.record._replace(graph=None)

    def findings(self, deep: bool, repair: bool) -> Iterator[Finding]:
        """Read its files, and give what is wrong with them.

        Parameters
        ----------
        deep : bool
            Read also the logs that are behind a network.
        repair : bool
            Set right what can be.
        """
        newest = max((found.modified_at for found in self._objects), default=0.0)
        yield from self._read_record(newest, repair)
        if self.record is not None:
            self.life = life_of(self.record, newest, self._index)
        yield from self._read_manifests()
        if self.life in ("over", "dead"):
            yield from self._torn_logs(deep)

    def again(self, attempt: Attempt | None) -> str:
        """What to do to have the result of a task again."""
        steps = [attempt[0]] if attempt is not None and not attempt[0].startswith("_") else []
        record = self.record or RunRecord(*self.name, "", 0.0)
        return f"run it again: {resume_command(record, self._started or started_with(record, {}), steps)}"

    def _read_record(self, newest: float, repair: bool) -> Iterator[Finding]:
        key = run_key(*self.name)
        try:
            self.record = stored_run(self._store, *self.name)
            if self.record is not None:
                return
            if time.time() - newest < _IMPORT_SECONDS or not any(parse_manifest_key(o.key) for o in self._objects):
                return
            problem = "is missing, although tasks of the run left results"
        except DataException as error:
            # It may be as good as ever, and hold more than the index knows: the flow's graph.
            advice = "make sure that it may be read, and that its datastore can be reached"
            yield Finding("lost", key, f"cannot be read. {error.message}", (self.pathspec,), advice)
            return
        except MetadataException as error:
            problem = f"cannot be read. {error.message}"
        known = self._index.run(*self.name)
        if known is None:
            advice = "restore it from a backup; what its tasks left can be read by nobody without it"
        elif repair:
            plain = json.dumps(known._replace(outcome=None).to_dict(), separators=(",", ":")).encode()
            self._store.put(key, [plain])
            self.record = known
            advice = "it was written anew from the index; the graph of the flow is not known any more"
        else:
            advice = "`metaflow verify --repair` writes it anew from the index"
        yield Finding("lost", key, problem, (self.pathspec,), advice, repair and known is not None)

    def _read_manifests(self) -> Iterator[Finding]:
        keys = [found.key for found in self._objects if parse_manifest_key(found.key) is not None]
        # They tell the command that started the run, which what is said of the others needs.
        parameters = f"{runs_prefix(*self.name)}{PARAMETERS_STEP}/"
        keys.sort(key=lambda key: not key.startswith(parameters))
        for key, content in read_each(self._store, keys):
            names = parse_manifest_key(key)
            assert names is not None
            attempt: Attempt = (names.step, names.task_id, names.attempt)
            if isinstance(content, ObjectMissing):
                continue  # the run was deleted since it was listed
            try:
                self._take_in(attempt, names, content, key)
            except (DataException, MetadataException) as error:
                self.damaged_attempts.add(attempt)
                task = f"{self.pathspec}/{names.step}/{names.task_id}"
                yield Finding("lost", key, f"cannot be read. {error.message}", (task,), self.again(attempt))

    def _take_in(self, attempt: Attempt, names: AttemptKey, content: bytes | DataException, key: str) -> None:
        if isinstance(content, DataException):
            raise content
        manifest = Manifest.decode(content, key)
        if manifest[:5] != names:
            raise CorruptedDataException(f"It says that it belongs to {manifest.pathspec}, attempt {manifest.attempt}.")
        if names.step == PARAMETERS_STEP and self.record is not None:
            self._started = started_with(self.record, start_in(manifest))
        self.attempts[attempt] = TaskRecord.from_dict(manifest.record.get("task", {}))
        for reference, size in chunk_sizes(manifest):
            self.chunks[reference] = size

    def _torn_logs(self, deep: bool) -> Iterator[Finding]:
        for found in self._objects:
            if not found.key.endswith(".log") or not found.size:
                continue
            path = local_file(self._store, found.key)
            if path is None and not deep:
                continue
            try:
                last = self._store.get(found.key)[-1:] if path is None else _last_byte(path)
            except (ObjectMissing, FileNotFoundError):
                continue
            except OSError as error:
                raise file_error("read the log", found.key, error) from error
            if last != b"\n":
                task = found.key.removesuffix(".log").rpartition(".")[0].split("/")[-2:]
                yield Finding(
                    "wrong",
                    found.key,
                    "ends in the middle of a line, which is not shown: the disk was full, or the power was cut",
                    ("/".join([self.pathspec, *task]),),
                )


def chunk_sizes(manifest: Manifest) -> Iterator[tuple[str, int]]:
    """References of the chunks of all artifacts of a task attempt, and their uncompressed sizes in bytes."""
    for entry in manifest.artifacts.values():
        for segment in entry.segments:
            for number, reference in enumerate(segment.chunks):
                yield reference, min(CHUNK_BYTES, segment.size - number * CHUNK_BYTES)


def _last_byte(path: os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
