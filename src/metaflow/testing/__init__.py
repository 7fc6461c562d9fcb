"""For tests: a step or a whole flow in the test's own process, and stores that live in memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flow_run import run_flow as run_flow
    from .results import FlowResult as FlowResult, StepResult as StepResult, TransitionTaken as TransitionTaken
    from .step_run import run_step as run_step

#: Public name -> module that defines it. Imported when first used: the stores can be had without the rest.
_WHERE = {
    "FlowResult": "metaflow.testing.results",
    "StepResult": "metaflow.testing.results",
    "TransitionTaken": "metaflow.testing.results",
    "run_flow": "metaflow.testing.flow_run",
    "run_step": "metaflow.testing.step_run",
}

__all__ = [*_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


def _import_name(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'metaflow.testing' has no attribute '{name}'")
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__ = _import_name
