"""Rows of the result, and how they are written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .measure import Cost


@dataclass(frozen=True)
class Target:
    """One promise and the figure that was measured for it."""

    text: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Row:
    """One thing that was compared.

    Attributes
    ----------
    what : str
    theirs, ours : str
        Measured figures, as text; an em dash where there is none.
    targets : tuple of Target
    note : str
        How the figures were taken, where that is not obvious.
    their_cost, our_cost : Cost, optional
        Of one command, the median one by wall time.
    """

    what: str
    theirs: str
    ours: str
    targets: tuple[Target, ...]
    note: str = ""
    their_cost: Cost | None = field(default=None, repr=False)
    our_cost: Cost | None = field(default=None, repr=False)


def at_least(limit: float, measured: float, unit: str, text: str = "") -> Target:
    """Target that the measured figure should reach; `text` goes on after the unit."""
    return Target(f"at least {limit:g}{unit} {text}".strip(), _number(measured) + unit, measured >= limit)


def at_most(limit: float, measured: float, unit: str, text: str = "") -> Target:
    """Target that the measured figure should not pass; `text` goes on after the unit."""
    return Target(f"at most {limit:g}{unit} {text}".strip(), _number(measured) + unit, measured <= limit)


def seconds(value: float) -> str:
    """A duration in the unit that reads best."""
    if abs(value) >= 1:
        return f"{value:.2f} s"
    if abs(value) >= 1e-3:
        return f"{value * 1e3:.1f} ms"
    return f"{value * 1e6:.0f} µs"


def figures_table(rows: Sequence[Row], their_name: str) -> str:
    """Table of figures, targets and marks."""
    lines = [f"| what | {their_name} | this | target | measured | |", "|---|---|---|---|---|---|"]
    for row in rows:
        first = f"| {row.what} | {row.theirs} | {row.ours} "
        for target in row.targets:
            mark = "pass" if target.met else "**short**"
            lines.append(f"{first}| {target.text} | {target.measured} | {mark} |")
            first = "| | | "
    return "\n".join(lines)


def costs_table(rows: Sequence[Row], their_name: str) -> str:
    """Table of CPU seconds and files of one command each."""
    lines = [
        f"| what | CPU, {their_name} | CPU, this | files, {their_name} | files, this |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.our_cost is None:
            continue
        cells = [_cpu(row.their_cost), _cpu(row.our_cost), _files(row.their_cost), _files(row.our_cost)]
        lines.append(f"| {row.what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def notes(rows: Sequence[Row]) -> str:
    """How the figures were taken, as a list."""
    return "\n".join(f"* **{row.what}**: {row.note}" for row in rows if row.note)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cpu(cost: Cost | None) -> str:
    return "—" if cost is None else f"{cost.cpu:.2f} s"


def _files(cost: Cost | None) -> str:
    return "—" if cost is None else f"{cost.files:,} ({cost.stored_bytes / 1e6:,.1f} MB)"
