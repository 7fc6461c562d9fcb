"""Values of artifacts, from memory or from the store, if they are worth that; else what was noted of them."""

from __future__ import annotations

import re
import sys
from functools import cached_property

from metaflow.cards.images.image_types import NAMES, image_type
from metaflow.cards.nodes import Node
from metaflow.cards.previews import preview_nodes
from metaflow.cards.previews.facts import facts_node
from metaflow.exception import DataException, MetaflowDataMissing, SkippedArtifactException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.report.subject import Subject
    from metaflow.datastore.manifest import ArtifactEntry

_ABSENT: Any = object()
#: Values of Python's own types are read from the store up to so many serialised bytes.
_READ_BYTES = 256 * 1024
_IMAGE_BYTES = 3_000_000
#: The beginning of noted bytes: characters and whole escapes.
_NOTED_BYTES = re.compile(r"""(?:bytearray\()?b['"]((?:[^\\]|\\x[0-9a-f]{2}|\\[nrt'"\\])*)""")
_BYTES_TYPES = ("<class 'bytes'>", "<class 'bytearray'>")
#: Types whose values one line shows.
_SIMPLE = frozenset({"int", "float", "bool", "NoneType", "complex"})
_MOST_INPUTS = 8


class OwnValues:
    """Shows artifacts of a task.

    Parameters
    ----------
    subject : Subject
        The task.
    max_size : int
        Of values with more serialised bytes only what was noted is shown.
    """

    def __init__(self, subject: Subject, max_size: int) -> None:
        self._subject = subject
        self._max_size = max_size

    @cached_property
    def inherited(self) -> frozenset[str]:
        """Names of artifacts that are what they were in a task that this one reads from."""
        reader = self._subject.reader
        if reader is None:
            return frozenset()
        return frozenset(
            name
            for source in self._sources()
            for name in source
            if name in reader and source.entry(name).sha == reader.entry(name).sha
        )

    def _sources(self) -> list[Any]:
        """The artifacts of tasks that this one reads from, of the first few if these are many."""
        state = getattr(self._subject.flow, "_flow_state", None)
        if state is not None:
            return [state.source, *_distinct(source for source, _ in state.forwarded.values())]
        from metaflow.datastore.tasks import open_tasks

        record = self._subject.record
        if record.origin is not None:
            return []
        tasks = [(step, task_id, int(attempt)) for step, task_id, attempt in map(_parts, record.inputs[:_MOST_INPUTS])]
        store = self._subject.task._provider.store_of(record.flow, record.run_id)
        found = open_tasks(store, record.flow, record.run_id, [*tasks, ("_parameters", "0", 0)])
        return [each for each in found if not isinstance(each, Exception)]

    def nodes(self, name: str, entry: ArtifactEntry, full: bool, only_noted: bool) -> list[Node]:
        """What shows an artifact beside its line.

        Parameters
        ----------
        name : str
        entry : ArtifactEntry
        full : bool
            Show all of it.
        only_noted : bool
            Do not look at the value itself.
        """
        if entry.size > self._max_size or only_noted:
            return noted_nodes(entry)
        value = self._value(name, entry)
        return noted_nodes(entry) if value is _ABSENT else preview_nodes(value, full) or noted_nodes(entry)

    def _value(self, name: str, entry: ArtifactEntry) -> Any:
        flow = self._subject.flow
        if flow is not None and name in vars(flow):
            return vars(flow)[name]
        reader = self._subject.reader
        if reader is None or not is_worth_reading(entry):
            return _ABSENT
        try:
            return reader.load(name)
        except (DataException, MetaflowDataMissing, SkippedArtifactException):
            return _ABSENT  # damaged, or of a class that is not to be found: what was noted is shown


def is_worth_reading(entry: ArtifactEntry) -> bool:
    """Whether a value shows more than what was noted of it, and is cheap to have.

    No library is imported for it: values of one that the program has not imported are not read.
    """
    kind = entry.type[8:-2] if entry.type.startswith("<class '") else entry.type
    if kind in _SIMPLE:
        return False
    if entry.type in _BYTES_TYPES:
        return bool(image_name(entry)) and entry.size <= _IMAGE_BYTES
    library = kind.partition(".")[0] if "." in kind else ""
    if not library or library == "metaflow":
        return entry.size <= _READ_BYTES
    if "columns" in entry.facts:
        return False  # the first rows were noted
    return library in sys.modules


def image_name(entry: ArtifactEntry) -> str:
    """What kind of image an artifact is, if it is the bytes of one; otherwise empty."""
    found = _NOTED_BYTES.match(entry.preview) if entry.type in _BYTES_TYPES else None
    if found is None:
        return ""
    beginning = found[1].encode("ascii", "replace").decode("unicode_escape").encode("latin-1", "replace")
    return NAMES.get(image_type(beginning) or "", "")


def noted_nodes(entry: ArtifactEntry) -> list[Node]:
    """What was noted of a value when it was saved, if that is more than fits in its line."""
    facts = entry.facts
    if "head" in facts or "columns" in facts:
        from metaflow.cards.previews.frames import stored_frame_nodes

        return stored_frame_nodes(facts)
    if "shape" in facts and "item" not in facts:
        return [facts_node(facts)]
    text = str(facts.get("repr", ""))
    return [{"type": "log", "data": text}] if len(text) > len(entry.preview) else []


def _parts(key: str) -> list[str]:
    return key.split("/")


def _distinct(sources: Any) -> list[Any]:
    return list({id(each): each for each in sources}.values())
