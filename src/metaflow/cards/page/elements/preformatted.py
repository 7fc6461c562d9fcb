"""Blocks of text whose lines and spaces are kept; they scroll, also by keyboard, and can be copied."""

from __future__ import annotations


def preformatted(content: str, label: str) -> str:
    """HTML of a block.

    Parameters
    ----------
    content : str
        HTML of what is in it.
    label : str
        What it is, for those who cannot see it.
    """
    # The first newline is not shown by browsers: without it, that of the content would not be.
    return (
        f'<pre class="mf-block mf-scroll" role="group" aria-label="{label}" tabindex="0" dir="ltr" data-copy>\n'
        f"{content}</pre>"
    )
