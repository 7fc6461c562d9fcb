"""``merge_artifacts``: a join takes over, by reference, what its inputs agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)
from .task_artifacts import OF_ONE_TASK

if TYPE_CHECKING:
    from .spec import FlowSpec
    from .state import Inputs, StepState


def merge_artifacts(flow: FlowSpec, inputs: Inputs, exclude: list[str], include: list[str]) -> None:
    """See :meth:`FlowSpec.merge_artifacts`. What describes one task is left out unless it is asked for by name."""
    state = flow._flow_state
    if state is not None and not state.takes_inputs:
        raise MetaflowException(f"merge_artifacts can only be called in a join, but step *{state.step}* is none.")
    if exclude and include:
        raise MetaflowException("merge_artifacts takes *exclude* or *include*, but not both.")
    if state is None:
        _merge_attributes(flow, list(inputs), exclude, include)
        return
    found: dict[str, dict[str, StepState]] = {}
    for view in inputs:
        source = view._flow_state
        assert source is not None
        for name in source.source:
            wanted = name in include if include else name not in exclude and name not in OF_ONE_TASK
            if wanted and not _already_there(flow, state, name):
                found.setdefault(name, {}).setdefault(source.source.entry(name).sha, source)
    _refuse(
        f"Step *{state.step}*",
        sorted(name for name, versions in found.items() if len(versions) > 1),
        sorted(name for name in include if name not in found and not _already_there(flow, state, name)),
    )
    for name, versions in found.items():
        origin = next(iter(versions.values()))
        state.forwarded[name] = (origin.source, origin.source.entry(name))


def _merge_attributes(flow: FlowSpec, inputs: list[Any], exclude: list[str], include: list[str]) -> None:
    """The same for a step that is called directly, as in a unit test: inputs are objects with attributes."""
    import pickle

    found: dict[str, dict[bytes, Any]] = {}
    for each in inputs:
        for name, value in vars(each).items():
            wanted = name in include if include else name not in exclude and name not in OF_ONE_TASK
            if wanted and not name.startswith("__") and name not in flow._EPHEMERAL and name not in vars(flow):
                found.setdefault(name, {})[pickle.dumps(value)] = value
    _refuse(
        "merge_artifacts",
        sorted(name for name, versions in found.items() if len(versions) > 1),
        sorted(name for name in include if name not in found and name not in vars(flow)),
    )
    for name, versions in found.items():
        setattr(flow, name, next(iter(versions.values())))


def _refuse(who: str, conflicts: list[str], missing: list[str]) -> None:
    """Raise if there is anything in either list."""
    if conflicts:
        raise UnhandledInMergeArtifactsException(
            f"{who} cannot merge the following artifacts because the inputs have different values for "
            f"them: {', '.join(conflicts)}. Assign self.{conflicts[0]} (and the others) before calling "
            "merge_artifacts, or name them in exclude.",
            conflicts,
        )
    if missing:
        raise MissingInMergeArtifactsException(
            f"{who} cannot merge artifacts that none of its inputs has: {', '.join(missing)}.", missing
        )


def _already_there(flow: FlowSpec, state: StepState, name: str) -> bool:
    return name in flow.__dict__ or name in state or hasattr(type(flow), name)
