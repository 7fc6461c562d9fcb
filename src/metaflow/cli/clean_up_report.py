"""What a clean-up would do and what it did, as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..client.times import span
from ..datastore.sizes import size_text
from .messages import echo
from .table import Column, print_table
from .times import clock, iso

if TYPE_CHECKING:
    from ..client.upkeep.clean_up import Outcome, Plan

#: Runs that are listed one by one; the others are counted.
_LISTED_RUNS = 50
_LISTED_FILES = 5


def print_plan(plan: Plan) -> None:
    """Print what would go: a table of runs on stdout, the rest on stderr."""
    shown = plan.runs[:_LISTED_RUNS]
    if shown:
        print_table(
            [
                Column("run", [f"{each.run.flow}/{each.run.run_id}" for each in shown]),
                Column("status", [each.run.status for each in shown], is_status=True),
                Column("user", [each.run.user for each in shown], may_be_cut=True),
                Column("started", [clock(each.run.started_at) for each in shown]),
                Column("duration", [span(each.run.ended_at - each.run.started_at) for each in shown], numeric=True),
                Column("size", [size_text(each.size + each.chunk_size) for each in shown], numeric=True),
            ]
        )
    if len(plan.runs) > len(shown):
        echo(f"... and {len(plan.runs) - len(shown)} older runs.")
    for pathspec, reason in plan.kept:
        echo(f"{pathspec} is kept: {reason}.")
    for line in _lines(plan):
        echo(line)


def _lines(plan: Plan) -> list[str]:
    lines = []
    if plan.unfinished:
        lines.append(f"{counted(len(plan.unfinished), 'deletion')} that did not come to an end will be finished.")
    if plan.chunks.chunks and not plan.damaged:
        whose = "which only these runs need" if plan.only is not None else "which no other run needs"
        lines.append(f"{counted(plan.chunks.chunks, 'chunk')} of {size_text(plan.chunks.size)}, {whose}.")
    if plan.chunks.young_chunks:
        lines.append(
            f"{counted(plan.chunks.young_chunks, 'chunk')} of {size_text(plan.chunks.young_size)} will be left for "
            "a later `metaflow gc`: they were saved a short time ago, or a run goes on that may need them."
        )
    if plan.temporary:
        size = size_text(sum(found.size for found in plan.temporary))
        lines.append(f"{counted(len(plan.temporary), 'file')} of {size} that killed processes left half-written.")
    if plan.damaged:
        lines.append(
            f"No chunks will be removed, because {counted(len(plan.damaged), 'manifest')} cannot be read, so that "
            "nobody knows which chunks are needed. `metaflow verify` says which; delete their runs, or restore them:"
        )
        lines += [f"    {key}" for key, _ in plan.damaged[:_LISTED_FILES]]
    return lines


def totals(plan: Plan) -> str:
    """What would go, in a few words."""
    runs = counted(len(plan.runs), "run")
    files = sum(each.files for each in plan.runs)
    return f"{runs} with {counted(files, 'file')}; {size_text(plan.size)} in all"


def print_outcome(plan: Plan, outcome: Outcome) -> None:
    """Print what went, on stderr."""
    for name, reason in outcome.refused:
        echo(f"{'/'.join(name)} is not deleted: {reason}.")
    for name in outcome.gone:
        echo(f"{'/'.join(name)} was gone already: somebody else deleted it at the same time.")
    asked = {each.name for each in plan.runs}
    deleted = sum(name in asked for name in outcome.deleted)
    left = outcome.chunks.young_size
    later = f" {size_text(left)} more will be with a later `metaflow gc`." if left else ""
    echo(f"{counted(deleted, 'run')} deleted, {size_text(outcome.size)} freed.{later}")


def plain(plan: Plan, outcome: Outcome | None) -> dict[str, Any]:
    """For programs."""
    content: dict[str, Any] = {
        "dry_run": outcome is None,
        "runs": [
            {
                "pathspec": f"{each.run.flow}/{each.run.run_id}",
                "status": each.run.status,
                "user": each.run.user,
                "started_at": iso(each.run.started_at),
                "ended_at": iso(each.run.ended_at),
                "tags": sorted(each.run.tags),
                "files": each.files,
                "bytes": each.size + each.chunk_size,
            }
            for each in plan.runs
        ],
        "kept": [{"pathspec": pathspec, "reason": reason} for pathspec, reason in plan.kept],
        "unfinished_deletions": ["/".join(name) for name in plan.unfinished],
        "chunks": 0 if plan.damaged else plan.chunks.chunks,
        "young_chunks": plan.chunks.young_chunks,
        "temporary_files": [found.key for found in plan.temporary],
        "damaged": [{"file": key, "problem": problem} for key, problem in plan.damaged],
        "bytes": plan.size,
    }
    if outcome is not None:
        content["deleted"] = ["/".join(name) for name in outcome.deleted]
        content["refused"] = [{"pathspec": "/".join(name), "reason": reason} for name, reason in outcome.refused]
        content["gone"] = ["/".join(name) for name in outcome.gone]
        content["bytes_freed"] = outcome.size
    return content


def counted(number: int, noun: str) -> str:
    """A number and what is counted."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
