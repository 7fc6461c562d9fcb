"""Benchmarks of the client in a store with many runs."""

from __future__ import annotations

from .contenders import FLOWS, PROGRAMS, Contender, fresh_directory
from .measure import Cost
from .rounds import Match, median_cost, medians
from .table import Row, Target, at_least, at_most, seconds

# What is asked, its figure, and the most milliseconds that the answer may take in the large store.
_QUESTIONS = (
    ("latest run of a flow", "latest", 5),
    ("latest successful run of a flow", "latest_successful", 5),
    ("first 20 runs with a rare tag", "tagged", 20),
    ("all runs iterated, with whether they succeeded", "iterate", 500),
)
_OURS_ALONE = (
    ("one artifact of each task of a wide step", "tasks", 1000),
    ("first 20 runs that failed", "failed", 20),
    ("first 20 runs with an artifact above a value", "value", 20),
    ("the best 20 runs by an artifact", "best", 20),
    ("table of parameters and artifacts of all runs", "table", 1000),
)


def reading_runs(match: Match) -> list[Row]:
    """Find runs and iterate over them, in a store of many runs and, to compare, in stores of fewer."""
    many, tasks, fewer = match.sizes.stored_runs, match.sizes.stored_tasks, match.sizes.compared_runs
    with fresh_directory() as large, fresh_directory() as ours, fresh_directory() as theirs:
        match.ours.run_python(large, PROGRAMS / "fill_store.py", str(many), str(tasks))
        match.ours.run_python(ours, PROGRAMS / "fill_store.py", str(fewer), "0")
        match.theirs.run_flow(FLOWS / "many_flow.py", theirs)
        match.theirs.run_python(theirs, PROGRAMS / "copy_runs.py", str(fewer))

        def sample(contender: Contender) -> Cost:
            store = ours if match.is_ours(contender) else theirs
            return contender.run_python(store, PROGRAMS / "read_runs.py", str(fewer), "0")

        pairs = match.alternate(sample)
        full = median_cost(
            [
                match.ours.run_python(large, PROGRAMS / "read_runs.py", str(many), str(tasks), "--filters")
                for _ in range(match.sizes.rounds)
            ]
        )
    rows = []
    for what, name, limit in _QUESTIONS:
        figure = f"{name}_seconds"
        _, their_time, ratio = medians([(our.figure(figure), their.figure(figure)) for our, their in pairs])
        targets: tuple[Target, ...] = (
            at_most(limit, full.figure(figure) * 1e3, " ms"),
            at_least(50, ratio, "x", f"faster, with {fewer:,} runs"),
        )
        if name == "iterate":
            targets += (at_most(10, full.figure("iterate_peak_bytes") / 1e6, " MB", "more memory at the end"),)
        rows.append(
            Row(
                f"client, {many:,} runs: {what}",
                f"{seconds(their_time)} with {fewer:,} runs",
                seconds(full.figure(figure)),
                targets,
                "in a process that has asked before; the store is filled with records as a run writes them, that of "
                "Metaflow by copying the files of one run",
            )
        )
    for what, name, limit in _OURS_ALONE:
        taken = full.figure(f"{name}_seconds")
        where = f"client, {tasks:,} tasks" if name == "tasks" else f"client, {many:,} runs"
        rows.append(Row(f"{where}: {what}", "—", seconds(taken), (at_most(limit, taken * 1e3, " ms"),)))
    return rows
