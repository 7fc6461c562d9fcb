"""Which attributes of a flow object are artifacts, and how they are saved when a step is over."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException

if TYPE_CHECKING:
    from ..datastore.tasks import TaskWriter
    from ..flow.spec import FlowSpec

#: Values of these types cannot have been changed in place, so an unchanged one need not be saved again.
_IMMUTABLE = (int, float, complex, bool, str, bytes, type(None))

#: Describe one task; the tasks after it do not inherit them.
_OF_ONE_TASK = frozenset({"_exception", "_catch_exception"})

_NEVER = (FunctionType, BuiltinFunctionType, MethodType)


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
        One for each artifact that could not be saved. The others are.
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
        if name not in _OF_ONE_TASK and _untouched(name, own, state.loaded):
            own.pop(name, None)
            writer.forward(name, inherited.entry(name))
    for name, (_, entry) in state.forwarded.items():
        if _untouched(name, own, state.loaded):
            own.pop(name, None)
            writer.forward(name, entry)
    for name, value in own.items():
        try:
            writer.save(name, value)
        except MetaflowException as failure:
            failures.append(failure)
    return failures


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
