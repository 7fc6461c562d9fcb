"""The user tags of a run: those it began with, and a log of changes beside its file.

Each change is a file whose name is the next number. A file is only ever made if there is none of that name, so of two
processes that change tags at once, one is told to look again: no change is lost, and no rule is broken by two changes
that each keep it. The log is the truth; the index follows it.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from metaflow.datastore.layout import tags_prefix
from metaflow.datastore.store import OUT_OF_REACH
from metaflow.exception import DamagedRecord, DataException, MetadataException
from metaflow.metadata_store.events import TagsChanged
from metaflow.metadata_store.tags import change_tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore


class TagLog(NamedTuple):
    """What the log of a run says.

    Attributes
    ----------
    last : int
        Number of the last change; 0 if there is none.
    tags : frozenset of str
        User tags that the run has now.
    former : frozenset of str
        Those that it had once.
    damaged : tuple of str
        Changes that could not be read, and why; one line each. They were passed over.
    """

    last: int
    tags: frozenset[str]
    former: frozenset[str]
    damaged: tuple[str, ...] = ()


def read_tag_log(store: ObjectStore, run: RunRecord) -> TagLog:
    """Read the changes of a run's tags.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    run : RunRecord
        The run, with the tags that it began with, as its own file has it.

    Raises
    ------
    DataException
        The store cannot be listed.
    """
    tags, ever = set(run.tags), set(run.tags)
    last, damaged = 0, []
    for number, key in sorted(_numbered(store.list(_prefix(run)))):
        last = number
        try:
            added, removed = _read_change(store, key)
        except OUT_OF_REACH:
            raise
        except (DataException, MetadataException) as error:
            damaged.append(f"{key}: {error.message}")
            continue
        tags = (tags - removed) | added
        ever |= added
    return TagLog(last, frozenset(tags), frozenset(ever - tags), tuple(damaged))


def change_run_tags(
    store: ObjectStore, index: MetadataStore, run: RunRecord, add: Iterable[str], remove: Iterable[str]
) -> None:
    """Change the user tags of a run: in the log first, and then in the index. All of it is done, or nothing.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    index : MetadataStore
        What follows the log.
    run : RunRecord
        The run as its own file has it.
    add, remove : iterable of str
        The tags. Removals come before additions, so a tag in both stays.

    Raises
    ------
    MetaflowTaggingError
        The change breaks a rule.
    DataException, MetadataException
        It cannot be written.
    """
    wanted, unwanted = list(add), list(remove)
    while True:
        log = read_tag_log(store, run)
        added, removed = change_tags(log.tags, run.system_tags, wanted, unwanted)
        if _write_change(store, run, log.last + 1, added, removed):
            break
    follow_tag_log(store, index, run)


def follow_tag_log(store: ObjectStore, index: MetadataStore, run: RunRecord, written: int = -1) -> None:
    """Let the index say what the log says, also if others change it meanwhile.

    Whoever writes the index last looks at the log once more, and finds there what came after it read it.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    index : MetadataStore
        What follows the log.
    run : RunRecord
        The run as its own file has it.
    written : int
        Number of the change up to which the index has just been written.

    Raises
    ------
    DataException, MetadataException
        The store cannot be listed, or the index cannot be written.
    """
    while (log := read_tag_log(store, run)).last != written:
        index.apply([tags_event(run, log)])
        written = log.last


def tags_event(run: RunRecord, log: TagLog) -> TagsChanged:
    """The change after which an index has the tags of the log, whichever of them it had before."""
    return TagsChanged(run.flow, run.run_id, tuple(sorted(log.tags)), tuple(sorted(log.former)))


def _prefix(run: RunRecord) -> str:
    return tags_prefix(run.flow, run.run_id)


def _numbered(keys: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Keys with their numbers; a file of another form is none of ours."""
    for key in keys:
        number = key.rpartition("/")[2].removesuffix(".json").partition("-")[0]
        if number.isascii() and number.isdecimal():
            yield int(number), key


def _write_change(
    store: ObjectStore, run: RunRecord, number: int, added: tuple[str, ...], removed: tuple[str, ...]
) -> bool:
    """Write a change; False if there is one of that number already."""
    data = json.dumps({"added": added, "removed": removed}, separators=(",", ":")).encode()
    return store.put_new(f"{_prefix(run)}{number:020d}.json", [data])


def _read_change(store: ObjectStore, key: str) -> tuple[set[str], set[str]]:
    try:
        change = json.loads(store.get(key))
        return set(change.get("added", ())), set(change.get("removed", ()))
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedRecord(f"The file {key} is damaged: {error}.") from error
