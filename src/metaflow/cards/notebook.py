"""Cards in notebooks: each in a frame of its own, which cannot reach the notebook."""

from __future__ import annotations

import html

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: What a page in a frame may do: run its own scripts, but as a stranger to whatever surrounds it.
SANDBOX = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
#: Above so many characters, a notebook file that holds the page would be a burden.
_MOST_CHARACTERS = 20_000_000

_FRAME_STYLE = (
    "width:100%;height:min(75vh,45rem);min-height:12rem;border:1px solid rgba(128,128,128,.35);"
    "border-radius:6px;resize:vertical;overflow:auto;background:#fff;color-scheme:normal"
)


def note(text: str) -> str:
    """A line of text."""
    return f'<div style="opacity:.8;padding:2px 0">{html.escape(text)}</div>'


def framed(page: str, title: str, remark: str = "") -> str:
    """A page as a part of a notebook.

    Parameters
    ----------
    page : str
        A whole HTML document, from whomever.
    title : str
        What it is, for screen readers.
    remark : str
        What to say above it.

    Returns
    -------
    str
        An HTML fragment.
    """
    above = note(remark) if remark else ""
    if len(page) > _MOST_CHARACTERS:
        return above + note(f"{title} has {len(page):,} characters, too many to be kept in a notebook: use view().")
    return (
        f'{above}<iframe sandbox="{SANDBOX}" title="{html.escape(title)}" style="{_FRAME_STYLE}" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def stacked(fragments: Iterable[str]) -> str:
    """Fragments, one below the other."""
    return f'<div style="display:flex;flex-direction:column;gap:12px">{"".join(fragments)}</div>'
