"""Benchmarks of tasks on other machines: what the run's own process uses for them."""

from __future__ import annotations

import json

from .contenders import PROGRAMS, fresh_directory
from .rounds import Match
from .table import Row, at_most

_SECONDS = 60


def watched_tasks(match: Match) -> Row:
    """Ten thousand simulated tasks elsewhere, on an engine that tells the state of each at every poll."""
    count = match.sizes.watched_tasks
    with fresh_directory() as directory:
        arguments = ("run", "--count", str(count), "--seconds", str(_SECONDS))
        cost = match.ours.run_python(directory, PROGRAMS / "watch_tasks.py", *arguments)
        report = json.loads((directory / "engine" / "report").read_text())
    share, memory = 100 * report["cores"], report["megabytes"]
    return Row(
        f"watch {count:,} tasks elsewhere for {_SECONDS} s",
        "—",
        f"{share:.1f} % of a core, {memory:.0f} MB",
        (
            at_most(20, share, " %", "of a core"),
            at_most(200, memory, " MB"),
            at_most(20 * count / 1000, report["submissions"], "", "submissions"),
        ),
        "the run's process, while a second one plays the machines; each task prints a line every ten seconds; Metaflow "
        "has a process for each",
        None,
        cost,
    )
