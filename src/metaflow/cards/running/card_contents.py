"""What a step has put on one card."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, overload

    from metaflow.cards.running.live import LiveCards
    from metaflow.cards.running.running_card import RunningCard


class CardContents:
    """One card of the running task: a list of components, which viewers see after `refresh` and when the step is over.

    Parameters
    ----------
    card : RunningCard or None
        None for a card that does not exist: what is put on it is not shown.
    live : LiveCards

    Attributes
    ----------
    card : RunningCard or None
    """

    def __init__(self, card: RunningCard | None, live: LiveCards) -> None:
        self.card = card
        self._live = live
        self._ids: dict[str, MetaflowCardComponent] = {}

    def append(self, component: Any, id: str | None = None) -> None:
        """Put something on the card; see `CardCollector.append`."""
        if issubclass(type(component), (list, tuple)) and any(isinstance(e, MetaflowCardComponent) for e in component):
            self.extend(component)
            return
        made = self._made(component)
        if made is None or self.card is None:
            return
        components = self.card.components
        if id is not None:
            name = _usable_id(id)
            before = self._ids.get(name)
            made.component_id = name
            self._ids[name] = made
            place = next((index for index, each in enumerate(components) if each is before), None)
            if place is not None:
                components[place] = made
                return
        components.append(made)

    def extend(self, components: Iterable[Any]) -> None:
        """Put several things on the card, as `append` does one."""
        for each in _several(components):
            self.append(each)

    def clear(self) -> None:
        """Take everything off the card that the step has put there."""
        self.replace([])

    def replace(self, components: Iterable[Any]) -> None:
        """Show these components, and nothing else."""
        made = [component for each in _several(components) if (component := self._made(each)) is not None]
        if self.card is not None:
            self._ids = {}
            self.card.components[:] = made

    def refresh(self, data: Any = None, force: bool = False) -> None:
        """Have viewers see what is on the card now; see `CardCollector.refresh`."""
        if self.card is not None:
            self._live.refresh(self.card, data, force)

    @property
    def components(self) -> CardComponents:
        """What is on the card, by id."""
        return CardComponents(self, self._live)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: int) -> Any: ...
        @overload
        def __getitem__(self, key: slice) -> list[Any]: ...

    def __getitem__(self, key: int | slice) -> Any:
        return self._components()[key]

    def __len__(self) -> int:
        return len(self._components())

    def __bool__(self) -> bool:
        return self.card is not None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._components())

    def find(self, name: str) -> Any:
        """What has an id on the card: one that the step has given it, or that it has by itself; None if nothing has."""
        if name in self._ids:
            return self._ids[name]
        return next((each for each in self._components() if each.component_id == name), None)

    def by_id(self) -> dict[str, Any]:
        """What is on the card, by id, in order."""
        given = {id(each): name for name, each in self._ids.items()}
        return {given.get(id(each), each.component_id): each for each in self._components()}

    def _components(self) -> list[Any]:
        return list(self.card.components) if self.card is not None else []

    def _made(self, value: Any) -> MetaflowCardComponent | None:
        """The component that shows a value; None if there is nothing to show, or no place for it."""
        notices, card = self._live.notices, self.card
        if card is not None and not card.is_editable:
            kind = card.declared.type
            notices.advise(
                f"type {kind}", f"Cards of type {kind!r} do not show components; what is put on it is left out."
            )
            return None
        if value is None:
            notices.advise("none", "None was put on a card. It is left out.")
            return None
        from metaflow.cards.as_component import as_component
        from metaflow.exception import TimeoutException

        try:
            return as_component(value)
        except TimeoutException:  # of the step, not of this value
            raise
        except Exception as error:
            name = f"{type(value).__module__}.{type(value).__qualname__}"
            notices.warn(f"value {name}", f"A value of type {name} cannot be shown on a card. It is left out.", error)
            return None


class CardComponents:
    """The components of a card, by id: those that `append` was given, or that they have by themselves.

    What there is no component for is taken by a stand-in whose ``update`` does nothing, so that a step goes on.
    """

    def __init__(self, contents: CardContents, live: LiveCards) -> None:
        self._contents = contents
        self._live = live

    def __getitem__(self, key: str) -> Any:
        found = self._contents.find(_usable_id(key))
        if found is not None:
            return found
        if self._contents.card is not None:  # else that was told
            self._live.notices.advise(
                f"component {key}",
                f"The card has no component with the id {key!r}, so updates of it do nothing. An id is given as "
                f"in current.card.append(component, id={key!r}).",
            )
        return _Missing(key)

    def __setitem__(self, key: str, component: Any) -> None:
        """Put a component on the card under an id that none has yet.

        Raises
        ------
        ComponentOverwriteNotSupportedException
            If there is one of that id.
        """
        if key in self:
            from metaflow.cards.exception import ComponentOverwriteNotSupportedException

            raise ComponentOverwriteNotSupportedException(
                f"There is a component with the id {key!r} on the card already. Change it with its method update(), or "
                'put other components in the place of all that are there, with current.card["ID"] = [...].'
            )
        self._contents.append(component, id=key)

    def append(self, component: Any, id: str | None = None) -> None:
        """Put something on the card, as its own `append` does."""
        self._contents.append(component, id)

    def extend(self, components: Iterable[Any]) -> None:
        """Put several things on the card."""
        self._contents.extend(components)

    def clear(self) -> None:
        """Take everything off the card that the step has put there."""
        self._contents.clear()

    def get(self, key: str, default: Any = None) -> Any:
        """The component with that id, or `default`."""
        found = self._contents.find(_usable_id(key))
        return default if found is None else found

    def keys(self) -> list[str]:
        """The ids."""
        return list(self._contents.by_id())

    def values(self) -> list[Any]:
        """The components."""
        return list(self._contents)

    def items(self) -> list[tuple[str, Any]]:
        """The ids, and the component of each."""
        return list(self._contents.by_id().items())

    def __contains__(self, key: object) -> bool:
        return self._contents.find(_usable_id(key)) is not None

    def __len__(self) -> int:
        return len(self._contents)

    def __iter__(self) -> Iterator[Any]:
        """The components, one after the other."""
        return iter(self._contents)


class _Missing(MetaflowCardComponent):
    """Stands for a component that is not there."""

    def __init__(self, id: str) -> None:
        self.component_id = str(id)

    def render(self) -> str:
        return ""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: that there is no such component was told."""


def _several(components: Any) -> Iterable[Any]:
    """What `extend` was given; one text, component or value that cannot be taken apart is one thing."""
    is_plain = type(components).__module__ in ("builtins", "collections") and hasattr(components, "__iter__")
    if isinstance(components, (list, tuple)) or hasattr(components, "__next__"):
        return list(components)
    if is_plain and not isinstance(components, (str, bytes, bytearray, dict)):
        return list(components)
    return [components]


def _usable_id(id: object) -> str:
    """An id as text, without characters that cannot be part of a page."""
    text = str(id)
    return text if text.isprintable() else "".join(each if each.isprintable() else "_" for each in text)
