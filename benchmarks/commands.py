"""Benchmarks of the time that goes to everything but the user's code: imports, commands, steps, tasks."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from .contenders import FLOWS, PROGRAMS, WORK, Contender, fresh_directory
from .measure import Cost
from .rounds import Match, median_cost, medians, write_chain
from .table import Row, at_least, at_most, seconds

FOREACH = FLOWS / "foreach_flow.py"
RESUME = FLOWS / "resume_flow.py"


def import_time(match: Match) -> Row:
    """``from metaflow import FlowSpec, step`` in a new interpreter, and the bare interpreter beside it."""

    def sample(contender: Contender) -> tuple[Cost, float]:
        with fresh_directory() as directory:
            bare = contender.run_python(directory, "-c", "pass").wall
            return contender.run_python(directory, "-c", "from metaflow import FlowSpec, step"), bare

    match.alternate(sample, 2)  # compiles the byte code
    pairs = match.alternate(sample, match.sizes.import_rounds)
    ours, theirs, ratio = medians([(our[0].wall - our[1], their[0].wall - their[1]) for our, their in pairs])
    our_bare, their_bare, _ = medians([(our[1], their[1]) for our, their in pairs])
    our_raw, their_raw, raw_ratio = medians([(our[0].wall, their[0].wall) for our, their in pairs])
    return Row(
        "`from metaflow import FlowSpec, step`",
        f"{seconds(theirs)} net, {seconds(their_raw)} raw",
        f"{seconds(ours)} net, {seconds(our_raw)} raw",
        (
            at_least(10, ratio, "x", "faster, net of the bare interpreter"),
            at_most(35, ours * 1e3, " ms", "more than the bare interpreter"),
        ),
        f"the bare interpreters took {seconds(their_bare)} and {seconds(our_bare)}; raw figures include "
        f"them, and differ by {raw_ratio:.3g}x",
        median_cost([their[0] for _, their in pairs]),
        median_cost([our[0] for our, _ in pairs]),
    )


def linear_flow(match: Match) -> Row:
    """The whole command of a flow of three steps that do nothing."""
    pairs = match.alternate(lambda contender: _chain(contender, 3), match.sizes.rounds * 2)
    ours, theirs, ratio = medians([(our.wall, their.wall) for our, their in pairs])
    return Row(
        "3-step linear flow, whole command",
        seconds(theirs),
        seconds(ours),
        (at_least(10, ratio, "x", "faster"),),
        "",
        median_cost([their for _, their in pairs]),
        median_cost([our for our, _ in pairs]),
    )


def added_step(match: Match) -> Row:
    """What one more linear step costs: the slope between a flow of 3 steps and a longer one."""
    lengths = {True: match.sizes.our_chain, False: match.sizes.their_chain}

    def sample(contender: Contender) -> tuple[float, Cost]:
        length = lengths[match.is_ours(contender)]
        short, long = _chain(contender, 3), _chain(contender, length)
        return (long.wall - short.wall) / (length - 3), long

    pairs = match.alternate(sample, match.sizes.rounds * 2 - 1)
    ours, theirs, ratio = medians([(our[0], their[0]) for our, their in pairs])
    return Row(
        "one added linear step",
        seconds(theirs),
        seconds(ours),
        (at_most(12, ours * 1e3, " ms"),),
        f"the slope between flows of 3 and {lengths[True]} steps ({lengths[False]} for Metaflow); "
        f"{ratio:.3g}x faster; the costs are those of the longer flow",
        median_cost([their[1] for _, their in pairs]),
        median_cost([our[1] for our, _ in pairs]),
    )


def foreach(match: Match) -> Row:
    """Wall and CPU time of one task of a foreach that does nothing."""
    sizes = {True: match.sizes.our_foreach, False: match.sizes.their_foreach}

    def sample(contender: Contender) -> tuple[float, float, Cost]:
        tasks = sizes[match.is_ours(contender)]
        few, many = _foreach(contender, 2), _foreach(contender, tasks)
        return (many.wall - few.wall) / (tasks - 2), (many.cpu - few.cpu) / (tasks - 2), many

    pairs = match.alternate(sample)
    our_wall, their_wall, wall_ratio = medians([(our[0], their[0]) for our, their in pairs])
    our_cpu, their_cpu, cpu_ratio = medians([(our[1], their[1]) for our, their in pairs])
    rate = statistics.median(sizes[True] / our[2].wall for our, _ in pairs)
    with fresh_directory() as directory:
        bare = match.ours.run_python(directory, PROGRAMS / "bare_fork.py", FOREACH).figure("seconds_per_fork")
    return Row(
        f"foreach of {sizes[True]:,} no-op tasks, 2 workers, per task",
        f"{seconds(their_wall)} wall, {seconds(their_cpu)} CPU",
        f"{seconds(our_wall)} wall, {seconds(our_cpu)} CPU",
        (
            at_least(50, wall_ratio, "x", "less wall time"),
            at_least(50, cpu_ratio, "x", "less CPU time"),
            at_least(200, rate, " tasks/s", "in the whole command"),
        ),
        f"Metaflow ran {sizes[False]} tasks; the time of a task is the slope from a foreach of 2; a bare "
        f"fork and wait of a process that has imported the same takes {seconds(bare)}",
        median_cost([their[2] for _, their in pairs]),
        median_cost([our[2] for our, _ in pairs]),
    )


def cards(match: Match) -> Row:
    """What a default card adds to a step: a flow of three steps with cards beside the same without."""

    def sample(contender: Contender) -> tuple[float, Cost]:
        with_cards, without = _chain(contender, 3, "card"), _chain(contender, 3)
        return (with_cards.wall - without.wall) / 3, with_cards

    pairs = match.alternate(sample, match.sizes.rounds * 2 - 1)
    ours, theirs, ratio = medians([(our[0], their[0]) for our, their in pairs])
    return Row(
        "`@card`, per step",
        seconds(theirs),
        seconds(ours),
        (at_most(60, ours * 1e3, " ms"),),
        f"the default card of each step of a flow of 3, against the flow without; {ratio:.3g}x faster; the costs are "
        "those of the flow with cards",
        median_cost([their[1] for _, their in pairs]),
        median_cost([our[1] for our, _ in pairs]),
    )


def resume(match: Match) -> Row:
    """Time until the first new task of a resumed run begins, after those of a wide foreach were taken over."""
    tasks = match.sizes.resumed_tasks
    with fresh_directory() as our_directory, fresh_directory() as their_directory:
        directories = {True: our_directory, False: their_directory}
        for contender in (match.ours, match.theirs):
            contender.run_flow(RESUME, directories[match.is_ours(contender)], "--tasks", tasks)

        def sample(contender: Contender) -> tuple[float, Cost]:
            cost = contender.run_flow(RESUME, directories[match.is_ours(contender)], "join", command="resume")
            return cost.figure("began_at") - cost.began_at, cost

        pairs = match.alternate(sample)
    ours, theirs, ratio = medians([(our[0], their[0]) for our, their in pairs])
    return Row(
        f"resume of a run with {tasks:,} finished foreach tasks, until the first new task",
        seconds(theirs),
        seconds(ours),
        (at_least(10, ratio, "x", "faster"), at_most(1, ours, " s")),
        "`resume join`: everything before the join is cloned; from the start of the command to the code of the join",
        median_cost([their[1] for _, their in pairs]),
        median_cost([our[1] for our, _ in pairs]),
    )


def scheduler_memory(match: Match) -> Row:
    """Peak memory of the process that schedules a large foreach."""
    tasks = match.sizes.memory_tasks
    with fresh_directory() as directory:
        cost = match.ours.run_flow(FOREACH, directory, "--tasks", tasks, watch_memory=True)
    return Row(
        f"scheduler memory in a foreach of {tasks:,} tasks",
        "—",
        f"{cost.peak_bytes / 1e6:.0f} MB, {tasks / cost.wall:.0f} tasks/s",
        (at_most(150, cost.peak_bytes / 1e6, " MB"),),
        "peak resident memory of the `run` process itself; Metaflow was not run at this size",
        None,
        cost,
    )


def plan(match: Match) -> Row:
    """The scheduler's plan alone, driven by the simulator."""
    tasks = match.sizes.planned_tasks
    with fresh_directory() as directory:
        tenth = match.ours.run_python(directory, PROGRAMS / "plan.py", str(tasks // 10))
        whole = match.ours.run_python(directory, PROGRAMS / "plan.py", str(tasks))
    slope = whole.figure("seconds_per_task") / tenth.figure("seconds_per_task")
    return Row(
        f"plan, simulated: a foreach of {tasks:,}",
        "—",
        f"{seconds(whole.figure('seconds_per_task'))} and {whole.figure('bytes_per_task'):.0f} B a task",
        (
            at_most(1.5, slope, "x", "the time of a task at a tenth of the size"),
            at_most(1000, whole.figure("bytes_per_task"), " B", "a task"),
        ),
        "no processes, no disk; memory is the growth of the peak resident memory",
        None,
        whole,
    )


def spin(match: Match) -> Row:
    """One step alone, on a task of a past run that is named in full; and the bare interpreter beside it."""

    def sample(contender: Contender) -> tuple[Cost, float]:
        with fresh_directory() as directory:
            ran = contender.run_flow(FOREACH, directory, "--tasks", 2)
            found = re.search(r"run-id (\d+)", ran.output)
            assert found is not None
            bare = contender.run_python(directory, "-c", "pass").wall
            # The second one of a project: the first makes its datastore.
            for _ in range(2):
                cost = contender.run_python(directory, FOREACH, "spin", f"{found[1]}/body/2")
            return cost, bare

    pairs = match.alternate(sample, match.sizes.rounds * 2 + 1)
    ours, theirs, ratio = medians([(our[0].wall, their[0].wall) for our, their in pairs])
    our_net, their_net, net_ratio = medians([(our[0].wall - our[1], their[0].wall - their[1]) for our, their in pairs])
    return Row(
        "`spin` of a step that does nothing, whole command",
        f"{seconds(their_net)} net, {seconds(theirs)} raw",
        f"{seconds(our_net)} net, {seconds(ours)} raw",
        (
            at_least(8, net_ratio, "x", "faster, net of the bare interpreter"),
            at_most(150, our_net * 1e3, " ms", "more than the bare interpreter"),
        ),
        f"raw figures, which include the bare interpreters, differ by {ratio:.3g}x; the task is named in full",
        median_cost([their[0] for _, their in pairs]),
        median_cost([our[0] for our, _ in pairs]),
    )


def _chain(contender: Contender, steps: int, decorator: str = "") -> Cost:
    flows = WORK / "flows"
    flows.mkdir(parents=True, exist_ok=True)
    flow: Path = write_chain(flows, steps, decorator)
    with fresh_directory() as directory:
        return contender.run_flow(flow, directory)


def _foreach(contender: Contender, tasks: int) -> Cost:
    with fresh_directory() as directory:
        return contender.run_flow(FOREACH, directory, "--tasks", tasks)
