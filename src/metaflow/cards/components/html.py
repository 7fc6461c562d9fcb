"""HTML of the user's own."""

from __future__ import annotations

import os
from typing import Any

from metaflow.cards.component import MetaflowCardComponent


class HTML(MetaflowCardComponent):
    """HTML of your own, in a frame in which no script runs, no form is sent and nothing is loaded.

    Texts that come from elsewhere can be in it as they are: they can do nothing to the card. The frame is as high as
    what is in it. What says nothing of colours follows those of the page; whatever else is shown on white.

    Parameters
    ----------
    html : str, path, or object
        A fragment or a whole document; a `pathlib.Path` of a file with one; or an object that shows itself as HTML in
        notebooks, such as a styled data frame.
    height : int, optional
        Height in pixels, if it should not be that of the content.

    Examples
    --------
    >>> current.card.append(HTML("<h2>Results</h2><p>See <b>below</b>.</p>"))
    >>> current.card.append(HTML(frame.style.background_gradient()))
    """

    REALTIME_UPDATABLE = True

    def __init__(self, html: Any = "", height: int | None = None) -> None:
        self._height = height
        self.update(html)

    def update(self, html: Any) -> None:
        """Show other HTML.

        Parameters
        ----------
        html : str, path, or object
        """
        try:
            self._html: str | Exception = _html_of(html)
        except Exception as error:  # shown on the card, and no reason to fail a step
            self._html = error

    def render(self) -> dict[str, Any]:
        html = self._html
        if isinstance(html, Exception):
            raise html
        return {"type": "html", "html": html, "height": self._height}


def _html_of(html: Any) -> str:
    if isinstance(html, str):
        return str(html)
    if isinstance(html, (bytes, bytearray)):
        return html.decode("utf-8", "replace")
    if isinstance(html, os.PathLike):
        with open(html, encoding="utf-8", errors="replace") as file:
            return file.read()
    for method in ("_repr_html_", "__html__"):
        made = getattr(html, method, None)
        found = made() if callable(made) and not isinstance(html, type) else None
        if isinstance(found, str):
            return found
    raise ValueError(
        f"HTML takes a text, a path, or an object with a method _repr_html_, not one of type {type(html).__name__}."
    )
