"""Reading the artifacts of task attempts."""

from __future__ import annotations

from typing import Any

from metaflow.datastore.blob_reading import MAP_BYTES, load_segment
from metaflow.datastore.blobs import Segment
from metaflow.datastore.layout import manifest_key, parse_manifest_key, runs_prefix
from metaflow.datastore.manifest import ArtifactEntry, Manifest
from metaflow.datastore.serializer import deserialize
from metaflow.datastore.store import OUT_OF_REACH, ObjectMissing
from metaflow.exception import (
    CorruptedDataException,
    DataException,
    MetaflowDataMissing,
    MetaflowException,
    RunDeleted,
    SkippedArtifactException,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.datastore.store import Buffer, ObjectStore


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


def list_attempts(store: ObjectStore, flow: str, run_id: str) -> Iterator[tuple[str, str, int]]:
    """Yield step, task id and attempt of every committed attempt in a run, in no promised order."""
    for key in store.list(runs_prefix(flow, run_id)):
        found = parse_manifest_key(key)
        if found is not None:
            yield found.step, found.task_id, found.attempt


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
