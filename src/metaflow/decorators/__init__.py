"""The built-in decorators, one file each; and, by the names that other packages know, what decorators are made of.

Names are imported when they are first used: a flow that uses one decorator does not pay for the others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..exception import (
        BadFlowDecoratorException as BadFlowDecoratorException,
        BadStepDecoratorException as BadStepDecoratorException,
        DuplicateFlowDecoratorException as DuplicateFlowDecoratorException,
        DuplicateStepDecoratorException as DuplicateStepDecoratorException,
        InvalidDecoratorAttribute as InvalidDecoratorAttribute,
        UnknownFlowDecoratorException as UnknownFlowDecoratorException,
        UnknownStepDecoratorException as UnknownStepDecoratorException,
    )
    from ..flow.decorators import Decorator as Decorator, StepDecorator as StepDecorator
    from ..flow.flow_decorators import FlowDecorator as FlowDecorator
    from ..flow.named_decorators import (
        extract_step_decorator_from_decospec as extract_step_decorator_from_decospec,
    )

_WHERE = {
    "BadFlowDecoratorException": "metaflow.exception",
    "BadStepDecoratorException": "metaflow.exception",
    "Decorator": "metaflow.flow.decorators",
    "DuplicateFlowDecoratorException": "metaflow.exception",
    "DuplicateStepDecoratorException": "metaflow.exception",
    "FlowDecorator": "metaflow.flow.flow_decorators",
    "InvalidDecoratorAttribute": "metaflow.exception",
    "StepDecorator": "metaflow.flow.decorators",
    "UnknownFlowDecoratorException": "metaflow.exception",
    "UnknownStepDecoratorException": "metaflow.exception",
    "extract_step_decorator_from_decospec": "metaflow.flow.named_decorators",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'metaflow.decorators' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(module), name)
