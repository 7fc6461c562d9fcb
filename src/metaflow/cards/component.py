"""What a card is made of: components, which give *nodes* (see `metaflow.cards.nodes`)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


class MetaflowCardComponent:
    """Something that can be put on a card. Subclass it, and implement `render`, to make one of your own.

    Attributes
    ----------
    REALTIME_UPDATABLE : bool
        Whether the component can change on a page that somebody looks at, without that page being loaded anew. Such
        a component has a method ``update``.
    component_id : str
        What it is called on its card: the name under which ``current.card.append(component, id=...)`` put it there,
        else the name of its class in lower case, an underscore and six hexadecimal digits.
    """

    REALTIME_UPDATABLE: ClassVar[bool] = False

    _component_id: str | None = None

    @property
    def component_id(self) -> str:
        """What it is called on its card."""
        if self._component_id is None:
            self._component_id = f"{type(self).__name__.lower()}_{os.urandom(3).hex()}"
        return self._component_id

    @component_id.setter
    def component_id(self, value: str) -> None:
        self._component_id = value

    def render(self) -> str | dict[str, Any]:
        """What the component shows.

        Returns
        -------
        str or dict
            A text, or a node as `metaflow.cards.nodes` describes it. It must be such that `json.dumps` takes it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method render().")

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change what the component shows; for those that are ``REALTIME_UPDATABLE``."""
        raise NotImplementedError(f"{type(self).__name__} cannot be updated.")
