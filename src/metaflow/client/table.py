"""Tables of runs and of tasks: what differs between many of them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from metaflow.client.object import local_time
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from metaflow.metadata_store.records import RunRecord, TaskRecord

_SHOWN_ROWS = 50
_SHOWN_CHARACTERS = 30


class Table(Sequence["dict[str, Any]"]):
    """Rows as dictionaries, which have the same keys in the same order.

    It is a sequence: index it, slice it, iterate over it, or give it to whatever takes a list of dictionaries. What a
    row has no value for is None.

    Parameters
    ----------
    rows : iterable of dict
        The rows; keys may differ.
    columns : sequence of str
        Columns that come first, and are there even if no row has them.

    Attributes
    ----------
    columns : list of str
        Names of all columns.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
        given = list(rows)
        self.columns = list(dict.fromkeys([*columns, *(name for row in given for name in row)]))
        self._rows = [{name: row.get(name) for name in self.columns} for row in given]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Table: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | Table:
        if isinstance(place, slice):
            return Table(self._rows[place], self.columns)
        return self._rows[place]

    def to_dataframe(self) -> Any:
        """Give the table as a data frame of pandas.

        Returns
        -------
        pandas.DataFrame
            A row for each row, columns in the same order.

        Raises
        ------
        MetaflowException
            pandas is not installed.
        """
        try:
            from pandas import DataFrame  # type: ignore[import-untyped]
        except ImportError as error:
            raise MetaflowException(
                "A data frame needs pandas, which is not installed here. Install it with "
                "`pip install 'metaflow[pandas]'`, or use the table as it is: it is a list of dictionaries."
            ) from error
        return DataFrame(self._rows, columns=self.columns)

    def __repr__(self) -> str:
        shown = [[_cell(row[name]) for name in self.columns] for row in self._rows[:_SHOWN_ROWS]]
        head = [_printable(name) for name in self.columns]
        widths = [max(map(len, column)) for column in zip(head, *shown, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in (head, *shown)
        ]
        if len(self) > _SHOWN_ROWS:
            lines.append(f"... {len(self)} rows")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from metaflow.client.html import grid, panel

        rows = [[_cell(row[name]) for name in self.columns] for row in self._rows[:_SHOWN_ROWS]]
        note = f"{len(self)} rows, of which {_SHOWN_ROWS} are shown" if len(self) > _SHOWN_ROWS else ""
        return panel("", grid(self.columns, rows), note)


def runs_table(runs: Iterable[RunRecord], with_flow: bool) -> Table:
    """Make a table of runs that were read with their values.

    Parameters
    ----------
    runs : iterable of RunRecord
        The runs.
    with_flow : bool
        Whether a column says of which flow each is.
    """
    fixed = ["flow"] if with_flow else []
    fixed += ["run", "status", "user", "started_at", "duration"]
    parameters: dict[str, None] = {}
    rows = []
    for run in runs:
        assert run.outcome is not None
        row = {
            **({"flow": run.flow} if with_flow else {}),
            "run": run.run_id,
            "status": run.status,
            "user": run.user,
            "started_at": local_time(run.started_at),
            "duration": None if run.finished_at is None else run.finished_at - run.started_at,
        }
        given = _named("parameter", run.outcome.parameters or {}, fixed)
        parameters.update(dict.fromkeys(given))
        # A step inherits its run's parameters as artifacts, which cannot be assigned: they are the same.
        own = {name: value for name, value in (run.outcome.artifacts or {}).items() if name not in given}
        rows.append({**row, **given, **_named("artifact", own, fixed)})
    return Table(rows, [*fixed, *parameters])


def tasks_table(tasks: Iterable[TaskRecord]) -> Table:
    """Make a table of the tasks of a step."""
    fixed = ["task", "index", "value", "status", "started_at", "duration"]
    rows = []
    for task in tasks:
        row = {
            "task": task.task_id,
            "index": task.index_path[-1][1] if task.index_path else None,
            "value": task.foreach_stack[-1][1] if task.foreach_stack else None,
            "status": task.status,
            "started_at": local_time(task.started_at),
            "duration": None if task.finished_at is None else task.finished_at - task.started_at,
        }
        rows.append({**row, **_named("artifact", task.own_values, fixed)})
    return Table(rows, fixed)


def _named(kind: str, values: Mapping[str, Any], fixed: Sequence[str]) -> dict[str, Any]:
    """Columns of values: their own names, unless one is that of a column that every table has."""
    return {f"{kind}:{name}" if name in fixed else name: value for name, value in values.items()}


def _cell(value: object) -> str:
    from datetime import datetime

    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = _printable(text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
