"""Command line: ``python -m benchmarks [--quick] [--only WORD]``."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import artifacts, clean_up, client, commands, driving, elsewhere, object_stores
from .contenders import HERE, PROJECT, Contender, build_ours, build_theirs, named_theirs
from .measure import CommandFailed, adopt_orphans
from .rounds import FULL, QUICK, Match
from .table import Row, costs_table, figures_table, notes

BENCHMARKS: tuple[Callable[[Match], Row | list[Row]], ...] = (
    commands.import_time,
    commands.linear_flow,
    commands.foreach,
    commands.added_step,
    commands.cards,
    commands.resume,
    commands.spin,
    artifacts.array,
    artifacts.untouched_array,
    artifacts.small_artifacts,
    artifacts.client_values,
    client.reading_runs,
    clean_up.clean_up,
    commands.plan,
    commands.scheduler_memory,
    driving.runner,
    object_stores.s3_large_objects,
    object_stores.s3_small_objects,
    object_stores.s3_array,
    object_stores.s3_foreach,
    elsewhere.watched_tasks,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks, print the tables, and write them to ``RESULTS.md`` if all of them ran in full.

    Returns
    -------
    int
        Exit status: 0 when every benchmark could be measured, whether it met its targets or not.
    """
    options = _options(arguments)
    adopt_orphans()
    ours = Contender("this", options.ours, str(PROJECT / "src")) if options.ours else build_ours()
    theirs = named_theirs(options.theirs) if options.theirs else build_theirs()
    match = Match(ours, theirs, QUICK if options.quick else FULL)
    chosen = [benchmark for benchmark in BENCHMARKS if options.only in benchmark.__name__]

    head = _machine()
    rows: list[Row] = []
    failed = False
    for benchmark in chosen:
        began = time.perf_counter()
        try:
            result = benchmark(match)
        except CommandFailed as error:
            print(f"{benchmark.__name__} could not be measured: {error}", file=sys.stderr)
            failed = True
            continue
        rows += result if isinstance(result, list) else [result]
        print(f"{benchmark.__name__}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    text = _document(rows, theirs.name, head)
    print(text)
    if not (options.quick or options.only or failed):
        (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
        print("written to benchmarks/RESULTS.md", file=sys.stderr)
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this project beside Metaflow.")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round; only prints")
    parser.add_argument("--only", default="", metavar="WORD", help="only benchmarks with WORD in their name")
    parser.add_argument("--ours", type=Path, help="interpreter to run the source tree with, without installing")
    parser.add_argument("--theirs", type=Path, help="interpreter that has Metaflow installed")
    return parser.parse_args(arguments)


def _document(rows: Sequence[Row], their_name: str, head: str) -> str:
    targets = [target for row in rows for target in row.targets]
    met = sum(target.met for target in targets)
    return f"""# Results

{head}

{met} of {len(targets)} targets are met. `make bench` makes this page.

{figures_table(rows, their_name)}

The same flows run under both packages, one command after the other, in fresh directories; who goes first
changes from round to round. Ratios are medians of the ratios of single rounds.

## What one command costs

CPU is user and system time of all processes of the command. Where a row was measured with fewer tasks or
bytes under Metaflow (see the notes), these are the costs of that smaller command.

{costs_table(rows, their_name)}

## Notes

{notes(rows)}
"""


def _machine() -> str:
    load = os.getloadavg()[0]
    facts = [
        f"{os.cpu_count()} cores",
        _processor(),
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"load average when it began {load:.1f}",
        f"{datetime.datetime.now(tz=datetime.timezone.utc):%Y-%m-%d}",
    ]
    return "Machine: " + ", ".join(fact for fact in facts if fact) + "."


def _processor() -> str:
    """Model of the processor, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except FileNotFoundError:
        pass
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
