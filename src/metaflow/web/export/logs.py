"""The ends of logs, on an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.exception import MetaflowException
from metaflow.web.export.words import note, section, task_name, task_state
from metaflow.web.run.log_tail import last_lines, plain_line
from metaflow.web.run.reading import file_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.export.subject import Subject

#: Lines of a task, tasks, and characters of all of them.
MOST_LINES = 200
_MOST_TASKS = 120
_MOST_CHARACTERS = 2_000_000


def logs(subject: Subject) -> Iterator[Node]:
    """The last lines of tasks that failed, and of the first tasks of each step."""
    if not subject.wanted.logs:
        return
    contents: list[Node] = []
    left, looked_at = _MOST_CHARACTERS, 0
    for task in subject.shown_tasks[:_MOST_TASKS]:
        if left <= 0:
            break
        looked_at += 1
        subject.wanted.progress(f"Reading logs: {task_name(task)}")
        nodes, size = _log(subject, task)
        contents += nodes
        left -= size
    others = sum(count.tasks for count in subject.counts) - looked_at
    if others > 0:
        contents.append(note(f"Logs of {others:,} more task{'s' if others != 1 else ''} are left out."))
    yield from section("Logs", contents, f"The last {MOST_LINES} lines of each task, both streams")


def _log(subject: Subject, task: TaskRecord) -> tuple[list[Node], int]:
    name = task_name(task)
    try:
        lines = last_lines(subject.provider, task)
    except MetaflowException as error:
        return [{"type": "error", "headline": f"The log of {name} cannot be read", "message": file_problem(error)}], 0
    if not lines:
        return [], 0
    shown = lines[-MOST_LINES:]
    text = "\n".join(plain_line(line)["text"] for line in shown)
    count = f"{len(shown):,} line{'s' if len(shown) != 1 else ''}"
    words = count if len(shown) == len(lines) else f"the last {count}"
    log: Node = {"type": "log", "data": text, "at_end": True, "label": f"Log of {name}"}
    fold = {"type": "fold", "title": name, "note": f"{task_state(task)}, {words}", "contents": [log]}
    return [fold], len(text)
