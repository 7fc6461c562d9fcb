"""What runs were given and what they found, without loading what could be large or strange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.manifest import NO_FACTS
from ..exception import DataException, MetaflowDataMissing
from ..metadata_store.store import TaskQuery
from .messages import echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client.provider import Provider
    from ..datastore.tasks import TaskReader
    from ..metadata_store.records import RunRecord, TaskRecord

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


def value_of(reader: TaskReader, name: str) -> Value:
    """One artifact of a committed attempt."""
    entry = reader.entry(name)
    kind = entry.type.removeprefix("<class '").removesuffix("'>")
    if entry.type in _SCALARS and entry.size <= _LONGEST_SCALAR and entry.serializer is None:
        scalar = reader.load(name)
        return Value(entry.preview, kind, entry.size, entry.sha, True, scalar)
    return Value(entry.preview, kind, entry.size, entry.sha, facts=entry.facts)


def parameters_of(provider: Provider, run: RunRecord) -> dict[str, Value]:
    """What a run was started with, by name: its parameters, but not the constants of its class."""
    reader = _given(provider, run)
    if reader is None:
        return {}
    constants = {constant["name"] for constant in provider.graph(run.flow, run.run_id).get("constants", ())}
    names = [name for name in reader if not name.startswith("_") and name != "name" and name not in constants]
    return {name: value_of(reader, name) for name in names}


def artifacts_of(provider: Provider, task: TaskRecord) -> dict[str, Value]:
    """What a task left, by name, without what begins with an underscore."""
    reader = _reader(provider, task)
    if reader is None:
        return {}
    return {name: value_of(reader, name) for name in sorted(reader) if not name.startswith("_")}


def results_of(provider: Provider, run: RunRecord) -> dict[str, Value]:
    """What the last step of a run left, by name, without its parameters and constants; nothing if it has not ended."""
    tasks = provider.tasks(TaskQuery(run.flow, run.run_id, run.end_step or "end", limit=1))
    if not tasks:
        return {}
    given = _given(provider, run)
    inherited = {name: given.entry(name).sha for name in given} if given is not None else {}
    return {
        name: value
        for name, value in artifacts_of(provider, tasks[0]).items()
        if name != "name" and inherited.get(name) != value.sha
    }


def _given(provider: Provider, run: RunRecord) -> TaskReader | None:
    tasks = provider.tasks(TaskQuery(run.flow, run.run_id, _PARAMETERS, limit=1))
    return _reader(provider, tasks[0]) if tasks else None


def _reader(provider: Provider, task: TaskRecord) -> TaskReader | None:
    """The artifacts of a task. One that is damaged must not keep others from being listed: it is told of, on stderr."""
    try:
        return provider.reader(task)
    except (DataException, MetaflowDataMissing) as error:
        echo(f"What {task.pathspec} left cannot be read: {error.message}")
        return None
