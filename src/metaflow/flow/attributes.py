"""Attributes of decorators: those that were written, and the defaults of the others."""

from __future__ import annotations

from ..exception import InvalidDecoratorAttribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def with_defaults(
    decorator: str,
    defaults: Mapping[str, Any],
    given: Mapping[str, Any],
    where: tuple[str, int] | None = None,
) -> dict[str, Any]:
    """All attributes of a decorator.

    Parameters
    ----------
    decorator : str
        Its name.
    defaults : mapping of str to object
        Every attribute that it has, with its default.
    given : mapping of str to object
        Those that were written.
    where : tuple of str and int, optional
        File and line where it was written.

    Raises
    ------
    InvalidDecoratorAttribute
        If one was given that it does not have.
    """
    # A name that begins with ** stands for a section of a config: what is in it is known, and checked, later.
    unknown = sorted(name for name in given if name not in defaults and not name.startswith("**"))
    if unknown:
        known = ", ".join(defaults) or "none"
        file, line = where or (None, None)
        raise InvalidDecoratorAttribute(
            f"Decorator '{decorator}' does not support the attribute '{unknown[0]}'. "
            f"These attributes are supported: {known}.",
            line,
            file,
        )
    return {**defaults, **given}
