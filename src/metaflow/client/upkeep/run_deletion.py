"""Deleting a single run from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.upkeep.clean_up import GONE, CleanUp
from metaflow.client.upkeep.deletion import delete_runs, refusal
from metaflow.datastore.layout import runs_prefix
from metaflow.exception import CannotDelete, RunDeleted

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.inventory import RunName


class DeletedRun(NamedTuple):
    """What became of a run that was deleted.

    Attributes
    ----------
    pathspec : str
    size : int
        Bytes that are free now.
    size_left : int
        Bytes that nobody needs any more, but that are too young to be removed: ``metaflow gc`` does it later.
    """

    pathspec: str
    size: int
    size_left: int = 0


def delete_run(provider: Provider, flow: str, run_id: str, chunks: bool) -> DeletedRun:
    """Delete a run.

    Parameters
    ----------
    provider : Provider
        Whose index knows of it.
    flow, run_id : str
    chunks : bool
        Whether to remove the chunks that only it referred to.

    Raises
    ------
    CannotDelete
        It still runs, a run that goes on takes over its results, or somebody else is deleting it right now.
    RunDeleted
        It is gone already.
    DataException, MetadataException
        A store failed. What was begun is finished by the next clean-up.
    """
    name = (flow, run_id)
    store = provider.store_of(flow, run_id)
    reason = refusal(provider, store, name)
    if reason is None and not (chunks and any(store.list(runs_prefix(*name)))):
        done = delete_runs(provider, store, [name])
        refused, going, deleted = done.refused, done.deleted, DeletedRun(f"{flow}/{run_id}", done.size)
    elif reason is None:
        clean_up = CleanUp(provider, store)
        plan = clean_up.plan_for([name])
        # The whole store was looked through since: what was no obstacle before it may be one now.
        for _, obstacle in plan.kept:
            if obstacle != GONE:
                raise _refused(name, obstacle)
        outcome = clean_up.carry_out(plan)
        refused, going = outcome.refused, outcome.deleted
        deleted = DeletedRun(f"{flow}/{run_id}", outcome.size, outcome.chunks.young_size)
    else:
        raise _refused(name, reason)
    if refused:
        raise _refused(name, refused[0][1])
    if name not in going:
        raise RunDeleted(f"Run {flow}/{run_id} was deleted by somebody else already: nothing was left to do.")
    return deleted


def _refused(name: RunName, reason: str) -> CannotDelete:
    return CannotDelete(f"Run {'/'.join(name)} cannot be deleted: {reason}.")
