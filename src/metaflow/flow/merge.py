"""``merge_artifacts``: a join takes over, by reference, what its inputs agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exception import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)

if TYPE_CHECKING:
    from .spec import FlowSpec
    from .state import Inputs, StepState

#: Left out unless asked for by name: they describe one task, not the flow.
_INTERNAL = frozenset(
    {
        "_foreach_values",
        "_unbounded_foreach",
        "_control_mapper_tasks",
        "_control_task_is_mapper_zero",
        "_parallel_ubf_iter",
        "_exception",
        "_catch_exception",
    }
)


def merge_artifacts(flow: FlowSpec, inputs: Inputs, exclude: list[str], include: list[str]) -> None:
    """See :meth:`FlowSpec.merge_artifacts`."""
    state = flow._flow_state
    if state is None or not state.is_join:
        where = f"step *{state.step}*" if state is not None else "a flow that is not running"
        raise MetaflowException(f"merge_artifacts can only be called in a join, but it was called in {where}.")
    if exclude and include:
        raise MetaflowException("merge_artifacts takes *exclude* or *include*, but not both.")
    found: dict[str, dict[str, StepState]] = {}
    for view in inputs:
        source = view._flow_state
        assert source is not None
        for name in source.source:
            wanted = name in include if include else name not in exclude and name not in _INTERNAL
            if wanted and not _already_there(flow, state, name):
                found.setdefault(name, {}).setdefault(source.source.entry(name).sha, source)
    conflicts = sorted(name for name, versions in found.items() if len(versions) > 1)
    if conflicts:
        listed = ", ".join(conflicts)
        raise UnhandledInMergeArtifactsException(
            f"Step *{state.step}* cannot merge the following artifacts because the inputs have different values for "
            f"them: {listed}. Assign self.{conflicts[0]} (and the others) before calling merge_artifacts, or name them "
            "in exclude.",
            conflicts,
        )
    missing = sorted(name for name in include if name not in found and not _already_there(flow, state, name))
    if missing:
        raise MissingInMergeArtifactsException(
            f"Step *{state.step}* cannot merge artifacts that none of its inputs has: {', '.join(missing)}.",
            missing,
        )
    for name, versions in found.items():
        origin = next(iter(versions.values()))
        state.forwarded[name] = (origin.source, origin.source.entry(name))


def _already_there(flow: FlowSpec, state: StepState, name: str) -> bool:
    return name in flow.__dict__ or name in state or hasattr(type(flow), name)
