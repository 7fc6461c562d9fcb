"""Files that a run includes go into the datastore before it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..datastore.file_content import save_file
from ..datastore.sizes import size_text
from ..exception import CommandException
from ..flow.include_file import IncludedFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..datastore.manifest import ArtifactEntry
    from ..datastore.store import ObjectStore


def include_files(store: ObjectStore, values: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Values of parameters, where the content of files is in the store.

    Parameters
    ----------
    store : ObjectStore
    values : dict
        By attribute name.
    say : callable
        Prints a line that tells of a file.

    Returns
    -------
    dict
        The same, with an :class:`ArtifactEntry` in the place of every :class:`IncludedFile`.

    Raises
    ------
    CommandException
        If a file cannot be read, or is no text although it should be.
    """
    return {
        name: _include(store, name, value, say) if isinstance(value, IncludedFile) else value
        for name, value in values.items()
    }


def _include(store: ObjectStore, name: str, included: IncludedFile, say: Callable[[str], None]) -> ArtifactEntry:
    what = f"The file {included.path}, for self.{name},"
    try:
        with open(included.path, "rb", buffering=0) as file:
            size = f" of size {size_text(included.size)}" if os.path.isfile(included.path) else ""
            say(f"Including file {included.path}{size}")
            return save_file(store, file, included.encoding)
    except OSError as error:
        raise CommandException(f"{what} cannot be read: {error.strerror}.") from error
    except UnicodeError as error:
        raise CommandException(
            f"{what} is no text in the encoding {included.encoding}: {_reason(error)}. "
            "Declare the IncludeFile with the right encoding=, or with is_text=False to get bytes."
        ) from error


def _reason(error: UnicodeError) -> str:
    return f"{error.reason} at byte {error.start}" if isinstance(error, UnicodeDecodeError) else str(error)
