"""Benchmarks of bytes: a large array, many small values, and reading them back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .contenders import FLOWS, PROGRAMS, Contender, fresh_directory
from .measure import Cost
from .rounds import Match, difference, median_cost, medians
from .table import Row, at_least, at_most, seconds


@dataclass(frozen=True)
class ArraySample:
    """Seconds that one array took, and what the command cost."""

    save: float
    load: float
    load_and_sum: float
    client_load: float
    cost: Cost


def array(match: Match) -> list[Row]:
    """Save a large array of random numbers; load it in the next step and through the client."""
    mebibytes = {True: match.sizes.our_mebibytes, False: match.sizes.their_mebibytes}
    scale = mebibytes[True] / mebibytes[False]

    def sample(contender: Contender) -> tuple[ArraySample, float]:
        taken = _array(contender, mebibytes[match.is_ours(contender)])
        return taken, _plain_write(contender, mebibytes[True]) if match.is_ours(contender) else 0.0

    pairs = match.alternate(sample)
    their_cost = median_cost([their.cost for _, (their, _) in pairs])
    our_cost = median_cost([our.cost for (our, _), _ in pairs])
    scaled = f"Metaflow saved {mebibytes[False]} MiB, and its time was multiplied by {scale:g}"

    save = medians([(our.save, their.save * scale) for (our, _), (their, _) in pairs])
    plain = medians([(write, our.save) for (our, write), _ in pairs])
    load = medians([(our.load, their.load * scale) for (our, _), (their, _) in pairs])
    total = medians([(our.load_and_sum, their.load_and_sum * scale) for (our, _), (their, _) in pairs])
    client = medians([(our.client_load, their.client_load * scale) for (our, _), (their, _) in pairs])
    return [
        Row(
            f"save a random float64 array of {mebibytes[True]} MiB",
            seconds(save[1]),
            seconds(save[0]),
            (at_least(20, save[2], "x", "faster"), at_most(2, plain[2], "x", "the time of a plain write")),
            f"{scaled}; from the end of the step's code to the beginning of the next step, less the same for "
            f"an array of one number; writing the same bytes to a file takes {seconds(plain[0])}; neither "
            "waits for the disk",
            their_cost,
            our_cost,
        ),
        Row(
            "load that array in the next step",
            seconds(load[1]),
            seconds(load[0]),
            (at_least(50, load[2], "x", "faster"),),
            f"first access in the step's code; {scaled}; with the sum of all elements, which touches every "
            f"page: {seconds(total[1])} and {seconds(total[0])}, {total[2]:.3g}x",
        ),
        Row(
            "load that array through the client",
            seconds(client[1]),
            seconds(client[0]),
            (at_least(50, client[2], "x", "faster"),),
            f"in a new process, from a task object; {scaled}",
        ),
    ]


def untouched_array(match: Match) -> Row:
    """A large array that five steps pass on without touching it."""
    mebibytes = {True: match.sizes.our_mebibytes, False: match.sizes.their_mebibytes}

    def sample(contender: Contender) -> tuple[float, Cost]:
        cost = _run(contender, "passing_flow.py", "--mebibytes", mebibytes[match.is_ours(contender)])
        without = _run(contender, "passing_flow.py", "--mebibytes", 0)
        return cost.figure("pass_seconds") - without.figure("pass_seconds"), cost

    pairs = match.alternate(sample)
    ours, theirs, _ = medians([(our[0], their[0]) for our, their in pairs])
    return Row(
        "the same array untouched through 5 steps",
        seconds(theirs),
        seconds(ours),
        (at_most(100, ours * 1e3, " ms", "in all"),),
        "difference to the same flow with an array of one number, so noise may bring it below zero; Metaflow "
        f"passed {mebibytes[False]} MiB, not scaled",
        median_cost([their[1] for _, their in pairs]),
        median_cost([our[1] for our, _ in pairs]),
    )


def small_artifacts(match: Match) -> Row:
    """Many small artifacts, saved by one step."""
    count = match.sizes.small_artifacts

    def sample(contender: Contender) -> tuple[float, int, Cost]:
        many = _run(contender, "small_flow.py", "--artifacts", count)
        none = _baselines(contender, "small_flow.py", "--artifacts", 0)
        saved = difference(many.figure("save_seconds"), [one.figure("save_seconds") for one in none])
        return saved, many.files - none[0].files, many

    pairs = match.alternate(sample)
    ours, theirs, ratio = medians([(our[0], their[0]) for our, their in pairs])
    files = max(our[1] for our, _ in pairs)
    return Row(
        f"{count:,} small artifacts in one step",
        seconds(theirs),
        seconds(ours),
        (at_least(20, ratio, "x", "faster"), at_most(1, files, " files", "more than without them")),
        "from the end of the step's code to the beginning of the next step, less the same without artifacts; "
        "no less than what the latter varies by",
        median_cost([their[2] for _, their in pairs]),
        median_cost([our[2] for our, _ in pairs]),
    )


def client_values(match: Match) -> Row:
    """One artifact of each task of a foreach, read through the client in a new process."""
    tasks = match.sizes.client_tasks
    with fresh_directory() as our_store, fresh_directory() as their_store:
        stores = {True: our_store, False: their_store}
        for contender in (match.ours, match.theirs):
            store = stores[match.is_ours(contender)]
            contender.run_flow(FLOWS / "values_flow.py", store, "--tasks", tasks, workers=4)

        def sample(contender: Contender) -> tuple[float, Cost]:
            store = stores[match.is_ours(contender)]
            cost = contender.run_python(store, PROGRAMS / "read_values.py", str(tasks))
            return cost.figure("read_seconds"), cost

        pairs = match.alternate(sample, match.sizes.rounds * 2 - 1)
    ours_seconds, theirs_seconds, ratio = medians([(our[0], their[0]) for our, their in pairs])
    their_cost = median_cost([their[1] for _, their in pairs])
    our_cost = median_cost([our[1] for our, _ in pairs])
    return Row(
        f"client: read one artifact of each of {tasks} tasks",
        seconds(theirs_seconds),
        seconds(ours_seconds),
        (at_least(50, ratio, "x", "faster"),),
        "in a new process, from a run object, with nothing in the client's own cache; the whole process "
        f"takes {seconds(their_cost.wall)} and {seconds(our_cost.wall)}",
        their_cost,
        our_cost,
    )


def _array(contender: Contender, mebibytes: int) -> ArraySample:
    with fresh_directory() as directory:
        cost = contender.run_flow(FLOWS / "array_flow.py", directory, "--mebibytes", mebibytes)
        client = contender.run_python(directory, PROGRAMS / "read_array.py").figure("load_seconds")
    tiny = _baselines(contender, "array_flow.py", "--mebibytes", 0)
    return ArraySample(
        difference(cost.figure("save_seconds"), [one.figure("save_seconds") for one in tiny]),
        cost.figure("load_seconds"),
        cost.figure("load_and_sum_seconds"),
        client,
        cost,
    )


def _plain_write(contender: Contender, mebibytes: int) -> float:
    with fresh_directory() as directory:
        target = directory / "plain"
        program: Path = PROGRAMS / "plain_write.py"
        return contender.run_python(directory, program, target, str(mebibytes)).figure("write_seconds")


def _baselines(contender: Contender, flow: str, *options: object) -> list[Cost]:
    return [_run(contender, flow, *options) for _ in range(3)]


def _run(contender: Contender, flow: str, *options: object) -> Cost:
    with fresh_directory() as directory:
        return contender.run_flow(FLOWS / flow, directory, *options)
