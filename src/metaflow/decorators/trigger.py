"""``@trigger``: events that start a deployed flow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, overload

from ..flow.flow_decorators import FlowDecorator, attach_to_flow
from .event_sources import EventContext, check_options, refuse_duplicates, sources_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph

C = TypeVar("C", bound=type)

_NAME = re.compile(r"[a-zA-Z0-9_.-]+").fullmatch
_UNUSABLE = re.compile(r"[^a-zA-Z0-9_.-]")
#: An item of a list of parameters that gives the key of the payload beside the parameter's name.
_PAIR = 2


class TriggerEvent(NamedTuple):
    """An event that starts a flow.

    Attributes
    ----------
    name : str
    parameters : dict of str to str, or None
        Parameter of the flow -> key in the event's payload; None if that was not said.
    """

    name: str
    parameters: dict[str, str] | None = None


class TriggerDecorator(FlowDecorator):
    """Declaration of ``@trigger``."""

    name: ClassVar[str] = "trigger"
    defaults: ClassVar[dict[str, Any]] = {"event": None, "events": [], "options": {}}

    def validate(self, declaration: FlowDeclaration, graph: FlowGraph) -> None:
        """Check all that is not computed when the flow is deployed."""
        self._read(declaration, None)
        check_options(self)

    def events(self, declaration: FlowDeclaration, context: EventContext) -> list[TriggerEvent]:
        """The events, those included that functions name.

        Parameters
        ----------
        declaration : FlowDeclaration
            The flow, whose parameters events may set.
        context : EventContext
            What functions are told.

        Raises
        ------
        InvalidDecoratorAttribute
            If a function fails, or what it returns cannot be used.
        """
        return self._read(declaration, context)

    def _read(self, declaration: FlowDeclaration, context: EventContext | None) -> list[TriggerEvent]:
        sources = sources_of(self, "event", "events", context)
        events = [self._event(source, declaration) for source in sources if context is not None or not callable(source)]
        refuse_duplicates(self, "event", [event.name for event in events if event.name])
        return events

    def _event(self, source: Any, declaration: FlowDeclaration) -> TriggerEvent:
        """The event that `source` describes; one whose name is still to be computed has none."""
        if not isinstance(source, Mapping):
            return TriggerEvent(self._checked_name(source))
        unknown = [key for key in source if key not in ("name", "parameters")]
        if unknown:
            raise self.error(f"An event of @trigger has no '{unknown[0]}'. It can have: name, parameters.")
        if "name" not in source:
            raise self.error(f"An event of @trigger lacks its name: {source!r}. Write {{'name': 'the_event', ...}}.")
        name = "" if callable(source["name"]) else self._checked_name(source["name"])
        written = source.get("parameters")
        if written is None or callable(written):
            return TriggerEvent(name)
        return TriggerEvent(name, self._parameters(name, written, declaration))

    def _checked_name(self, name: object) -> str:
        if not isinstance(name, str):
            raise self.error(
                f"{name!r} cannot be an event of @trigger: write its name, a dictionary such as "
                "{'name': 'the_event', 'parameters': {'the_parameter': 'the_field'}}, or a function that returns one."
            )
        if not _NAME(name):
            raise self.error(
                f"@trigger: '{name}' cannot be the name of an event. Use letters, digits and the characters _ . -"
            )
        return name

    def _parameters(self, event: str, written: Any, declaration: FlowDeclaration) -> dict[str, str]:
        """Parameter -> key in the payload, from a dictionary or a list of names and pairs."""
        said = f"@trigger: the parameters of event '{event}'"
        pairs: list[tuple[Any, Any]]
        if isinstance(written, Mapping):
            pairs = list(written.items())
        elif isinstance(written, (list, tuple)):
            pairs = []
            for item in written:
                paired = isinstance(item, (list, tuple)) and len(item) == _PAIR
                pairs.append((item[0], item[1]) if paired else (item, item))
        else:
            raise self.error(
                f"{said} should be a dictionary, parameter to field of the payload, or a list of names that both have."
            )
        names = {attribute: parameter.name for attribute, parameter in declaration.parameters.items()}
        known = {**names, **{name: name for name in names.values()}}
        mapping: dict[str, str] = {}
        for parameter, key in pairs:
            if not isinstance(parameter, str) or not (isinstance(key, str) and key):
                raise self.error(f"{said} should be texts: {parameter!r} and {key!r} cannot be used.")
            if parameter not in known:
                has = f"It has: {', '.join(names.values())}." if names else "It has none at all."
                raise self.error(f"{said} name '{parameter}', but flow {declaration.name} has no such parameter. {has}")
            if known[parameter] in mapping:
                raise self.error(f"{said} name '{parameter}' more than once.")
            mapping[known[parameter]] = key
        return mapping


@overload
def trigger(f: C, /) -> C: ...
@overload
def trigger(*, event: Any = ..., events: Any = ..., options: Mapping[str, Any] = ...) -> Callable[[C], C]: ...
def trigger(f: Any = None, **attributes: Any) -> Any:
    """Start the flow whenever an event occurs, once it is deployed to a scheduler that listens to events.

    Parameters
    ----------
    event : str, dict or callable, optional
        Name of the event; or ``{"name": ..., "parameters": ...}``, where `parameters` says which parameter of the flow
        gets which field of the event's payload: a dictionary, or a list of names that both have (or of pairs); or a
        function that returns one of these when the flow is deployed.
    events : list of these, or callable, optional
        Start the flow when all of these events have occurred.
    options : dict, optional
        ``{"reset_at": {"cron": ..., "timezone": ...}}`` forgets, at these times, events that have occurred while others
        have not.
    """
    return attach_to_flow(TriggerDecorator, f, attributes)


def namespaced_event_name(name: str) -> Callable[..., str]:
    """Name of an event that belongs to the flow's project and branch, so that branches do not trigger each other.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable
        For ``@trigger(event=...)``. It gives ``mfns.<project>.<branch>.<name>``, or ``mfns.<name>`` without
        ``@project``; called without argument in a task, those of the task. The setting ``NAMESPACED_EVENTS_PREFIX``
        replaces ``mfns``.

    Raises
    ------
    ValueError
        If `name` is no text.
    """
    if not isinstance(name, str):
        raise ValueError(f"The name of an event should be a text, not {name!r}.")

    def resolve(context: EventContext | None = None) -> str:
        from ..settings import get

        facts: Any = context
        if facts is None:
            from ..flow.current import current as facts
        place = (getattr(facts, "project_name", None), getattr(facts, "branch_name", None))
        parts = [_UNUSABLE.sub("", part) for part in place if part]
        return ".".join([get("NAMESPACED_EVENTS_PREFIX"), *parts, name])

    resolve.__name__ = f"namespaced_event_name({name!r})"
    return resolve
