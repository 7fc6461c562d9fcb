"""One artifact of a task, and all of them as attributes."""

from __future__ import annotations

import builtins

from metaflow.client.object import MetaflowObject, local_time
from metaflow.datastore.metaflow_pickle import ForeachFrame
from metaflow.datastore.skipped import is_skipped
from metaflow.exception import MetaflowDataMissing, MetaflowException, MetaflowNotFound, SkippedArtifactException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from metaflow.client.task import Task
    from metaflow.datastore.manifest import Manifest
    from metaflow.datastore.tasks import TaskReader

#: Artifacts that are not stored, because the task's record says the same.
DERIVED_NAMES = ("_task_ok", "_success", "_transition", "_foreach_stack", "_current_step")


class DataArtifact(MetaflowObject):
    """An artifact of a task.

    Parameters
    ----------
    pathspec : str
        ``"FlowName/RunID/StepName/TaskID/ArtifactName"``.
    attempt : int, optional
        Which attempt of the task; the latest if not given.

    Examples
    --------
    >>> artifact = DataArtifact("Training/1711000000000000/train/2/model")
    >>> artifact.size
    1893
    >>> artifact.data
    LogisticRegression()
    """

    _PARTS = 5
    _HAS_ATTEMPTS = True
    #: Artifacts of the task that its record holds, and what gives all others.
    _values: Mapping[str, Any]
    _open: Callable[[], TaskReader | None]
    _finished_at: float

    def _load(self) -> bool:
        try:
            artifact = self.parent[self.id]
        except (KeyError, MetaflowNotFound):
            return False
        self._values, self._open, self._finished_at = artifact._values, artifact._open, artifact._finished_at
        return True

    @property
    def _reader(self) -> TaskReader:
        reader = self._open()
        if reader is None:
            raise MetaflowDataMissing(f"{self} has no data: its task was killed, or removed.")
        return reader

    def _created(self) -> float:
        return self._finished_at

    @property
    def parent(self) -> Task:
        """The task, at the same attempt."""
        from metaflow.client.task import Task

        return self._related(Task, self._names[:4], self._attempt)

    @property
    def data(self) -> Any:
        """The value, loaded anew by each access."""
        return self._values[self.id] if self.id in self._values else load_value(self._reader, self.id)

    @property
    def preview(self) -> str:
        """A short text that shows what the value is, made when it was saved: nothing is loaded for it.

        It is there also where the value cannot be loaded, because its class is not to be found.
        """
        from metaflow.datastore.preview import preview

        if self.id in self._values:
            return preview(self._values[self.id])
        reader = self._reader
        return reader.entry(self.id).preview if self.id in reader else preview(load_value(reader, self.id))

    @property
    def facts(self) -> dict[str, Any]:
        """What the value is, for programs, noted when it was saved: nothing is loaded for it.

        Of lists and the like ``length``; of arrays, frames and tensors ``shape``, ``dtype``, ``columns``, ``min`` and
        so on, as far as they have them. Empty for other values.
        """
        reader = self._open() if self.id not in self._values else None
        return dict(reader.entry(self.id).facts) if reader is not None and self.id in reader else {}

    def __repr__(self) -> str:
        try:
            return f"{self} = {self.preview}"
        except MetaflowException:  # its task was removed, or is damaged
            return str(self)

    @property
    def size(self) -> int:
        """Bytes of the serialised value."""
        return self._size_and_hash()[0]

    @property
    def type(self) -> str:
        """Type of the value, such as ``<class 'int'>``."""
        if self.id in self._values:
            return str(builtins.type(self._values[self.id]))
        reader = self._reader
        return reader.entry(self.id).type if self.id in reader else str(builtins.type(self.data))

    @property
    def sha(self) -> str:
        """Hash of the serialised value; two artifacts with the same one are equal."""
        return self._size_and_hash()[1]

    @property
    def finished_at(self) -> datetime:
        """When the artifact was saved, in local time."""
        return local_time(self._finished_at)

    def _size_and_hash(self) -> tuple[int, str]:
        reader = self._reader
        if self.id in reader:
            entry = reader.entry(self.id)
            return entry.size, entry.sha
        from blake3 import blake3

        from metaflow.datastore.serializer import serialize

        serialized = serialize(self.data, self.id)
        return serialized.size, blake3(serialized.stream).hexdigest()


class MetaflowData:
    """Artifacts of a task as attributes, each loaded when it is first asked for and then kept.

    Examples
    --------
    >>> data = Run("Training/1711000000000000").data
    >>> data.accuracy
    0.97
    >>> "model" in data
    True
    """

    def __init__(self, values: Mapping[str, Any], open_reader: Callable[[], TaskReader | None]) -> None:
        self.__dict__["_known"] = values
        self.__dict__["_open"] = open_reader

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"The task has no artifact '{name}'")
        known = self.__dict__["_known"]
        if name in known:
            return known[name]
        reader = self.__dict__["_open"]()
        if reader is None or name not in reader:
            raise AttributeError(f"The task has no artifact '{name}'")
        try:
            value = reader.load(name)
        except SkippedArtifactException as error:
            raise AttributeError(error.message) from None
        self.__dict__[name] = value
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return _data_of, (dict(self.__dict__["_known"]), self.__dict__["_open"]())

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__["_known"] or name in self.__dir__()

    def __dir__(self) -> list[str]:
        return visible_names(self.__dict__["_open"]())

    def __repr__(self) -> str:
        return f"<MetaflowData: {', '.join(self.__dir__())}>"


def _data_of(values: dict[str, Any], reader: TaskReader | None) -> MetaflowData:
    return MetaflowData(values, lambda: reader)


def visible_names(reader: TaskReader | None) -> list[str]:
    """Names of the artifacts that are listed: those that do not begin with an underscore, and were stored."""
    if reader is None:
        return []
    return [name for name in reader if not name.startswith("_") and not is_skipped(reader.entry(name))]


def has_artifact(reader: TaskReader, name: str) -> bool:
    """Tell whether a committed attempt has an artifact, stored or derived."""
    return name in reader or (name in DERIVED_NAMES and "task" in reader.manifest.record)


def load_value(reader: TaskReader, name: str) -> Any:
    """Load an artifact, stored or derived."""
    return reader.load(name) if name in reader else _derived_value(reader.manifest, name)


#: Facts that are shown in other ways, or say how to take another one.
_NOT_FOR_LINES = frozenset(
    {"columns", "dtypes", "head", "repr", "item", "sampled", "histogram", "stats", "tree", "thumbnail"}
)


def facts_in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts about an artifact as lines for people; the first rows of a frame are left to a table."""
    words = {}
    columns, types = facts.get("columns", ()), facts.get("dtypes", ())
    if columns:
        named = [f"{name} ({kind})" for name, kind in zip(columns, types)] or [str(name) for name in columns]
        total = facts["shape"][1] if len(facts.get("shape", ())) == 2 else len(columns)
        words["columns"] = ", ".join(named) + (f", ... {total} in all" if total > len(named) else "")
    for name, fact in facts.items():
        if name == "shape":
            words[name] = " x ".join(map(str, fact)) or "a single element"
        elif name not in _NOT_FOR_LINES:
            words[name] = f"{fact:.6g}" if isinstance(fact, float) else str(fact)
    return words


def _derived_value(manifest: Manifest, name: str) -> Any:
    task = manifest.record["task"]
    if name == "_task_ok":
        return bool(task.get("ok", False))
    if name == "_success":
        return bool(task.get("success", False))
    if name == "_current_step":
        return manifest.step
    if name == "_foreach_stack":
        return list(_frames(task))
    transition = manifest.record.get("transition")
    return None if not transition or not transition[0] else (list(transition[0]), transition[1])


def _frames(task: dict[str, Any]) -> Iterator[ForeachFrame]:
    for (step, index), (var, value, _, num_splits) in zip(
        task.get("index_path", ()), task.get("foreach_stack", ()), strict=True
    ):
        yield ForeachFrame(step, var, num_splits, index, value)
