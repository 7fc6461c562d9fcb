"""Benchmarks of object stores: the S3 tools, a large array, and many small tasks, all against one S3 server."""

from __future__ import annotations

from collections.abc import Mapping

from .contenders import FLOWS, PROGRAMS, Contender, build_servers, fresh_directory
from .measure import Cost
from .rounds import Match, median_cost, medians
from .servers import BUCKET, s3_server
from .table import Row, at_least, at_most, seconds

_MEBIBYTE = 2**20
_LARGE_BYTES = 16 * _MEBIBYTE
_SMALL_BYTES = 4 * 1024


def s3_large_objects(match: Match) -> Row:
    """``metaflow.S3`` beside obstore alone, for large objects."""
    count = match.sizes.large_objects
    with s3_server(build_servers()) as variables:
        pairs = [_tools_and_bare(match.ours, variables, count, _LARGE_BYTES) for _ in range(match.sizes.rounds)]
    put = medians([(ours.figure("put_seconds"), bare.figure("put_seconds")) for ours, bare in pairs])
    get = medians([(ours.figure("get_seconds"), bare.figure("get_seconds")) for ours, bare in pairs])
    return Row(
        f"`S3` put and get of {count} objects of 16 MiB",
        "—",
        f"{seconds(put[0])}, {seconds(get[0])}",
        (
            at_most(1.15, 1 / put[2], "x", "the time of obstore alone (put)"),
            at_most(1.15, 1 / get[2], "x", "the time of obstore alone (get)"),
        ),
        f"obstore alone: {seconds(put[1])} and {seconds(get[1])}; the server shares the machine's cores",
        None,
        median_cost([ours for ours, _ in pairs]),
    )


def s3_small_objects(match: Match) -> Row:
    """``metaflow.S3`` beside obstore alone and beside Metaflow's, for small objects."""
    count, fewer = match.sizes.small_objects, match.sizes.their_small_objects
    scale = count / fewer
    ours: list[tuple[Cost, Cost]] = []
    theirs: list[Cost] = []
    with s3_server(build_servers()) as variables:
        for _ in range(match.sizes.rounds):
            ours.append(_tools_and_bare(match.ours, variables, count, _SMALL_BYTES))
            theirs.append(_tools(match.theirs, variables, "s3_tools.py", fewer, _SMALL_BYTES))
    figures = {}
    for name in ("put_seconds", "get_seconds"):
        bare = medians([(tools.figure(name), alone.figure(name)) for tools, alone in ours])
        beside = [
            (tools.figure(name), their.figure(name) * scale) for (tools, _), their in zip(ours, theirs, strict=True)
        ]
        figures[name] = (bare, medians(beside))
    (bare_put, put), (bare_get, get) = figures["put_seconds"], figures["get_seconds"]
    return Row(
        f"`S3` put and get of {count:,} objects of 4 KiB",
        f"{seconds(put[1])}, {seconds(get[1])}",
        f"{seconds(put[0])}, {seconds(get[0])}",
        (
            at_least(5, put[2], "x", "faster (put)"),
            at_least(5, get[2], "x", "faster (get)"),
            at_most(1.15, 1 / bare_put[2], "x", "the time of obstore alone (put)"),
            at_most(1.15, 1 / bare_get[2], "x", "the time of obstore alone (get)"),
        ),
        f"obstore alone: {seconds(bare_put[1])} and {seconds(bare_get[1])}; Metaflow moved {fewer:,}, and its times "
        f"were multiplied by {scale:g}; the server, the same for all, is what takes most of the time",
        median_cost(theirs),
        median_cost([tools for tools, _ in ours]),
    )


def s3_array(match: Match) -> Row:
    """A large array on S3: saved by a step and loaded by the next, which finds nothing of it on its machine."""
    mebibytes = match.sizes.our_mebibytes
    pairs = []
    with s3_server(build_servers()) as variables:
        for _ in range(match.sizes.rounds):
            with fresh_directory() as directory:
                cost = match.ours.run_flow(
                    FLOWS / "remote_array_flow.py",
                    directory,
                    *("--mebibytes", mebibytes),
                    variables={**variables, "METAFLOW_DEFAULT_DATASTORE": "s3"},
                )
            bare = _tools(match.ours, variables, "bare_obstore.py", mebibytes * _MEBIBYTE // _LARGE_BYTES, _LARGE_BYTES)
            pairs.append((cost, bare))
    save = medians([(ours.figure("save_seconds"), bare.figure("put_seconds")) for ours, bare in pairs])
    load = medians([(ours.figure("load_seconds"), bare.figure("get_seconds")) for ours, bare in pairs])
    extra = max(cost.figure("peak_bytes") for cost, _ in pairs) / _MEBIBYTE - mebibytes
    return Row(
        f"array of {mebibytes} MiB to S3, and back in the next step",
        "—",
        f"{seconds(save[0])}, {seconds(load[0])}",
        (
            at_most(1.25, 1 / save[2], "x", "the time of obstore moving the same bytes (save)"),
            at_most(1.25, 1 / load[2], "x", "the time of obstore moving the same bytes (load)"),
            at_most(256, extra, " MiB", "more than the array, in memory"),
        ),
        f"obstore alone: {seconds(save[1])} and {seconds(load[1])}; saving is measured to the beginning of the next "
        "step, loading with the sum of all elements; what a step saved is in the cache of its machine for the next",
        None,
        median_cost([cost for cost, _ in pairs]),
    )


def s3_foreach(match: Match) -> Row:
    """A foreach of small tasks whose datastore is S3."""
    tasks, fewer = match.sizes.our_remote_tasks, match.sizes.their_remote_tasks
    counts = {True: tasks, False: fewer}
    with s3_server(build_servers()) as server:
        variables = {**server, "METAFLOW_DEFAULT_DATASTORE": "s3"}

        def sample(contender: Contender) -> tuple[float, Cost]:
            few, many = (_foreach(contender, variables, count) for count in (2, 2 + counts[match.is_ours(contender)]))
            return (many.wall - few.wall) / counts[match.is_ours(contender)], many

        pairs = match.alternate(sample)
    ours, theirs, ratio = medians([(our[0], their[0]) for our, their in pairs])
    return Row(
        f"foreach of {tasks} tasks with the datastore on S3, 2 workers",
        f"{seconds(theirs)} a task",
        f"{seconds(ours)} a task",
        (at_least(25, ratio, "x", "faster"),),
        f"the slope between 2 tasks and more of them: {tasks} here, {fewer} under Metaflow",
        median_cost([their[1] for _, their in pairs]),
        median_cost([our[1] for our, _ in pairs]),
    )


def _foreach(contender: Contender, variables: Mapping[str, str], tasks: int) -> Cost:
    with fresh_directory() as directory:
        return contender.run_flow(FLOWS / "foreach_flow.py", directory, "--tasks", tasks, variables=variables)


def _tools_and_bare(contender: Contender, variables: Mapping[str, str], count: int, size: int) -> tuple[Cost, Cost]:
    return (
        _tools(contender, variables, "s3_tools.py", count, size),
        _tools(contender, variables, "bare_obstore.py", count, size),
    )


def _tools(contender: Contender, variables: Mapping[str, str], program: str, count: int, size: int) -> Cost:
    with fresh_directory() as directory:
        root = f"s3://{BUCKET}/{directory.name}"
        return contender.run_python(directory, PROGRAMS / program, root, str(count), str(size), variables=variables)
