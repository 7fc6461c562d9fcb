"""``ProgressBar``: how far something has got."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.plain_numbers import plain_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

#: Seconds after which the speed is measured from a later point: it is that of the last one to two of these.
_SPAN = 20.0
_INFINITE = float("inf")


class _Point(NamedTuple):
    """When a bar showed which value."""

    time: float
    value: float


class _State(NamedTuple):
    """All that a bar shows; replaced as a whole, so that who reads it in another thread sees one moment."""

    value: Any
    details: Any
    #: What the speed is measured from, and what it is to be measured from later.
    since: _Point | None = None
    later: _Point | None = None
    #: When `value` was told.
    time: float = 0.0


class ProgressBar(MetaflowCardComponent):
    """How far something has got, how fast it goes, and how long it will take.

    Speed and time left are worked out from the calls of `update`. One takes about a microsecond, so that it can be
    called for each item; the card shows the last value whenever it is refreshed.

    Parameters
    ----------
    max : number or None
        The value at the end. Without one, or with zero, the bar shows that something goes on, and no end.
    label : str, optional
    value : number
        Where it stands at first.
    unit : str, optional
        What is counted, such as ``"epochs"``.
    metadata : str or dict, optional
        Shown below the bar.

    Examples
    --------
    >>> progress = ProgressBar(max=len(batches), label="Training", unit="batches")
    >>> current.card.append(progress)
    >>> for number, batch in enumerate(batches, 1):
    ...     progress.update(number, metadata=f"loss {train(batch):.4f}")
    ...     current.card.refresh()
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(
        self, max: Any = 100, label: str | None = None, value: Any = 0, unit: str | None = None, metadata: Any = None
    ) -> None:
        self._max = max
        self._label = label
        self._unit = unit
        self._state = _State(_told(value), _details(metadata))

    def update(self, new_value: Any, metadata: Any = None) -> None:
        """Show another value.

        Parameters
        ----------
        new_value : number
            The value itself, and not how much it has grown by.
        metadata : str or dict, optional
            Shown below the bar; without it, what is there stays.
        """
        state = self._state
        details = state.details if metadata is None else _details(metadata)
        value = _told(new_value)
        now = monotonic()
        since, later = state.since, state.later
        if isinstance(value, str):
            since = later = None
        elif since is None or later is None or value < state.value:
            since = later = _Point(now, value)
        elif now - later.time > _SPAN:
            since, later = later, _Point(now, value)
        self._state = _State(value, details, since, later, now)

    def render(self) -> dict[str, Any]:
        """The node."""
        state = self._state
        most = plain_number(self._max)
        if most is not None and not 0 < most < _INFINITE:
            most = None
        node: dict[str, Any] = {"type": "progressBar", "max": most, "value": _shown(state.value)}
        texts = {"label": _text(self._label), "unit": _text(self._unit), "details": state.details}
        node.update({name: value for name, value in texts.items() if value})
        return {**node, **_pace(state, most)}


def _told(value: Any) -> Any:
    """A number; or the text of what is none, which is shown as it is."""
    number = plain_number(value)
    return str(value) if number is None else number


def _details(metadata: Any) -> Any:
    if isinstance(metadata, dict):
        return {str(key): str(value) for key, value in metadata.items()}
    return _text(metadata)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _shown(value: Any) -> Any:
    return value if isinstance(value, str) or -_INFINITE < value < _INFINITE else str(value)


def _pace(state: _State, most: float | None) -> dict[str, float]:
    """How much the value grows in a second, and how many seconds are left, as far as they are known."""
    if state.since is None or state.time <= state.since.time:
        return {}
    try:
        rate = (state.value - state.since.value) / (state.time - state.since.time)
        if not 0 < rate < _INFINITE:
            return {}
        if most is None or state.value >= most:
            return {"rate": rate}
        seconds_left = (most - state.value) / rate
        # The smallest numbers there are give more seconds than there are numbers for.
        return {"rate": rate, "seconds_left": seconds_left} if seconds_left < _INFINITE else {"rate": rate}
    except OverflowError:
        return {}
