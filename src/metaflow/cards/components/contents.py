"""What stands inside of components: other components, nodes, or anything that can be put on a card."""

from __future__ import annotations

from collections.abc import Iterator

from metaflow.cards.component import MetaflowCardComponent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.nodes import Node


def as_contents(values: Any) -> list[Any]:
    """A list, a tuple or an iterator of values, or a single one, as what can be rendered any number of times."""
    if values is None:
        return []
    return [as_content(value) for value in (values if is_several(values) else (values,))]


def is_several(values: object) -> bool:
    """Whether these are values and not one: data frames and texts can be iterated over, too."""
    return isinstance(values, list | tuple | Iterator)


def as_content(value: Any) -> Any:
    """A value as what can be rendered: nodes stay; what its library cannot show becomes an error that says so."""
    if isinstance(value, MetaflowCardComponent) or (isinstance(value, dict) and "type" in value):
        return value
    from metaflow.cards.as_component import as_component

    try:
        return as_component(value)
    except Exception as error:  # of any library
        from metaflow.cards.components.error import Error

        return Error(error, f"{type(value).__name__} cannot be shown")


def content_nodes(contents: list[Any]) -> list[Node]:
    """The nodes of contents, as they are now."""
    from metaflow.cards.running.making import node_of

    return [content if isinstance(content, dict) else node_of(content) for content in contents]
