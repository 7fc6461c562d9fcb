"""Writing and reading the artifacts of one task attempt."""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType
from typing import Any

from metaflow.datastore.blobs import MAP_BYTES, Segment, load_segment, save_segments
from metaflow.datastore.layout import manifest_key, parse_manifest_key, runs_prefix
from metaflow.datastore.manifest import INLINE_BYTES, NO_FACTS, ArtifactEntry, Manifest, content_hash
from metaflow.datastore.preview import describe
from metaflow.datastore.scalars import MAXIMUM_COUNT, is_scalar, may_be_scalar
from metaflow.datastore.serializer import deserialize, serialize, serialize_by_pickle
from metaflow.datastore.store import OUT_OF_REACH, ObjectMissing
from metaflow.exception import (
    CorruptedDataException,
    DataException,
    MetaflowDataMissing,
    MetaflowException,
    MetaflowInternalError,
    RunDeleted,
    SkippedArtifactException,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from metaflow.datastore.scalars import Scalar
    from metaflow.datastore.serializer import Serialized
    from metaflow.datastore.store import Buffer, ObjectStore
    from metaflow.datastore.uploads import Uploads


class TaskWriter:
    """Collects the artifacts of a task attempt and commits them.

    Large values are in the store as soon as `save` returns, but nobody sees them before `commit`. If the store is
    behind a network, they are on their way while the next ones are saved, and there before `commit` writes anything.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    flow, run_id, step, task_id : str
        The task.
    attempt : int
        Which attempt, from 0.

    Raises
    ------
    DataException
        If one of the names cannot be stored under.
    """

    def __init__(self, store: ObjectStore, flow: str, run_id: str, step: str, task_id: str, attempt: int) -> None:
        self._store = store
        self._key = manifest_key(flow, run_id, step, task_id, attempt)
        self._task = (flow, run_id, step, task_id, attempt)
        self._entries: dict[str, ArtifactEntry] = {}
        self._committed = False
        self._uploads: Uploads | None = None

    @property
    def entries(self) -> Mapping[str, ArtifactEntry]:
        """What was saved and forwarded so far, by name; a read-only view."""
        return MappingProxyType(self._entries)

    @property
    def values(self) -> dict[str, Scalar]:
        """The public artifacts that an index can hold, by name; if they are many, those that were saved last."""
        # Read back from where they are: what was taken over by reference is then no different from what was saved.
        return dict(reversed(list(islice(self._scalars(), MAXIMUM_COUNT))))

    def save(self, name: str, value: object) -> ArtifactEntry:
        """Serialise and store a value.

        Parameters
        ----------
        name : str
            Name of the artifact. A second value of the same name takes the first one's place.
        value : object
            Anything that can be pickled; unchanged until this returns, or `settle` if the store is behind a network.

        Returns
        -------
        ArtifactEntry
            What the manifest will say of it.

        Raises
        ------
        UnpicklableArtifactException
            If the value cannot be pickled.
        DataException
            If it cannot be stored. The message names the artifact in both cases.
        """
        self._check_open()
        return self._store_as(name, value, serialize(value, f"self.{name}"))

    def save_by_pickle(self, name: str, value: object) -> ArtifactEntry:
        """Like `save`, for what this package itself keeps: no serializer of another one is looked for."""
        self._check_open()
        return self._store_as(name, value, serialize_by_pickle(value, f"self.{name}"))

    def skip(self, name: str, value: object, reason: str) -> None:
        """Note that an artifact was left out.

        Parameters
        ----------
        name : str
            Name of the artifact.
        value : object
            What it would be.
        reason : str
            Why it was left out, for who tries to read it.
        """
        from metaflow.datastore.skipped import skipped_entry

        self.forward(name, skipped_entry(value, reason))

    def forward(self, name: str, entry: ArtifactEntry) -> None:
        """Take over an artifact of another task by reference: nothing is read or written.

        Parameters
        ----------
        name : str
            Name of the artifact here.
        entry : ArtifactEntry
            Its entry in a manifest of the same store.
        """
        self._check_open()
        self._entries[name] = entry

    def settle(self) -> list[MetaflowException]:
        """Wait until all values that were saved are in the store.

        Returns
        -------
        list of MetaflowException
            One for each artifact that could not be stored, which is as if it had not been saved. The message names it.
        """
        if self._uploads is None:
            return []
        from metaflow.datastore.uploads import as_error_of_store

        failures: list[MetaflowException] = []
        for name, error in self._uploads.finish().items():
            self._entries.pop(name, None)
            failure = DataException(f"Artifact '{name}' cannot be stored. {as_error_of_store(error).message}")
            failure.__cause__ = error
            failures.append(failure)
        return failures

    def commit(self, record: dict[str, Any]) -> Manifest:
        """Write the manifest: from now on the attempt has happened.

        Parameters
        ----------
        record : dict
            What to keep of the attempt beside its artifacts; JSON's types only.

        Returns
        -------
        Manifest
            What was written.

        Raises
        ------
        DataException
            If it cannot be written, or something that was saved cannot, or the attempt has a manifest already.
        """
        self._check_open()
        for failure in self.settle():
            raise failure
        flow, run_id, step, task_id, attempt = self._task
        artifacts = MappingProxyType(dict(self._entries))
        manifest = Manifest(flow, run_id, step, task_id, attempt, record, artifacts)
        if not self._store.put_new(self._key, [manifest.encode()]):
            raise DataException(
                f"Attempt {attempt} of task {manifest.pathspec} was committed already. Two processes "
                "ran the same attempt: the result of the first is kept."
            )
        self._committed = True
        return manifest

    def _scalars(self) -> Iterator[tuple[str, Scalar]]:
        """Give those values, the last one first."""
        for name, entry in reversed(self._entries.items()):
            if name[:1] == "_" or entry.inline is None or entry.serializer is not None:
                continue
            if not may_be_scalar(entry.type, entry.size):
                continue
            value = deserialize(entry.encoding, entry.inline, ())
            if is_scalar(value):
                yield name, value  # type: ignore[misc]

    def _background(self, name: str) -> Callable[[int, Callable[[], None]], None] | None:
        """What takes the uploads of an artifact; None for a store that is here."""
        if not self._store.is_remote:
            return None
        from functools import partial

        from metaflow.datastore.parallel import threads_for_network
        from metaflow.datastore.uploads import Uploads

        if self._uploads is None:
            self._uploads = Uploads(threads_for_network(1))
        return partial(self._uploads.submit, name)

    def _store_as(self, name: str, value: object, serialized: Serialized) -> ArtifactEntry:
        shown, facts = describe(value)
        try:
            entry = store_serialized(self._store, serialized, shown, facts, self._background(name))
        except DataException as error:
            raise DataException(f"Artifact '{name}' cannot be stored. {error.message}") from error
        self._entries[name] = entry
        return entry

    def _check_open(self) -> None:
        if self._committed:
            raise MetaflowInternalError(f"{self._key} is committed already; nothing can be added to it.")


class TaskReader:
    """Reads the artifacts of a committed task attempt; iterating yields their names.

    Parameters
    ----------
    store : ObjectStore
        Where from.
    manifest : Manifest
        What the attempt left behind.
    """

    __slots__ = ("_store", "manifest")

    def __init__(self, store: ObjectStore, manifest: Manifest) -> None:
        self._store = store
        self.manifest = manifest

    def __contains__(self, name: object) -> bool:
        return name in self.manifest.artifacts

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifest.artifacts)

    def __len__(self) -> int:
        return len(self.manifest.artifacts)

    def entry(self, name: str) -> ArtifactEntry:
        """Say where an artifact is, without loading it.

        Raises
        ------
        MetaflowDataMissing
            If the task has no such artifact.
        """
        try:
            return self.manifest.artifacts[name]
        except KeyError:
            raise MetaflowDataMissing(
                f"Task {self.manifest.pathspec} has no artifact '{name}' in attempt {self.manifest.attempt}."
            ) from None

    def load(self, name: str) -> Any:
        """Return an artifact's value, a new one at each call.

        Parameters
        ----------
        name : str
            Name of the artifact.

        Returns
        -------
        object
            The value. Large arrays in it are mapped from the store: they are read when touched, and may be
            written to without changing what is stored.

        Raises
        ------
        MetaflowDataMissing
            If the task has no such artifact, or its run was deleted.
        CorruptedDataException
            If its bytes are missing, cut short or altered.
        SkippedArtifactException
            If it was left out because it cannot be pickled.
        DataException
            If its classes cannot be found or fail to load it, or nothing here reads its encoding.
        """
        entry = self.entry(name)
        where = f"Artifact '{name}' of task {self.manifest.pathspec}"
        try:
            stream, *buffers = _read(self._store, entry)
            return deserialize(entry.encoding, stream, buffers, entry.type, entry.serializer)
        except SkippedArtifactException as error:
            raise SkippedArtifactException(f"{where} cannot be loaded. {error.message}") from None
        except DataException as error:
            if isinstance(error, CorruptedDataException):
                self._check_deleted(error)
            kind = CorruptedDataException if isinstance(error, CorruptedDataException) else DataException
            raise kind(f"{where} cannot be loaded. {error.message}{_shown(entry)}") from error
        except (MemoryError, MetaflowException):
            # Neither is about the artifact: the latter is a timeout that struck while it was loaded.
            raise
        except Exception as error:
            raise DataException(f"{where} cannot be loaded. {_loading_advice(entry, error)}{_shown(entry)}") from error

    def _check_deleted(self, error: DataException) -> None:
        """Raise what is wrong if bytes cannot be had because the run was deleted after its manifest was read."""
        flow, run_id = self.manifest.flow, self.manifest.run_id
        key = manifest_key(flow, run_id, self.manifest.step, self.manifest.task_id, self.manifest.attempt)
        if self._store.stat(key) is None:
            raise RunDeleted(
                f"Run {flow}/{run_id} was deleted, and the artifacts of its task {self.manifest.pathspec} with it."
            ) from error


def open_task(store: ObjectStore, flow: str, run_id: str, step: str, task_id: str, attempt: int) -> TaskReader:
    """Open a committed task attempt.

    Parameters
    ----------
    store : ObjectStore
        Where from.
    flow, run_id, step, task_id : str
        The task.
    attempt : int
        Which attempt, from 0.

    Raises
    ------
    MetaflowDataMissing
        If the attempt was never committed.
    CorruptedDataException
        If its manifest is damaged.
    """
    key = manifest_key(flow, run_id, step, task_id, attempt)
    try:
        data = store.get(key)
    except ObjectMissing as error:
        raise MetaflowDataMissing(
            f"Attempt {attempt} of task {flow}/{run_id}/{step}/{task_id} has no data: it has not finished, "
            "died before it could commit, or was removed."
        ) from error
    try:
        return TaskReader(store, Manifest.decode(data, key))
    except CorruptedDataException:
        # The same again, now with the path of the file, which is not worth making for every task.
        from metaflow.datastore.location import name_of_object

        return TaskReader(store, Manifest.decode(_read_again(store, key, data), name_of_object(store, key)))


def open_tasks(
    store: ObjectStore, flow: str, run_id: str, tasks: Sequence[tuple[str, str, int]]
) -> list[TaskReader | MetaflowException]:
    """Open many committed task attempts; over a network, many at a time.

    Parameters
    ----------
    store : ObjectStore
        Where from.
    flow, run_id : str
        The run.
    tasks : sequence of tuple of (str, str, int)
        Step, task id and attempt of each.

    Returns
    -------
    list
        For each the reader, or the error that :func:`open_task` raises.

    Raises
    ------
    StoreUnavailable, AccessDenied, BucketMissing
        If nothing can be told of the tasks, because the store cannot be used.
    """
    from metaflow.datastore.parallel import map_in_threads, threads_for_network

    def open_one(task: tuple[str, str, int]) -> TaskReader | MetaflowException:
        try:
            return open_task(store, flow, run_id, *task)
        except OUT_OF_REACH:
            raise
        except (DataException, MetaflowDataMissing) as error:
            return error

    if not store.is_remote:
        return [open_one(task) for task in tasks]
    return map_in_threads(open_one, tasks, threads_for_network(1))


def _read_again(store: ObjectStore, key: str, data: bytes) -> bytes:
    """The bytes of a damaged manifest: from where it is, if what is damaged was a copy."""
    from metaflow.datastore.cached import CachedStore

    if not isinstance(store, CachedStore):
        return data
    store.drop_copy(key)
    try:
        return store.get(key)
    finally:
        store.drop_copy(key)


def clone_task(store: ObjectStore, origin: Manifest, run_id: str, task_id: str, record: dict[str, Any]) -> Manifest:
    """Commit a task that has all artifacts of a task of another run, by reference: no value is read or copied.

    Parameters
    ----------
    store : ObjectStore
        Where both are.
    origin : Manifest
        The task to take over.
    run_id : str
        The new run, which is the caller's alone; a task of that name there is replaced.
    task_id : str
        Id of the new task, whose only attempt is 0.
    record : dict
        What to keep of it beside its artifacts.

    Returns
    -------
    Manifest
        What was written.

    Raises
    ------
    DataException
        If it cannot be written.
    """
    clone = origin._replace(run_id=run_id, task_id=task_id, attempt=0, record=record)
    store.put(manifest_key(clone.flow, run_id, clone.step, task_id, 0), [clone.encode()])
    return clone


def list_attempts(store: ObjectStore, flow: str, run_id: str) -> Iterator[tuple[str, str, int]]:
    """Yield step, task id and attempt of every committed attempt in a run, in no promised order."""
    for key in store.list(runs_prefix(flow, run_id)):
        found = parse_manifest_key(key)
        if found is not None:
            yield found.step, found.task_id, found.attempt


def store_serialized(
    store: ObjectStore,
    serialized: Serialized,
    shown: str,
    facts: Mapping[str, Any] = NO_FACTS,
    background: Callable[[int, Callable[[], None]], None] | None = None,
) -> ArtifactEntry:
    """Store a value that was serialised, in a blob or, if it is small, in what is returned.

    Parameters
    ----------
    store : ObjectStore
    serialized : Serialized
    shown : str
        Short text for people.
    facts : mapping
        What the value is, for programs.
    background : callable, optional
        See :func:`metaflow.datastore.blobs.save_segments`.

    Raises
    ------
    DataException
        If the store fails.
    """
    stream, buffers, encoding, type_name, serializer = serialized
    if len(stream) < INLINE_BYTES:
        inline, segments = bytes(stream), save_segments(store, buffers, background) if buffers else []
    else:
        inline, segments = None, save_segments(store, [stream, *buffers], background)
    sha = content_hash(inline, segments)
    size = serialized.size
    return ArtifactEntry(size, type_name, encoding, sha, shown, inline, tuple(segments), facts, serializer)


def _read(store: ObjectStore, entry: ArtifactEntry) -> list[Buffer]:
    """Return the stream and the buffers."""
    parts: list[Buffer] = [] if entry.inline is None else [entry.inline]
    if store.is_remote and len(entry.segments) > 1:
        parts.extend(_load_many(store, entry.segments))
    else:
        parts.extend(load_segment(store, segment) for segment in entry.segments)
    if not parts:
        raise CorruptedDataException("The manifest says nothing of where its bytes are.")
    return parts


def _load_many(store: ObjectStore, segments: Sequence[Segment]) -> list[Buffer]:
    """Read buffers over a network: small ones many at a time, each large one by itself, whose chunks are many."""
    from metaflow.datastore.parallel import map_in_threads, threads_for_network

    def load(segment: Segment) -> Buffer | None:
        return load_segment(store, segment) if segment.size <= MAP_BYTES else None

    found = map_in_threads(load, segments, threads_for_network(MAP_BYTES))
    return [
        load_segment(store, segment) if part is None else part for segment, part in zip(segments, found, strict=True)
    ]


def _shown(entry: ArtifactEntry) -> str:
    """What can be said of a value that cannot be had; a preview that only names the type adds nothing."""
    return "" if entry.preview in ("", f"<{entry.type[8:-2]}>") else f" When it was saved, it was: {entry.preview}"


def _loading_advice(entry: ArtifactEntry, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            f"Its type {entry.type} needs the module '{error.name}', which is not installed here. "
            "Install it, or load the artifact in the environment that the step ran in."
        )
    if isinstance(error, ImportError | AttributeError):
        return (
            f"Its type {entry.type} needs code that was not found here ({error}). Import or define the class "
            "under the name that it had when it was saved, or install the version of the package that has it."
        )
    return (
        f"Its bytes are intact, but its type {entry.type} failed to load them "
        f"({type(error).__name__}: {error}). The classes or package versions here probably differ from "
        "those it was saved with."
    )
