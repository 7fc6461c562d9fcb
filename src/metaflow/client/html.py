"""How client objects show themselves in notebooks.

Everything that comes from a flow is text from outside and is escaped. Nothing is unpickled, nothing is loaded from
elsewhere, and colours are ones that can be read on light and on dark grounds.
"""

from __future__ import annotations

import html
from itertools import islice

from metaflow.client.artifact import DataArtifact, facts_in_words
from metaflow.client.flow import Flow
from metaflow.client.run import Run
from metaflow.client.step import Step
from metaflow.client.task import Task
from metaflow.client.times import span
from metaflow.exception import MetaflowException
from metaflow.metadata_store.records import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from metaflow.client.object import MetaflowObject

_LINES = 20
_COLOURS = {"done": "#2e9e5b", "failed": "#d64545", "killed": "#d64545", "running": "#3b82f6", "stopped": "#b7791f"}
_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;border:0"
_LINE = "border-bottom:1px solid rgba(128,128,128,.35)"


class Status(str):
    """A status, which is shown in its colour."""

    __slots__ = ()


def object_html(shown: MetaflowObject) -> str:
    """Show a client object.

    Parameters
    ----------
    shown : MetaflowObject
        A flow, run, step, task or artifact.

    Returns
    -------
    str
        An HTML fragment. If the object cannot be read, it says why.
    """
    for kind, describe in _KINDS.items():
        if isinstance(shown, kind):
            try:
                return panel(str(shown), *describe(shown))
            except MetaflowException as error:
                return panel(str(shown), f"<div>{_escaped(error.headline)}: {_escaped(error.message)}</div>")
    return panel(str(shown))


def panel(title: str, *parts: str) -> str:
    """Put HTML parts below a title."""
    head = f"<div><b>{_escaped(title)}</b></div>" if title else ""
    return f'<div style="overflow-x:auto">{head}{"".join(parts)}</div>'


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    head = "".join(f'<th style="{_CELL};{_LINE}">{_escaped(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        '<table style="border-collapse:collapse;background:transparent;color:inherit">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _escaped(text: str) -> str:
    """Text as HTML shows it, also if it is one that cannot be written as UTF-8."""
    return html.escape(encodable(text))


def _facts(facts: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL};opacity:.7">{_escaped(name)}</td>{_cell(text)}</tr>'
        for name, text in facts.items()
        if text
    )
    return f'<table style="border-collapse:collapse;background:transparent;color:inherit"><tbody>{rows}</tbody></table>'


def _cell(text: str) -> str:
    colour = f";color:{_COLOURS.get(text, 'inherit')};font-weight:bold" if isinstance(text, Status) else ""
    return f'<td style="{_CELL}{colour}">{_escaped(text)}</td>'


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(" ", "seconds")


def _newest(step: Step) -> list[Task]:
    """The tasks that are shown, and one more if there are more."""
    return list(islice(step._tasks(_LINES + 1), _LINES + 1))


def _more(found: Sequence[object]) -> str:
    return f'<div style="opacity:.7">the newest {_LINES} are shown</div>' if len(found) > _LINES else ""


def _flow(flow: Flow) -> list[str]:
    runs = list(flow.runs(limit=_LINES + 1))
    rows = [
        [
            run.id,
            Status(run.status),
            _time(run.created_at),
            span(run.duration),
            ", ".join(sorted(run.user_tags)),
        ]
        for run in runs[:_LINES]
    ]
    return [grid(["run", "status", "started", "duration", "tags"], rows), _more(runs)]


def _run(run: Run) -> list[str]:
    record = run._record
    facts = _facts(
        {
            "status": Status(run.status),
            "why": record.message or "",
            "user": record.user,
            "started": _time(run.created_at),
            "duration": span(run.duration),
            "tags": ", ".join(sorted(run.user_tags)),
            "parameters": ", ".join(f"{name} = {value!r}" for name, value in run.parameters.items()),
        }
    )
    rows = []
    for step in run:
        tasks = _newest(step)
        count = f"{_LINES}+" if len(tasks) > _LINES else str(len(tasks))
        states = list(dict.fromkeys(task.status for task in tasks[:_LINES]))
        rows.append(
            [step.id, count, Status(states[0]) if len(states) == 1 else ", ".join(states), _time(step.created_at)]
        )
    return [facts, grid(["step", "tasks", "status", "started"], rows)]


def _step(step: Step) -> list[str]:
    tasks = _newest(step)
    rows = []
    for task in tasks[:_LINES]:
        stack = task._record.foreach_stack
        rows.append(
            [
                task.id,
                f"{stack[-1][0]}[{stack[-1][2]}] = {stack[-1][1]}" if stack else "",
                Status(task.status),
                _time(task.created_at),
                span(task.duration),
            ]
        )
    return [grid(["task", "foreach", "status", "started", "duration"], rows), _more(tasks)]


def _task(task: Task) -> list[str]:
    error = task._current().error
    facts = _facts(
        {
            "status": Status(task.status),
            "why": ": ".join(error) if error else "",
            "started": _time(task.created_at),
            "duration": span(task.duration),
            "attempt": str(task.current_attempt),
        }
    )
    rows = [[each.id, each.type, f"{each.size:,}", each.preview] for each in task]
    return [facts, grid(["artifact", "type", "bytes", "value"], rows)]


def _artifact(artifact: DataArtifact) -> list[str]:
    facts = artifact.facts
    shown = _facts(
        {
            "value": artifact.preview,
            "type": artifact.type,
            **facts_in_words(facts),
            "bytes": f"{artifact.size:,}",
            "saved": _time(artifact.finished_at),
            "hash": artifact.sha,
        }
    )
    rows = facts.get("head", ())
    columns = [str(name) for name in facts.get("columns", ())][: len(rows[0]) if rows else 0]
    return [shown, grid(columns, rows)] if columns else [shown]


_KINDS: dict[type[MetaflowObject], Callable[..., list[str]]] = {
    Flow: _flow,
    Run: _run,
    Step: _step,
    Task: _task,
    DataArtifact: _artifact,
}
