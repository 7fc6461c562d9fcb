"""What runs were given and what they found, as their manifests tell it: loading is for who asks for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from metaflow.client.run_commands import start_in
from metaflow.datastore.manifest import NO_FACTS
from metaflow.exception import DataException, MetaflowDataMissing
from metaflow.metadata_store.store import TaskQuery
from metaflow.secret_names import MASK, is_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord, TaskRecord

    #: Told why what a task left cannot be read: one that is damaged must not keep others from being listed.
    Problem = Callable[[str], None]

_PARAMETERS = "_parameters"
#: Types whose values are shown, compared and filtered by. Loading them runs no code but Python's own.
_SCALARS = {f"<class '{kind.__name__}'>" for kind in (bool, int, float, str, type(None))}
_LONGEST_SCALAR = 4096


class Value(NamedTuple):
    """A parameter or an artifact.

    Attributes
    ----------
    text : str
        What it is, in one line.
    type : str
        Such as ``int``.
    size : int
        Serialised bytes.
    sha : str
        Equal for equal content.
    is_scalar : bool
        Whether `scalar` is its value.
    scalar : None, bool, int, float or str
    facts : mapping
        What it is, for programs; see ``DataArtifact.facts``.
    """

    text: str
    type: str
    size: int
    sha: str
    is_scalar: bool = False
    scalar: Any = None
    facts: Mapping[str, Any] = NO_FACTS

    def plain(self) -> Any:
        """The value for programs: itself if it is simple, otherwise its text."""
        return self.scalar if self.is_scalar else self.text


class ValueReader:
    """Reads what runs were given and what they found.

    Parameters
    ----------
    provider : Provider
        Where to read.
    problem : callable
        Told of tasks whose artifacts cannot be read.
    loads : bool
        Whether to load scalars that are too long for a task's record. Their bytes are pickles, so a server never does:
        there they are known by their previews.
    """

    def __init__(self, provider: Provider, problem: Problem, loads: bool = False) -> None:
        self._provider = provider
        self._problem = problem
        self._loads = loads
        # What the run that was asked for last was given: more than one question is about it.
        self._given_last: tuple[tuple[str, str], TaskReader | None] | None = None

    def value_of(self, reader: TaskReader, name: str) -> Value:
        """One artifact of a committed attempt."""
        return value_of(reader, name, self._loads)

    def parameters_of(self, run: RunRecord) -> dict[str, Value]:
        """What a run was started with, by name: its parameters, but not the constants of its class."""
        reader = self._given(run)
        if reader is None:
            return {}
        graph = self._provider.graph(run.flow, run.run_id)
        left_out = {each["name"] for each in graph.get("constants", ())}
        if all(each["name"] != "name" for each in graph.get("parameters", ())):
            left_out.add("name")  # of the flow
        names = [name for name in reader if not name.startswith("_") and name not in left_out]
        return {name: self.value_of(reader, name) for name in names}

    def artifacts_of(self, task: TaskRecord) -> dict[str, Value]:
        """What a task left, by name, without what begins with an underscore."""
        reader = self._reader(task)
        if reader is None:
            return {}
        return {name: self.value_of(reader, name) for name in sorted(reader) if not name.startswith("_")}

    def results_of(self, run: RunRecord) -> dict[str, Value]:
        """What the last step left, by name, without parameters and constants; nothing if the run has not ended."""
        tasks = self._provider.tasks(TaskQuery(run.flow, run.run_id, run.end_step or "end", limit=1))
        if not tasks:
            return {}
        given = self._given(run)
        inherited = {name: given.entry(name).sha for name in given} if given is not None else {}
        return {
            name: value
            for name, value in self.artifacts_of(tasks[0]).items()
            if inherited.get(name) != value.sha and (name != "name" or value.plain() != run.flow)
        }

    def start_of(self, run: RunRecord) -> Mapping[str, Any]:
        """How a run was started; empty if that is not known."""
        given = self._given(run)
        return {} if given is None else start_in(given.manifest)

    def _given(self, run: RunRecord) -> TaskReader | None:
        name = (run.flow, run.run_id)
        if self._given_last is None or self._given_last[0] != name:
            tasks = self._provider.tasks(TaskQuery(*name, _PARAMETERS, limit=1))
            self._given_last = name, self._reader(tasks[0]) if tasks else None
        return self._given_last[1]

    def _reader(self, task: TaskRecord) -> TaskReader | None:
        try:
            return self._provider.reader(task)
        except (DataException, MetaflowDataMissing) as error:
            self._problem(f"What {task.pathspec} left cannot be read: {error.message}")
            return None


def value_of(reader: TaskReader, name: str, loads: bool = False) -> Value:
    """One artifact of a committed attempt; `loads` as for :class:`ValueReader`."""
    entry = reader.entry(name)
    kind = entry.type.removeprefix("<class '").removesuffix("'>")
    if is_hidden(name, kind):
        return Value(MASK, kind, entry.size, entry.sha)
    recorded = reader.manifest.record.get("task", {}).get("values", {})
    if name in recorded:
        return Value(entry.preview, kind, entry.size, entry.sha, True, recorded[name], entry.facts)
    if loads and entry.type in _SCALARS and entry.size <= _LONGEST_SCALAR and entry.serializer is None:
        return Value(entry.preview, kind, entry.size, entry.sha, True, reader.load(name), entry.facts)
    return Value(entry.preview, kind, entry.size, entry.sha, facts=entry.facts)
