"""Which decorators of a step take part when it is spun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import settings
from ..exception import CommandException
from ..registry import BUILT_IN

if TYPE_CHECKING:
    from ..flow.declaration import StepDeclaration


def keep_spinnable(step: StepDeclaration, skip: bool) -> list[str]:
    """Take the decorators off a step that make no sense when it runs alone.

    Of the built-in ones those stay that the setting ``SPIN_ALLOWED_DECORATORS`` names. Users' own decorators stay too:
    they are part of what the step does.

    Parameters
    ----------
    step : StepDeclaration
        Its decorators are changed.
    skip : bool
        Whether to take off all of them.

    Returns
    -------
    list of str
        Names of the built-in ones that were taken off although nobody asked for it.

    Raises
    ------
    CommandException
        If one of them is named in the setting ``SPIN_DISALLOWED_DECORATORS``.
    """
    if skip:
        step.decorators = []
        return []
    allowed = set(settings.get("SPIN_ALLOWED_DECORATORS"))
    disallowed = set(settings.get("SPIN_DISALLOWED_DECORATORS"))
    kept, ignored = [], []
    for decorator in step.decorators:
        name = decorator.name
        if name in disallowed:
            raise CommandException(
                f"Step *{step.name}* cannot be spun, because it has @{name}. Run the flow instead, or spin the step "
                "without any decorator with --skip-decorators."
            )
        if name in allowed or name not in BUILT_IN["step_decorators"]:
            kept.append(decorator)
        else:
            ignored.append(name)
    step.decorators = kept
    return ignored
