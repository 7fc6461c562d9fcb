"""In what the code of a run differs from the commit that it stood on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.web.run.changed_files import NO_FILES, changed_files
from metaflow.web.run.commit import committed_files

if TYPE_CHECKING:
    from pathlib import Path

    from metaflow.web.run.recorded import RecordedRun

_SHORT_HASH = 10


def changes_since_commit(recorded: RecordedRun, project: Path | None) -> dict[str, Any]:
    """Tell what was changed and not committed when a run started.

    Parameters
    ----------
    recorded : RecordedRun
        With its code.
    project : Path or None
        Directory whose repository may be asked; None if none may.

    Returns
    -------
    dict
        What :class:`~metaflow.web.run.models.CodeChanges` has.
    """
    commit = None if recorded.code is None else recorded.code.info.get("commit_sha")
    if recorded.code is None or not isinstance(commit, str):
        return {"against": "a commit", "obstacle": "The code was in no repository of git.", **NO_FILES}
    files, base = recorded.code.files, recorded.start.get("base")
    found = committed_files(project, base if isinstance(base, str) else None, commit, sorted(files))
    name = f"commit {commit[:_SHORT_HASH]}"
    if found.obstacle is not None:
        return {"against": name, "obstacle": found.obstacle, **NO_FILES}
    return {"against": name, "obstacle": None, **changed_files(found.files, files)}
