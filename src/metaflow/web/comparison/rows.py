"""Rows of a comparison: what each run has, told apart from what the others have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaflow.web.comparison.cells import Cell

#: Sections in the order in which they are shown.
SECTIONS = (
    "metrics",
    "parameters",
    "configs",
    "run",
    "code",
    "environment",
    "decorators",
    "artifacts",
    "durations",
)
#: Rows of one section. What is beyond is left out, and said to be.
MOST_ROWS = 3000
#: Durations never agree exactly. They differ from so many seconds, and from this share of the longer one, on.
_NOTABLE_SECONDS, _NOTABLE_SHARE = 0.1, 0.05

#: What a run has, by section and name.
Facts = Mapping[str, Mapping[str, "Cell"]]


def lay_side_by_side(runs: Sequence[Facts]) -> list[dict[str, Any]]:
    """Sections with the rows of all runs.

    Parameters
    ----------
    runs : sequence of mapping
        What each run has, by section and name.

    Returns
    -------
    list of dict
        For each section its ``name``, its ``rows`` and how many were ``left_out``. A row has each different ``value``
        once, and for each run the ``cells`` that say which of them it has; None for nothing.
    """
    of_all = [*runs]
    sections = []
    for section in SECTIONS:
        names = list(dict.fromkeys(name for run in of_all for name in run.get(section, {})))
        rows = [_row(section, name, [run.get(section, {}).get(name) for run in of_all]) for name in names[:MOST_ROWS]]
        sections.append({"name": section, "rows": rows, "left_out": max(0, len(names) - MOST_ROWS)})
    return sections


def with_metrics(runs: Sequence[dict[str, dict[str, Cell]]]) -> None:
    """Move those artifacts that are numbers in each run that has them to a section of their own."""
    seen: dict[str, bool] = {}
    for run in runs:
        for name, cell in run.get("artifacts", {}).items():
            seen[name] = seen.get(name, True) and cell.number is not None
    for run in runs:
        found = run.get("artifacts", {})
        run["metrics"] = {name: cell for name, cell in found.items() if seen[name]}
        run["artifacts"] = {name: cell for name, cell in found.items() if not seen[name]}


def _row(section: str, name: str, cells: Sequence[Cell | None]) -> dict[str, Any]:
    indices: dict[str, int] = {}
    values: list[dict[str, Any]] = []
    chosen: list[int | None] = []
    for cell in cells:
        if cell is None:
            chosen.append(None)
            continue
        if cell.key not in indices:
            indices[cell.key] = len(values)
            values.append(_plain(cell))
        chosen.append(indices[cell.key])
    is_duration = section == "durations"
    return {
        "name": name,
        "unit": "seconds" if is_duration else None,
        "is_numeric": bool(values) and all(value["number"] is not None for value in values),
        "differs": _durations_differ(cells) if is_duration else len(set(chosen)) > 1,
        "values": values,
        "cells": chosen,
    }


def _plain(cell: Cell) -> dict[str, Any]:
    plain = cell._asdict()
    del plain["key"]
    number = plain["number"]
    # JSON has no infinite numbers, and nobody draws whole ones beyond these; the text has them all.
    if number is not None and not abs(number) < float("1e300"):
        plain["number"] = None
    return plain


def _durations_differ(cells: Sequence[Cell | None]) -> bool:
    known = [cell.number for cell in cells if cell is not None and cell.number is not None]
    if 0 < len(known) < len(cells):
        return True
    return len(known) > 1 and max(known) - min(known) >= max(_NOTABLE_SECONDS, _NOTABLE_SHARE * max(known))
