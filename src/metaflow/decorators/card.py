"""``@card``: a report that the step writes, or that is made of what it leaves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..cards.exception import IncorrectCardArgsException
from ..exception import MetaflowException
from ..flow.decorators import StepDecorator, attach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..cards.running.running_card import CardDeclaration
    from ..flow.graph import FlowGraph
    from ..flow.hooks import TaskHook

F = TypeVar("F", bound="Callable[..., Any]")

_NAME = re.compile(r"[a-zA-Z0-9_]+")


class CardDecorator(StepDecorator):
    """Declaration of ``@card``."""

    name: ClassVar[str] = "card"
    allow_multiple: ClassVar[bool] = True
    imported_late: ClassVar[tuple[str, ...]] = (
        "metaflow.cards.running.task_cards",
        "metaflow.cards.running.current_card",
        "metaflow.cards.running.live",
        "metaflow.cards.running.finishing",
        "metaflow.client.own_task",
        "metaflow.cards.page.document",
        "metaflow.cards.templates.default",
        "metaflow.cards.previews.plain",
        "metaflow.cards.page.elements.artifact_list",
        "metaflow.cards.page.elements.code",
        "metaflow.cards.page.elements.data_viewers",
        "metaflow.cards.page.elements.plots",
        "metaflow.cards.page.elements.tables",
        "metaflow.cards.page.elements.dag",
        "metaflow.cards.page.elements.log",
        "metaflow.cards.page.elements.texts",
        "metaflow.cards.page.elements.usage",
        "metaflow.cards.previews.excerpt",
        "metaflow.cards.previews.frames",
        "metaflow.cards.previews.images",
        "metaflow.cards.previews.numbers",
        "metaflow.cards.page.elements.layout",
        "metaflow.cards.page.elements.markdown",
        "metaflow.client.code_package",
        "metaflow.client.recovery",
        "metaflow.client.log_spool",
        "resource",
        "metaflow.datastore.logs",
        "termios",
        "faulthandler",
    )
    defaults: ClassVar[dict[str, Any]] = {
        "type": "default",
        "options": {},
        "scope": "task",
        "rank": None,
        "timeout": 45,
        "id": None,
        "save_errors": True,
        "customize": False,
        "refresh_interval": 5,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check the attributes. Whether there is such a type, and whether the id is one, is told by the task."""
        kind, options, scope = (self.attributes[name] for name in ("type", "options", "scope"))
        if not isinstance(kind, str) or _NAME.fullmatch(kind) is None:
            raise self._wrong(step, "type", f"{_should(kind)} be a name of letters, digits and underscores")
        if scope != "task":
            raise self._wrong(step, "scope", f"{_should(scope)} be 'task': cards are of tasks")
        if options is not None and not isinstance(options, dict):
            raise self._wrong(step, "options", f"{_should(options)} be a dictionary")
        for flag in ("save_errors", "customize"):
            if _flag(self.attributes[flag]) is None:
                raise self._wrong(step, flag, f"{_should(self.attributes[flag])} be True or False")
        if not self.number("timeout", step):
            raise self._wrong(step, "timeout", "should be more than zero seconds")
        self.number("refresh_interval", step)

    def _wrong(self, step: str, attribute: str, what: str) -> MetaflowException:
        return self.error(f"Step *{step}*: the {attribute} of @card {what}.", IncorrectCardArgsException)

    def declared(self) -> CardDeclaration:
        """The card that is asked for; its id as it was written."""
        from ..cards.running.running_card import CardDeclaration

        values = self.attributes
        written = values["id"]
        return CardDeclaration(
            values["type"],
            None if written is None else str(written),
            _plain_options(values["options"] or {}),
            float(values["timeout"]),
            _flag(values["save_errors"]) is True,
            _flag(values["customize"]) is True,
            float(values["refresh_interval"]),
        )

    @classmethod
    def joint_hook(cls, decorators: Sequence[StepDecorator]) -> TaskHook:
        """Makes the cards of a task: of all declarations together, as they share ``current.card``."""
        from ..cards.running.task_cards import TaskCards

        # As a person reads them: from the top. What was added from outside, by --with or a mutator, comes after them.
        written = [each for each in decorators if each.statically_defined and not each.inserted_by]
        added = [each for each in decorators if each not in written]
        ordered = [each for each in (*reversed(written), *added) if isinstance(each, CardDecorator)]
        return TaskCards([each.declared() for each in ordered])


def _should(value: object) -> str:
    return f"is {value!r}, but should"


def _plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options as an ordinary dictionary, also if they are a part of a config."""
    if type(options) is dict:
        return options
    from ..flow.config_value import to_plain

    return dict(to_plain(options))


def _flag(value: object) -> bool | None:
    """A truth value, which may be written as text; None if it is none."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if value in (True, False) else None


@overload
def card(f: F, /) -> F: ...
@overload
def card(
    *,
    type: str = ...,
    options: Mapping[str, Any] = ...,
    scope: str = ...,
    rank: int | None = ...,
    timeout: float = ...,
    id: str | None = ...,
    save_errors: bool = ...,
    customize: bool = ...,
    refresh_interval: float = ...,
) -> Callable[[F], F]: ...
def card(f: Any = None, **attributes: Any) -> Any:
    """Make a card of each task of the step: a page that anybody can open in a browser.

    The step puts components on it with ``current.card.append(...)``. It is rendered when the task's result is saved,
    so nothing about a card can fail the task; a failed task keeps what was shown of it while it ran. A step may have
    several cards.

    Parameters
    ----------
    type : str, default "default"
        Type of the card: ``default``, ``blank``, one that the program defines as a subclass of
        :class:`~metaflow.cards.MetaflowCard`, or one of another package.
    id : str, optional
        Name of the card among those of the step, for ``current.card["id"]``: letters, digits and underscores.
    options : dict, optional
        What the type of the card lets one choose.
    timeout : float, default 45
        Seconds that rendering may take when the task is over.
    save_errors : bool, default True
        Whether a page that shows the error takes the card's place if it cannot be rendered.
    customize : bool, default False
        Whether ``current.card.append`` is meant for this one of several cards.
    refresh_interval : float, default 5
        Least seconds between two updates of the card while the task runs.
    scope : str, default "task"
        Nothing else is possible.
    rank : int, optional
        Has no effect.
    """
    return attach(CardDecorator, f, attributes)
