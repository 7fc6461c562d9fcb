"""All attempts of a run as columns: short, also if there are a hundred thousand of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.metadata_store.attempt_rows import AttemptQuery
from metaflow.metadata_store.sql_queries import PARAMETERS_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from metaflow.metadata_store.attempt_rows import AttemptReader, AttemptRow

#: Most attempts of one answer.
MOST_ATTEMPTS = 200_000
#: Attempts that are read from the database at a time.
_PAGE = 5_000
#: Characters of the text of a foreach's value.
_LABEL = 80

#: What an attempt can be; an attempt's state is an index into this.
STATES = ("running", "done", "failed", "killed", "cloned", "caught")
_RUNNING, _DONE, _FAILED, _KILLED, _CLONED, _CAUGHT = range(len(STATES))
_STATE_OF_STATUS = {"running": _RUNNING, "done": _DONE, "failed": _FAILED, "killed": _KILLED}


class Columns(NamedTuple):
    """Attempts, one list for each of their fields; times are milliseconds since `zero`.

    Attributes
    ----------
    step : list of int
        Index into the list of steps.
    task, attempt, state : list
        Task id, number of the attempt, index into `STATES`.
    ready, started, code_started, code_ended, finished : list of int or None
        None where it is not known, or has not happened.
    indexes : list of str
        Indexes in the enclosing foreaches, outermost first, with dots between them; empty outside any.
    label : list of str
        Text of the value in the innermost foreach.
    """

    step: list[int]
    task: list[str]
    attempt: list[int]
    state: list[int]
    ready: list[int | None]
    started: list[int]
    code_started: list[int | None]
    code_ended: list[int | None]
    finished: list[int | None]
    indexes: list[str]
    label: list[str]


class Table(NamedTuple):
    """Attempts of a run.

    Attributes
    ----------
    steps : list of str
        Names of the steps, in the order of the graph; those that it does not have come last.
    expected : list of int
        How many tasks each step is going to have, as far as that is known yet.
    columns : Columns
        Its attempts.
    cut : bool
        Whether there are more of them.
    """

    steps: list[str]
    expected: list[int]
    columns: Columns
    cut: bool


def each_attempt(
    reader: AttemptReader,
    flow: str,
    run_id: str,
    changed_since: float | None = None,
    with_inputs: bool = False,
    page: int = _PAGE,
) -> Iterator[AttemptRow]:
    """Give the attempts of a run's own steps, reading a page at a time."""
    query = AttemptQuery(flow, run_id, page, None, changed_since, with_inputs)
    while True:
        rows = reader.attempts(query)
        for row in rows:
            if row.step != PARAMETERS_STEP:
                yield row
        if len(rows) < page:
            return
        query = query._replace(after=rows[-1][:3])


def read_table(rows: Iterator[AttemptRow], steps: list[str], zero: float, most: int = MOST_ATTEMPTS) -> Table:
    """Make a table of attempts.

    Parameters
    ----------
    rows : iterator of AttemptRow
        The attempts.
    steps : list of str
        Steps of the graph, in order.
    zero : float
        The time that others are counted from, in seconds since the epoch.
    most : int
        Attempts behind so many are left out.
    """
    columns = Columns(*([] for _ in Columns._fields))
    numbers = {name: number for number, name in enumerate(steps)}
    splits: dict[tuple[str, str], int] = {}
    alone: set[str] = set()
    cut = False
    offset = _milliseconds_since(zero)
    for row in rows:
        if len(columns.step) >= most:
            cut = True
            break
        _append(columns, row, numbers.setdefault(row.step, len(numbers)), offset)
        if row.num_splits is None:
            alone.add(row.step)
        else:
            around = row.index_path[: row.index_path[:-1].rfind(",") + 1]
            splits[row.step, around] = row.num_splits
    expected = [int(name in alone) for name in numbers]
    for (step, _), number in splits.items():
        expected[numbers[step]] += number
    return Table(list(numbers), expected, columns, cut)


def _append(columns: Columns, row: AttemptRow, step: int, offset: Callable[[float | None], int | None]) -> None:
    started = offset(row.started_at)
    assert started is not None
    columns.step.append(step)
    columns.task.append(row.task_id)
    columns.attempt.append(row.attempt)
    columns.state.append(_state(row))
    columns.ready.append(offset(row.ready_at))
    columns.started.append(started)
    columns.code_started.append(offset(row.code_started_at))
    columns.code_ended.append(offset(row.code_ended_at))
    columns.finished.append(offset(row.finished_at or None))
    columns.indexes.append(_numbers_of(row.index_path))
    columns.label.append((row.foreach_value or "")[:_LABEL])


def _milliseconds_since(zero: float) -> Callable[[float | None], int | None]:
    return lambda at: None if at is None else round((at - zero) * 1000)


def _state(row: AttemptRow) -> int:
    state = _STATE_OF_STATUS.get(row.status, _RUNNING)
    if state != _DONE:
        return state
    if row.is_clone:
        return _CLONED
    return _DONE if row.success else _CAUGHT


def _numbers_of(path: str) -> str:
    if not path:
        return ""
    return ".".join([part.rpartition(":")[2] for part in path[:-1].split(",")])


def steps_in_order(graph: Mapping[str, Any]) -> list[str]:
    """Names of a graph's steps, each behind those that lead to it; branches in the order in which they are named."""
    steps: Mapping[str, Any] = graph.get("steps") or {}
    start = graph.get("start_step") or "start"
    if start not in steps:
        return list(steps)
    seen, order = {start}, []
    # Depth first, without recursion: a step is put down when all that it leads to has been.
    path = [(start, iter(_next(steps, start)))]
    while path:
        name, following = path[-1]
        for target in following:
            if target in steps and target not in seen:
                seen.add(target)
                path.append((target, iter(_next(steps, target))))
                break
        else:
            order.append(name)
            path.pop()
    order.reverse()
    return order + [name for name in steps if name not in seen]


def _next(steps: Mapping[str, Any], name: str) -> list[str]:
    return list(reversed(steps[name].get("next") or ()))
