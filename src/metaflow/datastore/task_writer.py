"""Writing the artifacts of one task attempt."""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType
from typing import Any

from metaflow.datastore.blobs import save_segments
from metaflow.datastore.layout import manifest_key
from metaflow.datastore.manifest import INLINE_BYTES, NO_FACTS, ArtifactEntry, Manifest, content_hash
from metaflow.datastore.preview import describe
from metaflow.datastore.scalars import MAXIMUM_COUNT, is_scalar, may_be_scalar
from metaflow.datastore.serializer import deserialize, serialize, serialize_by_pickle
from metaflow.exception import (
    DataException,
    MetaflowException,
    MetaflowInternalError,
)
from metaflow.secret_names import MASK, is_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from metaflow.datastore.scalars import Scalar
    from metaflow.datastore.serializer import Serialized
    from metaflow.datastore.store import ObjectStore
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
            if entry.preview == MASK or not may_be_scalar(entry.type, entry.size):
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
        shown, facts = (MASK, NO_FACTS) if is_hidden(name, type(value).__name__) else describe(value)
        try:
            entry = store_serialized(self._store, serialized, shown, facts, self._background(name))
        except DataException as error:
            raise DataException(f"Artifact '{name}' cannot be stored. {error.message}") from error
        self._entries[name] = entry
        return entry

    def _check_open(self) -> None:
        if self._committed:
            raise MetaflowInternalError(f"{self._key} is committed already; nothing can be added to it.")


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
