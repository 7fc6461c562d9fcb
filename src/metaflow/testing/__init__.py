"""For tests: a step or a whole flow in the test's own process, and stores that live in memory."""

from __future__ import annotations

from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flow_run import run_flow as run_flow
    from .results import (
        CardPage as CardPage,
        FlowResult as FlowResult,
        StepResult as StepResult,
        TransitionTaken as TransitionTaken,
    )
    from .step_run import run_step as run_step

#: Public name -> module that defines it. Imported when first used: the stores can be had without the rest.
_WHERE = {
    "CardPage": "metaflow.testing.results",
    "FlowResult": "metaflow.testing.results",
    "StepResult": "metaflow.testing.results",
    "TransitionTaken": "metaflow.testing.results",
    "run_flow": "metaflow.testing.flow_run",
    "run_step": "metaflow.testing.step_run",
}

__all__ = [*_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)
