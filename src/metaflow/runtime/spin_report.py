"""What a spun step has changed, for a person to read at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..datastore.sizes import size_text
from ..flow.transition import PARALLEL_ITERATOR
from .planned_spec import transition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..datastore.manifest import ArtifactEntry, Manifest

_MAXIMUM_PREVIEW = 60


class Described(NamedTuple):
    """What can be said of an artifact without its value: its serialised size in bytes, type, hash and preview."""

    size: int
    type: str
    sha: str
    preview: str


class Change(NamedTuple):
    """How an artifact compares with what was there before.

    Attributes
    ----------
    state : str
        ``new``, ``changed``, ``same`` or ``gone``.
    name : str
    now, before : Described or None
        None where there is none.
    """

    state: str
    name: str
    now: Described | None
    before: Described | None


def describe(entries: Mapping[str, ArtifactEntry]) -> dict[str, Described]:
    """What can be said of stored artifacts, by name."""
    return {name: Described(entry.size, entry.type, entry.sha, entry.preview) for name, entry in entries.items()}


def described_by(manifest: Manifest) -> dict[str, Described]:
    """What can be said of the artifacts of a spun task, be they kept or not."""
    described = describe(manifest.artifacts)
    described.update({name: Described(*row) for name, row in manifest.record.get("not_kept", {}).items()})
    return described


def compare(
    made: Mapping[str, Described], before: Mapping[str, Described] | None, inherited: Mapping[str, Described]
) -> list[Change]:
    """Tell what a step has changed.

    Parameters
    ----------
    made : mapping
        All artifacts that the step left.
    before : mapping or None
        Those that it left when the task ran first; None if it did not, which makes `inherited` the measure.
    inherited : mapping
        Those that it started with. What it merely passed on is not worth a word.

    Returns
    -------
    list of Change
        By state, then by name.
    """
    measure = inherited if before is None else before
    changes = []
    for name in _visible(made):
        now, old = made[name], measure.get(name)
        if old is None:
            changes.append(Change("new", name, now, None))
        elif old.sha != now.sha:
            changes.append(Change("changed", name, now, old))
        elif name not in inherited or inherited[name].sha != now.sha:
            changes.append(Change("same", name, now, old))
    changes += [Change("gone", name, None, measure[name]) for name in _visible(measure) if name not in made]
    return sorted(changes, key=lambda change: (_ORDER.index(change.state), change.name))


_ORDER = ("changed", "new", "gone", "same")


def table(changes: Iterable[Change]) -> list[str]:
    """The changes as lines of text: a row each; those that are the same share one."""
    rows: list[tuple[str, ...]] = []
    same = []
    for change in changes:
        described = change.now or change.before
        assert described is not None
        if change.state == "same":
            same.append(change.name)
            continue
        shown = _short(described.preview)
        if change.state == "changed" and change.before is not None and change.before.preview != described.preview:
            shown += f" (was {_short(change.before.preview)})"
        rows.append((change.state, change.name, type_name(described.type), size_text(described.size), shown))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if same:
        width = widths[0] if widths else len("same")
        lines.append(f"{'same'.ljust(width)}  {', '.join(same)}")
    return lines


def tell_transition(record: dict[str, Any]) -> str:
    """Where a finished task would have led, in words."""
    transition = transition_of(record)
    if not transition.targets:
        return "The flow would end here."
    text = f"The flow would go on to: {', '.join(transition.targets)}"
    if transition.foreach == PARALLEL_ITERATOR:
        text += f", on {transition.num_splits} nodes"
    elif transition.foreach is not None:
        text += f", with a foreach over {transition.foreach} ({transition.num_splits} elements)"
    return f"{text}."


def _visible(artifacts: Mapping[str, Described]) -> list[str]:
    return [name for name in artifacts if not name.startswith("_")]


def type_name(text: str) -> str:
    """``int`` for ``<class 'int'>``."""
    return text.removeprefix("<class '").removesuffix("'>")


def _short(preview: str) -> str:
    return preview if len(preview) <= _MAXIMUM_PREVIEW else preview[: _MAXIMUM_PREVIEW - 3] + "..."
