"""What a text search for runs looks into: one text for each run, in which upper and lower case are the same."""

from __future__ import annotations

from metaflow.metadata_store.records import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord

# What the system notes of every run is left out: a word that most runs have finds nothing.
_TELLING_TAGS = ("project:", "project_branch:")
# A message may be a whole traceback.
_MOST_MESSAGE = 500


def run_text(run: RunRecord) -> str:
    """The text of a run in which words are looked for.

    Parameters
    ----------
    run : RunRecord
        The run, with the values of its parameters in its `outcome`.

    Returns
    -------
    str
        Flow, id, user, tags of people and of projects, message and values of parameters, each in a line of its own.
    """
    parameters = (run.outcome.parameters if run.outcome is not None else None) or {}
    parts = [run.flow, run.run_id, run.user, *run.tags]
    parts += [tag for tag in run.system_tags if tag.startswith(_TELLING_TAGS)]
    parts += [str(value) for value in parameters.values() if value is not None and not isinstance(value, bool)]
    if run.message:
        parts.append(run.message[:_MOST_MESSAGE])
    return _folded("\n".join(parts))


def words_of(text: str) -> list[str]:
    """The words of what a person looks for, as they occur in :func:`run_text`; each once."""
    return list(dict.fromkeys(map(_folded, text.split())))


def _folded(text: str) -> str:
    return encodable(text.casefold())
