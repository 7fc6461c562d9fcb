"""In what the code of a run differs from its commit, on an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.exception import MetaflowException
from metaflow.web.export.words import note, section
from metaflow.web.run.changed_files import NO_FILES
from metaflow.web.run.commit_changes import changes_since_commit
from metaflow.web.run.reading import file_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.web.export.subject import Subject

_MOST_CHARACTERS = 300_000


def code(subject: Subject) -> Iterator[Node]:
    """The difference as patches; nothing if there is no commit to compare with."""
    if subject.recorded.code is None or not isinstance(subject.recorded.code.info.get("commit_sha"), str):
        return
    try:
        found = changes_since_commit(subject.recorded, subject.wanted.project)
    except MetaflowException as error:
        found = {"against": "its commit", "obstacle": file_problem(error), **NO_FILES}
    contents: list[Node] = []
    left = _MOST_CHARACTERS
    for each in found["files"]:
        patch = each["patch"]
        words = each["change"]
        if each["added"] is not None:
            words += f", {each['added']:,} lines more, {each['removed']:,} less"
        if each["is_cut"] or len(patch) > left:
            patch = f"{patch[: max(left, 0)]}\n(The rest is left out.)"
        left -= len(patch)
        diff: Node = {"type": "log", "data": patch, "label": f"Difference of {each['path']}"}
        contents.append({"type": "fold", "title": each["path"], "note": words, "open": True, "contents": [diff]})
    if found["obstacle"]:
        contents.append(note(f"The difference is not known. {found['obstacle']}"))
    elif not contents:
        contents.append(note("None: it is the code of that commit."))
    yield from section(f"Code: difference to {found['against']}", contents)
