"""Parameters of a resumed run: those of the origin by reference, those that were changed, those that are new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.manifest import ArtifactEntry
from ..datastore.preview import preview
from ..exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..datastore.tasks import TaskReader


class Change(NamedTuple):
    """A parameter that has another value than in the origin run; short texts of both."""

    before: str
    after: str


class ResumedParameters(NamedTuple):
    """Parameters of a resumed run, by attribute name.

    Attributes
    ----------
    kept : dict of str to ArtifactEntry
        Those of the origin run, which are never loaded.
    values : dict of str to object
        Those that were changed, and those that the origin run did not have; an ArtifactEntry if it is in the store.
    changed : dict of str to Change
    added : tuple of str
        Those that the origin run did not have.
    """

    kept: dict[str, ArtifactEntry]
    values: dict[str, Any]
    changed: dict[str, Change]
    added: tuple[str, ...]


def settle(
    names: Iterable[str],
    origin: TaskReader,
    given: Mapping[str, Any],
    defaults: Callable[[list[str]], dict[str, Any]],
) -> ResumedParameters:
    """Find the value of each parameter.

    Parameters
    ----------
    names : iterable of str
        Attribute names of all that a run is given: parameters and the like.
    origin : TaskReader
        The origin run's parameters.
    given : mapping of str to object
        Values that were asked for now.
    defaults : callable
        Gives the values of parameters that the origin run did not have; called only if there are any.
    """
    kept: dict[str, ArtifactEntry] = {}
    values: dict[str, Any] = {}
    changed: dict[str, Change] = {}
    missing: list[str] = []
    for name in names:
        if name in given and not (name in origin and _is_value(origin, name, given[name])):
            values[name] = given[name]
            if name in origin:
                changed[name] = Change(origin.entry(name).preview, shown(given[name]))
        elif name in origin:
            kept[name] = origin.entry(name)
        else:
            missing.append(name)
    if missing:
        values.update(defaults(missing))
    return ResumedParameters(kept, values, changed, tuple(missing))


def shown(value: Any) -> str:
    """Short text of a value."""
    return value.preview if isinstance(value, ArtifactEntry) else preview(value)


def _is_value(origin: TaskReader, name: str, value: Any) -> bool:
    """Whether a parameter of the origin run had this very value."""
    if isinstance(value, ArtifactEntry):
        return origin.entry(name).sha == value.sha
    try:
        before = origin.load(name)
        return type(before) is type(value) and bool(before == value)
    except (DataException, TypeError, ValueError):
        return False  # it cannot be loaded or compared
