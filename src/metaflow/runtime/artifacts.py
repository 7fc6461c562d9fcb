"""Which attributes of a flow object are artifacts, and how they are saved when a step is over."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException, UnpicklableArtifactException
from ..flow.task_artifacts import OF_ONE_TASK
from ..settings import get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..datastore.task_writer import TaskWriter
    from ..flow.spec import FlowSpec
    from ..flow.state import ArtifactSource

#: Values of these types cannot have been changed in place, so an unchanged one need not be saved again.
_IMMUTABLE = (int, float, complex, bool, str, bytes, type(None))

_NEVER = (FunctionType, BuiltinFunctionType, MethodType)


class FlowLevelFirst:
    """Artifacts of a task, but parameters, constants and the like as they are in this run.

    Parameters
    ----------
    parameters : ArtifactSource
        What holds for the whole run.
    task : ArtifactSource
        The task, which may have been taken over from a run in which other values held.
    """

    __slots__ = ("_parameters", "_task")

    def __init__(self, parameters: ArtifactSource, task: ArtifactSource) -> None:
        self._parameters = parameters
        self._task = task

    def __contains__(self, name: object) -> bool:
        return name in self._parameters or name in self._task

    def __iter__(self) -> Iterator[str]:
        yield from self._parameters
        yield from (name for name in self._task if name not in self._parameters)

    def entry(self, name: str) -> Any:
        """Say where an artifact is, without loading it."""
        return self._of(name).entry(name)

    def load(self, name: str) -> Any:
        """Value of an artifact."""
        return self._of(name).load(name)

    def _of(self, name: str) -> ArtifactSource:
        return self._parameters if name in self._parameters else self._task


def save_artifacts(flow: FlowSpec, writer: TaskWriter, initial: dict[str, Any]) -> list[MetaflowException]:
    """Save what the step left on `self`, and pass on what it inherited and did not touch.

    Parameters
    ----------
    flow : FlowSpec
    writer : TaskWriter
    initial : dict
        Attributes that the flow's ``__init__`` set: state of this process, saved only if the step replaced them.

    Returns
    -------
    list of MetaflowException
        One for each artifact that could not be saved, unless it was left out as the settings ask. The others are.
    """
    state = flow._flow_state
    assert state is not None
    failures: list[MetaflowException] = []
    own = {
        name: value
        for name, value in vars(flow).items()
        if _is_artifact(flow, name, value) and not (name in initial and initial[name] is value)
    }
    inherited = state.source
    for name in inherited:
        if name not in OF_ONE_TASK and _untouched(name, own, state.loaded):
            own.pop(name, None)
            writer.forward(name, inherited.entry(name))
    for name, (_, entry) in state.forwarded.items():
        if _untouched(name, own, state.loaded):
            own.pop(name, None)
            writer.forward(name, entry)
    for name, value in own.items():
        try:
            writer.save(name, value)
        except UnpicklableArtifactException as failure:
            if get("SKIP_UNPICKLABLE_ARTIFACTS"):
                writer.skip(name, value, failure.message)
                sys.stderr.write(f"The artifact {name} is not stored. {failure.message}\n")
            else:
                failures.append(failure)
        except MetaflowException as failure:
            failures.append(failure)
    return [*failures, *writer.settle()]


def _is_artifact(flow: FlowSpec, name: str, value: object) -> bool:
    if name.startswith("__") or name in flow._EPHEMERAL:
        return False
    state = flow._flow_state
    assert state is not None
    return name not in state.read_only and not isinstance(value, _NEVER)


def _untouched(name: str, own: dict[str, Any], loaded: dict[str, Any]) -> bool:
    """Whether the inherited artifact `name` is surely what it was."""
    if name not in own:
        return True
    return name in loaded and own[name] is loaded[name] and type(loaded[name]) in _IMMUTABLE
