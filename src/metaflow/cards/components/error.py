"""``Error``: an exception."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent
from metaflow.error_text import format_error, text_of
from metaflow.exception import MetaflowException, MetaflowExceptionWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Error(MetaflowCardComponent):
    """An exception: what it is, what it says, and where it comes from.

    Parameters
    ----------
    exception : BaseException
        Also what a failed task has recorded, a ``MetaflowExceptionWrapper``, such as ``task.exception`` of the client
        or what ``@catch`` leaves; or a text.
    title : str, optional
        Headline; without one, the kind of the exception.

    Examples
    --------
    >>> try:
    ...     evaluate(model)
    ... except ValueError as error:
    ...     current.card.append(Error(error, "The model could not be evaluated"))
    """

    def __init__(self, exception: Any, title: str | None = None) -> None:
        kind, message, trace = _parts(exception)
        if title:
            message = f"{kind}: {message}" if kind and message else message or kind
        self._node = {
            "type": "error",
            "headline": str(title or kind or "Error"),
            "message": message,
            **({"trace": trace} if trace else {}),
        }

    def render(self) -> dict[str, Any]:
        """The node."""
        return self._node


def _parts(exception: Any) -> tuple[str, str, str]:
    """Kind, message and traceback of an exception."""
    if isinstance(exception, MetaflowExceptionWrapper):
        return exception.type.removeprefix("builtins."), exception.exception, exception.stacktrace or ""
    if not isinstance(exception, BaseException):
        return "", "" if exception is None else str(exception), ""
    of = type(exception)
    kind = of.__qualname__ if of.__module__ in ("builtins", "__main__") else f"{of.__module__}.{of.__qualname__}"
    if isinstance(exception, MetaflowException):
        kind = exception.headline
    is_raised = exception.__traceback__ is not None or exception.__cause__ is not None
    is_group = bool(getattr(exception, "exceptions", None))
    return kind, text_of(exception), format_error(exception) if is_raised or is_group else ""
