"""What tasks will import in the end, imported by the process that they are forked from while it has nothing to do."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flow.decorators import StepDecorator


class EarlyImports:
    """Modules that wait to be imported, one at a time, so that nobody has to wait for long.

    It is true as long as there are any.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._met: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, decorators: Iterable[StepDecorator]) -> None:
        """Note what the hooks of these decorators import; what is known already is not noted again."""
        for decorator in decorators:
            for name in decorator.imported_late:
                if name not in self._met:
                    self._met.add(name)
                    self._waiting.append(name)

    def import_next(self) -> None:
        """Import one module."""
        from importlib import import_module

        try:
            import_module(self._waiting.pop(0))
        except Exception:
            self._waiting.clear()  # a task that needs it will meet the same error and report it as its own
        # As with the flow's own objects: no child's garbage collection shall touch them.
        gc.freeze()
