"""Rounds that alternate between the two contenders, and the medians over them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .contenders import Contender
from .measure import Cost

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Sizes:
    """How much work each benchmark does.

    The sizes for Metaflow are smaller where the full one would take minutes; figures are then given for one
    task or scaled in proportion, and the notes say so.
    """

    rounds: int
    import_rounds: int
    our_foreach: int
    their_foreach: int
    our_chain: int
    their_chain: int
    our_mebibytes: int
    their_mebibytes: int
    small_artifacts: int
    client_tasks: int
    planned_tasks: int
    memory_tasks: int
    stored_runs: int
    stored_tasks: int
    compared_runs: int
    resumed_tasks: int
    large_objects: int
    small_objects: int
    their_small_objects: int
    our_remote_tasks: int
    their_remote_tasks: int
    watched_tasks: int


FULL = Sizes(
    rounds=3,
    import_rounds=21,
    our_foreach=1_000,
    their_foreach=60,
    our_chain=23,
    their_chain=8,
    our_mebibytes=1024,
    their_mebibytes=256,
    small_artifacts=10_000,
    client_tasks=500,
    planned_tasks=1_000_000,
    memory_tasks=10_000,
    stored_runs=10_000,
    stored_tasks=10_000,
    compared_runs=1_000,
    resumed_tasks=1_000,
    large_objects=64,
    small_objects=5_000,
    their_small_objects=1_000,
    our_remote_tasks=200,
    watched_tasks=10_000,
    their_remote_tasks=20,
)

QUICK = Sizes(
    rounds=1,
    import_rounds=5,
    our_foreach=200,
    their_foreach=12,
    our_chain=13,
    their_chain=5,
    our_mebibytes=128,
    their_mebibytes=32,
    small_artifacts=1_000,
    client_tasks=40,
    planned_tasks=100_000,
    memory_tasks=500,
    stored_runs=1_000,
    stored_tasks=1_000,
    compared_runs=100,
    resumed_tasks=50,
    large_objects=8,
    small_objects=500,
    their_small_objects=100,
    our_remote_tasks=40,
    watched_tasks=1_000,
    their_remote_tasks=4,
)


@dataclass(frozen=True)
class Match:
    """The two contenders and the sizes they are measured at."""

    ours: Contender
    theirs: Contender
    sizes: Sizes

    def alternate(self, sample: Callable[[Contender], Sample], rounds: int = 0) -> list[tuple[Sample, Sample]]:
        """Sample both contenders in each round, as (ours, theirs).

        Who goes first changes from round to round, so that neither always finds the caches as the other
        left them.
        """
        pairs = []
        for number in range(rounds or self.sizes.rounds):
            if number % 2 == 0:
                ours = sample(self.ours)
                pairs.append((ours, sample(self.theirs)))
            else:
                theirs = sample(self.theirs)
                pairs.append((sample(self.ours), theirs))
        return pairs

    def is_ours(self, contender: Contender) -> bool:
        """Whether `contender` is this project."""
        return contender is self.ours


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Median of ours, median of theirs, and the median of theirs / ours of each round."""
    ratios = [theirs / ours for ours, theirs in pairs]
    ours, theirs = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(theirs), statistics.median(ratios)


def difference(seconds: float, baselines: Sequence[float]) -> float:
    """Seconds above the median of some baselines, but no less than these differ among themselves.

    A cost that drowns in the noise is thus given as large as the noise, so that luck cannot flatter it.
    """
    return max(seconds - statistics.median(baselines), max(baselines) - min(baselines))


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The cost whose wall time is the median."""
    return sorted(costs, key=lambda cost: cost.wall)[len(costs) // 2]


def write_chain(directory: Path, steps: int, decorator: str = "") -> Path:
    """Write a linear flow of so many steps, each with the decorator if one is given, and return its path."""
    names = ["start", *(f"step_{number}" for number in range(2, steps)), "end"]
    imported = ["FlowSpec", *filter(None, [decorator]), "step"]
    lines = [f"from metaflow import {', '.join(imported)}", "", "", "class ChainFlow(FlowSpec):"]
    above = [f"    @{decorator}"] if decorator else []
    for name, following in zip(names, [*names[1:], None], strict=True):
        body = f"self.next(self.{following})" if following else "pass"
        lines += [*above, "    @step", f"    def {name}(self):", f"        {body}", ""]
    lines += ["", 'if __name__ == "__main__":', "    ChainFlow()", ""]
    path = directory / f"chain_{steps}_{decorator}flow.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
