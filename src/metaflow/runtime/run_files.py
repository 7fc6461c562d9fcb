"""What is written of a run beside its tasks: its record, and the files in which a person asked to be told of it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from .. import __version__
from ..exception import CommandException
from ..identity import resolve_identity

if TYPE_CHECKING:
    from pathlib import Path

    from ..metadata_store.records import RunRecord


def tags_of_system(of_decorators: tuple[str, ...] = ()) -> set[str]:
    """Tags that the system gives to a run that starts here, and those that the flow's decorators add."""
    runtime = os.environ.get("METAFLOW_RUNTIME_NAME", "dev")
    python = ".".join(map(str, sys.version_info[:3]))
    return {
        f"metaflow_version:{__version__}",
        f"python_version:{python}",
        f"runtime:{runtime}",
        resolve_identity(),
        *of_decorators,
    }


def record_to_json(record: RunRecord) -> bytes:
    """A run's record as its file holds it."""
    return json.dumps(record.to_dict(), separators=(",", ":")).encode()


def write_file(path: Path, text: str) -> None:
    """Write a file that a person named.

    Raises
    ------
    CommandException
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandException(f"The file {path} cannot be written: {error.strerror}.") from error
