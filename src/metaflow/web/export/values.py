"""Artifacts on an exported page: as their manifests describe them. Nothing is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.cards.report.artifacts import line_of, short_type, whole_type
from metaflow.cards.report.values import noted_nodes
from metaflow.datastore.sizes import size_text
from metaflow.datastore.skipped import is_skipped
from metaflow.exception import MetaflowException
from metaflow.secret_names import is_hidden
from metaflow.web.export.words import note, section, task_name
from metaflow.web.run.reading import file_problem
from metaflow.web.run.values import own_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.export.subject import Subject

_MOST_OF_TASK = 200
#: Characters of previews that the page has room for; those behind them have only their line.
_ROOM = 2_000_000
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")


def artifacts(subject: Subject) -> Iterator[Node]:
    """What the last step left, what the first task of each step left, and what failed tasks left."""
    subject.wanted.progress("Reading artifacts")
    end = subject.run.end_step or "end"
    first: dict[str, TaskRecord] = {}
    for task in subject.first:
        first.setdefault(task.step, task)
    ordered = sorted(first.values(), key=lambda task: task.step != end)
    room = [_ROOM]
    contents: list[Node] = []
    for task in [*ordered, *(task for task in subject.failed[:5] if first.get(task.step) != task)]:
        contents += _of_task(subject, task, task.step == end, room)
    if not contents:
        return
    if room[0] <= 0:
        contents.append(note("Some values have only a line, so that this file stays small."))
    left_out = sum(count.tasks for count in subject.counts) - len(contents)
    if left_out > 0:
        contents.append(note("Of steps with several tasks, the first one is shown."))
    yield from section("Artifacts", contents, "As they were described when they were saved")


def _of_task(subject: Subject, task: TaskRecord, is_open: bool, room: list[int]) -> list[Node]:
    try:
        reader = subject.provider.reader(task)
        if reader is None:
            return []
        names = sorted(own_names(reader, subject.recorded.graph))
        rows = [_row(name, reader.entry(name), room) for name in names[:_MOST_OF_TASK]]
    except MetaflowException as error:
        title = f"What {task_name(task)} left cannot be read"
        return [{"type": "error", "headline": title, "message": file_problem(error)}]
    if not rows:
        return []
    contents: list[Node] = [{"type": "artifactList", "data": rows}]
    if len(names) > len(rows):
        contents.append(note(f"{len(names) - len(rows):,} more are left out."))
    words = f"{len(names):,} artifact{'s' if len(names) != 1 else ''}"
    return [{"type": "fold", "title": task_name(task), "note": words, "open": is_open, "contents": contents}]


def _row(name: str, entry: ArtifactEntry, room: list[int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": name,
        "kind": short_type(entry.type),
        "type": whole_type(entry.type),
        "text": line_of(name, entry),
    }
    if is_skipped(entry):
        return row
    row["size"] = size_text(entry.size)
    if is_hidden(name, row["kind"]):
        return row
    contents = noted_nodes(entry)
    picture = entry.facts.get("thumbnail")
    if isinstance(picture, str) and picture.startswith(_PICTURES):
        contents = [{"type": "image", "src": picture, "label": name}, *contents]
    size = sum(len(repr(node)) for node in contents)
    if contents and room[0] > 0:
        room[0] -= size
        row["contents"] = contents
    return row
