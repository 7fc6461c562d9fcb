"""Pages in pieces, as they are made and stored.

The page of a large table has many megabytes. To put it together takes one long call into C, for which the step's thread
has to wait. So our own types of cards make lists of pieces, which are never joined on their way to the store. Types of
others give a text, and whoever calls a method of ours gets one, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from metaflow.cards.exception import UnrenderableCardException

_Method = TypeVar("_Method", bound=Callable[..., str])

#: Methods that give texts -> what gives the same in pieces. By the functions themselves: a method that overrides one of
#: them, or takes its place, is another function, and is called as it is.
_IN_PIECES: dict[object, Callable[..., list[str]]] = {}


def joins(in_pieces: Callable[..., list[str]]) -> Callable[[_Method], _Method]:
    """Say of a method that it does nothing but put together what another one of the class gives.

    Parameters
    ----------
    in_pieces : function
        The other one, which takes the same.
    """

    def noted(method: _Method) -> _Method:
        _IN_PIECES[method] = in_pieces
        return method

    return noted


def pieces_of(method: Callable[..., Any], *given: Any) -> list[str]:
    """Have a method of a card make a page.

    Parameters
    ----------
    method : callable
        ``card.render`` or ``card.render_runtime``.
    *given
        Its arguments.

    Returns
    -------
    list of str
        The page: in pieces if the method is one of ours, else in one.

    Raises
    ------
    UnrenderableCardException
        If the method gives no text.
    """
    in_pieces = _IN_PIECES.get(getattr(method, "__func__", None))
    if in_pieces is not None:
        return in_pieces(method.__self__, *given)  # type: ignore[attr-defined]
    page = method(*given)
    if not isinstance(page, str):
        what = "nothing" if page is None else f"a value of type {type(page).__name__}"
        name, card = getattr(method, "__name__", "render"), type(getattr(method, "__self__", method)).__qualname__
        raise UnrenderableCardException(f"the method {name}() of {card} returned {what} instead of HTML as text")
    return [str.__str__(page)]  # whatever a type of texts of its own does
