"""Benchmarks of looking after a store with many runs: what may go, and whether all is there."""

from __future__ import annotations

from .contenders import PROGRAMS, fresh_directory
from .rounds import Match, median_cost
from .table import Row, at_most, seconds

_CHUNKS_PER_RUN = 10


def clean_up(match: Match) -> list[Row]:
    """``metaflow gc`` that finds half of the runs to go, and ``metaflow verify``, whole commands."""
    runs = match.sizes.stored_runs
    with fresh_directory() as directory:
        match.ours.run_python(directory, PROGRAMS / "fill_store.py", str(runs), "0", str(_CHUNKS_PER_RUN))

        def sample(*arguments: str) -> Row:
            costs = [match.ours.run_python(directory, "-m", "metaflow", *arguments) for _ in range(match.sizes.rounds)]
            cost = median_cost(costs)
            what = f"`metaflow {' '.join(arguments)}`, {runs:,} runs and {runs * _CHUNKS_PER_RUN:,} chunks"
            return Row(
                what,
                "—",
                f"{seconds(cost.wall)}",
                (at_most(10 * runs / 10_000, cost.wall, " s"),),
                "all manifests are read and all chunks are looked at; Metaflow has no such command",
                None,
                cost,
            )

        return [sample("gc", "--dry-run", "--keep-last", str(runs // 2)), sample("verify")]
