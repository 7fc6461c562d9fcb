"""Decorators of a whole flow: declarations that schedulers, the run's record and ``current`` read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class FlowDecorator:
    """Declaration that a flow carries.

    Parameters
    ----------
    attributes : mapping, optional
        Attributes as written; the others have the values of ``defaults``.

    Attributes
    ----------
    name : str
        Name in source.
    defaults : dict
        Every attribute and its default.
    attributes : dict
    """

    name: ClassVar[str]
    defaults: ClassVar[dict[str, Any]] = {}
    allow_multiple: ClassVar[bool] = False

    def __init__(self, attributes: Mapping[str, Any] | None = None) -> None:
        self.attributes = {**self.defaults, **(attributes or {})}
