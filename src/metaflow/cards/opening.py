"""Showing a page in the browser of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.files import CardName

#: Variables of which one is set where a browser can be shown.
_SHOWS_WINDOWS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


class OpenedCopy(NamedTuple):
    """A copy of a page.

    Attributes
    ----------
    path : Path
        The file; it is left to whoever clears temporary files, as a browser may read it any time later.
    is_shown : bool
        Whether a browser was found that took it.
    """

    path: Path
    is_shown: bool


def open_copy(page: str, name: CardName) -> OpenedCopy:
    """Write a page to a temporary file of this user, and let the browser show it.

    Parameters
    ----------
    page : str
        The HTML document.
    name : CardName
        What to call the file.

    Raises
    ------
    DataException
        The file cannot be written.
    """
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="metaflow-card-")
        path = Path(folder) / name.page
        path.write_text(page, "utf-8")
    except OSError as error:
        raise DataException(
            f"A copy of the card for the browser cannot be written: {error.strerror or error}. Set TMPDIR to a "
            "directory that has room, or write the card to a file of your choice with Card.get() or `card get`."
        ) from error
    return OpenedCopy(path, open_in_browser(path.as_uri()))


def open_in_browser(address: str) -> bool:
    """Let the browser show an address; False if there is none. The variable BROWSER of the environment names one."""
    import webbrowser

    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SHOWS_WINDOWS):
        return False  # what is left are browsers for terminals, which would take over this one
    try:
        return webbrowser.open(address)
    except (OSError, webbrowser.Error):
        return False
