"""Benchmarks of runs that are driven from Python."""

from __future__ import annotations

from .contenders import PROGRAMS, WORK, Contender, fresh_directory
from .measure import Cost
from .rounds import Match, median_cost, medians, write_chain
from .table import Row, at_most, seconds

#: Runs that one asyncio program drives at once.
AT_ONCE = 100


def runner(match: Match) -> list[Row]:
    """What a Runner adds to the command that it runs, and a hundred runs at once."""

    (WORK / "flows").mkdir(parents=True, exist_ok=True)
    flow = write_chain(WORK / "flows", 3)

    def sample(contender: Contender) -> Cost:
        many = AT_ONCE if match.is_ours(contender) else 0
        with fresh_directory() as directory:
            arguments = [PROGRAMS / "drive_runs.py", flow, str(match.sizes.rounds * 2 + 1), str(many)]
            return contender.run_python(directory, *arguments)

    pairs = match.alternate(sample)
    figures = [(our.figure("added_seconds"), their.figure("added_seconds")) for our, their in pairs]
    ours, theirs, _ = medians(figures)
    first, their_first, _ = medians(
        [(our.figure("first_seconds"), their.figure("first_seconds")) for our, their in pairs]
    )
    cost = median_cost([our for our, _ in pairs])
    peak = cost.figure("peak_bytes") / 1e6
    return [
        Row(
            "`Runner(...).run()`, more than the command",
            f"{seconds(theirs)}, the first {seconds(their_first)}",
            f"{seconds(ours)}, the first {seconds(first)}",
            (at_most(150, ours * 1e3, " ms"),),
            "of the 3-step linear flow; the first call in a program imports the Runner, and asks the file, of which "
            "nothing is kept yet, what its commands take",
        ),
        Row(
            f"{AT_ONCE} runs at once from one asyncio program",
            "—",
            f"{seconds(cost.figure('many_seconds'))}, {peak:.0f} MB",
            (at_most(100, peak, " MB"),),
            "peak resident memory of the program that drives them; one such run alone takes "
            f"{seconds(cost.figure('plain_seconds'))} of two cores",
            None,
            cost,
        ),
    ]
