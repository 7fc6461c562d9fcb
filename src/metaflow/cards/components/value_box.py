"""``ValueBox``: one number, large."""

from __future__ import annotations

import re
from typing import NamedTuple

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.exception import InvalidComponentArgument
from metaflow.cards.values.plain_numbers import plain_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

#: Characters that texts may have, by argument.
_MOST = {"title": 200, "value": 100, "subtitle": 300, "change_indicator": 200}
_LARGEST = 1e15
_CSS_CLASS = re.compile(r"-?[_a-zA-Z][_a-zA-Z0-9-]*")


class _State(NamedTuple):
    """All that a box shows; replaced as a whole, so that who reads it in another thread sees one moment."""

    title: str | None
    value: str | int | float
    subtitle: str | None
    theme: str | None
    change_indicator: str | None


class ValueBox(MetaflowCardComponent):
    """One number or short text, large, with a title. Several in a row stand side by side.

    Parameters
    ----------
    title : str, optional
        What it is; at most 200 characters.
    value : str, int or float
        A number of at most ±1e15, which is shown with thousands separated, or a text of at most 100 characters.
        Without one, a dash is shown.
    subtitle : str, optional
        More on it; at most 300 characters.
    theme : str, optional
        ``"default"``, ``"success"``, ``"warning"``, ``"danger"``, ``"bg-gradient-indigo-purple"``, or the name of a
        CSS class.
    change_indicator : str, optional
        How it has changed, such as ``"+5% since yesterday"``, at most 200 characters. If it begins with a plus or
        minus sign, an arrow, or ``up`` or ``down``, an arrow shows that direction.

    Raises
    ------
    InvalidComponentArgument
        If an argument is of the wrong kind, too long or too large.

    Examples
    --------
    >>> current.card.append(ValueBox("Accuracy", 0.934, theme="success", change_indicator="+0.8 points"))
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True

    VALID_THEMES: ClassVar[tuple[str, ...]] = ("default", "success", "warning", "danger", "bg-gradient-indigo-purple")

    def __init__(
        self,
        title: str | None = None,
        value: str | int | float = "",
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        self._state = _State(
            _text("title", title),
            _value(value),
            _text("subtitle", subtitle),
            _theme(theme),
            _text("change_indicator", change_indicator),
        )

    def update(
        self,
        title: str | None = None,
        value: str | int | float | None = None,
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        """Show something else; what is not given stays.

        Other than the constructor, this never fails, as it is called amid a computation: texts that are too long are
        cut, other objects are shown as text, and a theme that cannot be one is left out.

        Parameters
        ----------
        title, value, subtitle, theme, change_indicator : optional
            As for the constructor.
        """
        old = self._state
        self._state = _State(
            old.title if title is None else _cut("title", title),
            old.value if value is None else _any_value(value),
            old.subtitle if subtitle is None else _cut("subtitle", subtitle),
            old.theme if theme is None or not _is_theme(theme) else theme,
            old.change_indicator if change_indicator is None else _cut("change_indicator", change_indicator),
        )

    def render(self) -> dict[str, Any]:
        """The node."""
        state = self._state
        given = {name: value for name, value in state._asdict().items() if value not in (None, "")}
        return {"type": "valueBox", "value": "", **given}


def _text(argument: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidComponentArgument(f"The {argument} of a ValueBox is a text, not {_named(value)}.")
    if len(value) > _MOST[argument]:
        raise InvalidComponentArgument(
            f"The {argument} of a ValueBox has at most {_MOST[argument]} characters; this one has {len(value)}: "
            f"{value[:40]!r}..."
        )
    return value


def _value(value: Any) -> str | int | float:
    if isinstance(value, str):
        return _text("value", value.strip()) or ""
    if value is None:
        return ""
    number = plain_number(value)
    if number is None:
        raise InvalidComponentArgument(f"The value of a ValueBox is a number or a text, not {_named(value)}.")
    if _LARGEST < abs(number) < float("inf"):
        raise InvalidComponentArgument(
            f"The value of a ValueBox is a number between -1e15 and 1e15, not {number!r}. Pass it as a text, or in "
            "another unit."
        )
    return _finite(value if isinstance(value, bool) else number)


def _theme(value: str | None) -> str | None:
    if value is None or _is_theme(value):
        return value
    raise InvalidComponentArgument(
        f"The theme of a ValueBox is one of {', '.join(ValueBox.VALID_THEMES)}, or the name of a CSS class; "
        f"not {value!r}."
    )


def _is_theme(value: Any) -> bool:
    return isinstance(value, str) and _CSS_CLASS.fullmatch(value) is not None


def _any_value(value: Any) -> str | int | float:
    """Any object as something to show."""
    number = None if isinstance(value, bool) else plain_number(value)
    return _cut("value", value) if number is None else _finite(number)


def _finite(number: float) -> str | int | float:
    """A number that JSON can hold, or the name of one that it cannot."""
    if isinstance(number, float) and not -float("inf") < number < float("inf"):
        return {"nan": "NaN", "inf": "∞", "-inf": "−∞"}[str(number)]  # noqa: RUF001 - a minus sign
    return str(number) if isinstance(number, bool) else number


def _cut(argument: str, value: Any) -> str:
    shown = value if isinstance(value, str) else str(value)
    most = _MOST[argument]
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _named(value: object) -> str:
    return f"{type(value).__name__} ({str(value)[:40]!r})"
