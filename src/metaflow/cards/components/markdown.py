"""``Markdown``: formatted text."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

#: Indentation of lines after the first that is taken for that of the program: four spaces would be a block of code.
_OF_PROGRAM = 8


class Markdown(MetaflowCardComponent):
    r"""Formatted text, written in Markdown.

    Headings, lists, tables, links, emphasis and code are formatted. HTML in it is shown as text.

    Parameters
    ----------
    text : str, optional
        The Markdown. It may be indented as the program around it is.

    Examples
    --------
    >>> current.card.append(Markdown("# Results\n\nThe model is **better** than the last one."))
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(self, text: str | None = None) -> None:
        self._text = text

    def update(self, text: str | None = None) -> None:
        """Show another text.

        Parameters
        ----------
        text : str, optional
        """
        self._text = text

    def render(self) -> dict[str, Any]:
        """The node."""
        text = self._text
        return {"type": "markdown", "source": "" if text is None else dedented(str(text))}


def dedented(text: str) -> str:
    """`text` without the indentation that the program around it gave it, even if the first line has none."""
    from textwrap import dedent

    first, newline, rest = text.partition("\n")
    if first.strip() and not first[0].isspace():
        indentation = min((len(line) - len(line.lstrip()) for line in rest.split("\n") if line.strip()), default=0)
        return first + newline + dedent(rest) if indentation >= _OF_PROGRAM else text
    return dedent(text)
