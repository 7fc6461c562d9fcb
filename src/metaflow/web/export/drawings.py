"""The graph of a run and its timeline, on an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.cards.report.graph import graph_node
from metaflow.client.times import span
from metaflow.web.export.words import note, section
from metaflow.web.run.steps import status_of
from metaflow.web.timeline.table import STATES, each_attempt, read_table, steps_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.cards.nodes import Node
    from metaflow.metadata_store.task_listing import StepCount
    from metaflow.web.export.subject import Subject
    from metaflow.web.timeline.table import Columns, Table

#: From so many attempts on, only those that failed have a row of their own; and so many of these.
MOST_ROWS = 300
_MOST_FAILURES = 200
_MOST_ATTEMPTS = 200_000
_PARTS = 200
_FAILED = (STATES.index("failed"), STATES.index("killed"))


def graph(subject: Subject) -> Iterator[Node]:
    """The graph, with how each step is."""
    node = graph_node(subject.recorded.graph, "")
    if not isinstance(node, dict):
        return
    counts = {count.step: count for count in subject.counts}
    for name, described in node["data"].items():
        count = counts.get(name)
        state = "" if count is None else status_of(count)
        described["state"] = "failed" if state == "killed" else state
        described["note"] = "no tasks" if count is None else _counted(count)
    yield from section("Graph", [node])


def _counted(count: StepCount) -> str:
    parts = [f"{number:,} {status}" for status, number in count.counts.items() if number]
    return ", ".join(parts)


def timeline(subject: Subject) -> Iterator[Node]:
    """When what ran: every attempt, or, of very many, what they come to and those that failed."""
    run = subject.run
    subject.wanted.progress("Reading when what ran")
    rows = each_attempt(subject.tables, run.flow, run.run_id)
    table = read_table(rows, steps_in_order(subject.recorded.graph), run.started_at, _MOST_ATTEMPTS)
    columns = table.columns
    now = round((subject.now - run.started_at) * 1000)
    ends = [now if end is None else end for end in columns.finished]
    length = max(ends, default=0)
    is_folded = len(columns.step) > MOST_ROWS
    drawn = _rows(table, ends, length, is_folded)
    contents: list[Node] = [{"type": "gantt", "length": length, "rows": drawn, "label": "Attempts over time"}]
    if is_folded:
        failures = sum(state in _FAILED for state in columns.state)
        shown = min(failures, _MOST_FAILURES)
        contents.append(
            note(
                f"There are {len(columns.step):,} attempts. Steps show how many ran at a time; of single attempts, "
                f"{shown:,} of the {failures:,} that failed are shown."
            )
        )
    if table.cut:
        contents.append(note(f"Only the first {_MOST_ATTEMPTS:,} attempts were looked at."))
    yield from section("Timeline", contents, "Since the start of the run")


def _rows(table: Table, ends: Sequence[int], length: int, is_folded: bool) -> list[dict[str, Any]]:
    columns = table.columns
    of_step: list[list[int]] = [[] for _ in table.steps]
    for row, step in enumerate(columns.step):
        of_step[step].append(row)
    left = _MOST_FAILURES
    shown: list[dict[str, Any]] = []
    for name, attempts in zip(table.steps, of_step, strict=True):
        if not attempts:
            continue
        shown.append(_step_row(name, attempts, columns, ends, length))
        single = attempts
        if is_folded:
            single = [row for row in attempts if columns.state[row] in _FAILED][:left]
            left -= len(single)
        shown += [_attempt_row(row, columns, ends) for row in sorted(single, key=lambda row: columns.started[row])]
    return shown


def _step_row(name: str, attempts: Sequence[int], columns: Columns, ends: Sequence[int], length: int) -> dict[str, Any]:
    changes = [0] * (_PARTS + 1)
    scale = _PARTS / max(length, 1)
    for row in attempts:
        first = min(_PARTS - 1, max(0, int(columns.started[row] * scale)))
        changes[first] += 1
        changes[max(first, min(_PARTS - 1, int(ends[row] * scale))) + 1] -= 1
    density, running = [], 0
    for change in changes[:_PARTS]:
        running += change
        density.append(running)
    states = [columns.state[row] for row in attempts]
    words = [f"{number:,} {word}" for at, word in enumerate(STATES) if (number := states.count(at))]
    words.sort(key=lambda word: not word.endswith(("failed", "killed")))
    begun, ended = min(columns.started[row] for row in attempts), max(ends[row] for row in attempts)
    return {
        "label": name,
        "state": ", ".join(words),
        "took": span(max(0, ended - begun) / 1000),
        "is_step": True,
        "density": density,
    }


def _attempt_row(row: int, columns: Columns, ends: Sequence[int]) -> dict[str, Any]:
    started, end = columns.started[row], ends[row]
    ready, begun, done = columns.ready[row], columns.code_started[row], columns.code_ended[row]
    has_failed = columns.state[row] in _FAILED
    bars: list[list[Any]] = []
    if ready is not None and ready < started:
        bars.append(["waiting", ready, started])
    if has_failed:
        bars.append(["failed", started, end])
    elif begun is None:
        bars.append(["code", started, end])
    else:
        bars += [["starting", started, begun], ["code", begun, end if done is None else done]]
        bars += [["saving", done, end]] if done is not None else []
    label, attempt = columns.label[row], columns.attempt[row]
    name = columns.task[row] + (f" {label}" if label else "") + (f" (attempt {attempt})" if attempt else "")
    return {
        "label": name,
        "state": STATES[columns.state[row]],
        "took": span(max(0, end - started) / 1000),
        "bars": bars,
    }
