"""Artifacts of an attempt, from its manifest and those of the tasks before it. No value is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from metaflow.cards.report.artifacts import line_of, parameter_names, whole_type
from metaflow.datastore.excerpts import excerpt
from metaflow.datastore.layout import parse_attempt
from metaflow.datastore.plain_content import NotPlain, plain_content
from metaflow.datastore.skipped import is_skipped
from metaflow.exception import MetaflowException
from metaflow.server.errors import Refusal
from metaflow.web.task.contents import content_kinds
from metaflow.web.task.finding import existing_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from metaflow.client.provider import Provider
    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import ObjectStore
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import TaskRecord

#: Tasks before a join that are looked at to tell what it inherited.
_MOST_PARENTS = 16
#: How far back the task is looked for that made a value.
_MOST_STEPS_BACK = 64
#: Containers of up to so many bytes are shown as trees of up to so many values and characters.
_LARGEST_TREE = 256 * 1024
_TREE_VALUES, _TREE_CHARACTERS = 3000, 150_000
#: What the step made is what one looks for.
_STATES = ("new", "changed", "parameter", "inherited")


class Wanted(NamedTuple):
    """Which artifacts.

    Attributes
    ----------
    private : bool
        Also those whose names begin with an underscore.
    search : str
        Only those with these words in their names, types or previews.
    limit, offset : int
        The page.
    order : str
        ``state`` (what the step made first), ``name``, ``type`` or ``size`` (the largest first).
    """

    private: bool = False
    search: str = ""
    limit: int = 200
    offset: int = 0
    order: Literal["state", "name", "type", "size"] = "state"


def list_artifacts(provider: Provider, record: TaskRecord, wanted: Wanted) -> dict[str, Any]:
    """A page of the artifacts of an attempt.

    Raises
    ------
    Refusal
        If it has left none.
    """
    reader = existing_reader(provider, record)
    before, compared = entries_before(provider, record)
    parameters = _parameter_names(provider, record)
    public = [name for name in reader if not name.startswith("_")]
    names = list(reader) if wanted.private else public
    words = wanted.search.casefold().split()
    matching = [name for name in names if not words or _has_words(name, reader.entry(name), words)]
    states = {name: state_of(name, reader.entry(name), before, parameters) for name in matching}
    ranks: dict[str, Callable[[str], Any]] = {
        "state": lambda name: (_STATES.index(states[name]), name.startswith("_")),
        "name": lambda name: 0,
        "type": lambda name: whole_type(reader.entry(name).type),
        "size": lambda name: -reader.entry(name).size,
    }
    rank = ranks[wanted.order]
    matching.sort(key=lambda name: (rank(name), name))  # names last, so that the order is always the same
    page = matching[wanted.offset : wanted.offset + wanted.limit]
    return {
        "artifacts": [_row(name, reader.entry(name), states[name], record) for name in page],
        "found": len(matching),
        "public": len(public),
        "private": len(reader) - len(public),
        "bytes": sum(reader.entry(name).size for name in public),
        "next": wanted.offset + len(page) if wanted.offset + len(page) < len(matching) else None,
        "compared_with": compared,
        "compared_of": len(record.inputs),
    }


def describe_artifact(provider: Provider, record: TaskRecord, name: str) -> dict[str, Any]:
    """One artifact with all that was noted of it when it was saved.

    Raises
    ------
    Refusal
        There is no such artifact.
    """
    reader = existing_reader(provider, record)
    entry = entry_of(reader, name)
    before, _ = entries_before(provider, record)
    state = state_of(name, entry, before, _parameter_names(provider, record))
    store = provider.store_of(record.flow, record.run_id)
    kinds = content_kinds(store, entry)
    return {
        **_row(name, entry, state, record),
        "facts": {**_plain_facts(entry), **_whole_tree(store, entry)},
        "preview": entry.preview,
        "image": kinds.image,
        "text_bytes": kinds.text_bytes,
        "stored_bytes": entry.size,
        "serializer": None if entry.serializer is None else str(entry.serializer.get("name", "")),
    }


def entry_of(reader: TaskReader, name: str) -> ArtifactEntry:
    """Where an artifact is.

    Raises
    ------
    Refusal
        There is no such artifact.
    """
    if name not in reader:
        raise Refusal(404, "not_found", f"The attempt has no artifact {name!r}.")
    return reader.entry(name)


def _row(name: str, entry: ArtifactEntry, state: str, record: TaskRecord) -> dict[str, Any]:
    has_value = name in record.values
    return {
        "name": name,
        "type": whole_type(entry.type),
        "line": line_of(name, entry),
        "size": entry.size,
        "hash": entry.sha,
        "encoding": entry.encoding,
        "is_inline": entry.inline is not None and not entry.segments,
        "is_private": name.startswith("_"),
        "is_skipped": is_skipped(entry),
        "has_value": has_value,
        "value": record.values.get(name),
        "state": state,
        "thumbnail": _thumbnail(entry),
    }


def _thumbnail(entry: ArtifactEntry) -> str | None:
    address = entry.facts.get("thumbnail")
    # Manifests can come from elsewhere: nothing but a small picture of pixels is shown.
    if isinstance(address, str) and address.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        return address
    return None


def _plain_facts(entry: ArtifactEntry) -> dict[str, Any]:
    return {key: fact for key, fact in entry.facts.items() if key != "thumbnail"}


def _whole_tree(store: ObjectStore, entry: ArtifactEntry) -> dict[str, Any]:
    """More of a container of plain values than was noted when it was saved, read without unpickling it."""
    if whole_type(entry.type) not in ("dict", "list", "tuple") or entry.size > _LARGEST_TREE:
        return {}
    try:
        return {"tree": excerpt(plain_content(store, entry), _TREE_VALUES, _TREE_CHARACTERS)}
    except NotPlain:
        return {}  # there are other objects in it, which were noted by their previews


def _has_words(name: str, entry: ArtifactEntry, words: list[str]) -> bool:
    text = f"{name} {whole_type(entry.type)} {entry.preview}".casefold()
    return all(word in text for word in words)


def state_of(name: str, entry: ArtifactEntry, before: Mapping[str, set[str]], parameters: Iterable[str]) -> str:
    """``new``, ``changed``, ``parameter`` or ``inherited``, by the hashes that tasks before have under that name."""
    hashes = before.get(name)
    if name in parameters and (hashes is None or entry.sha in hashes):
        return "parameter"
    if hashes is None:
        return "new"
    return "inherited" if entry.sha in hashes else "changed"


def entries_before(provider: Provider, record: TaskRecord) -> tuple[dict[str, set[str]], int]:
    """Hashes of artifacts, by name, in the tasks that this one read from; and how many of these were looked at."""
    found: dict[str, set[str]] = {}
    compared = 0
    for reader in parent_readers(provider, record, _MOST_PARENTS):
        compared += 1
        for name in reader:
            found.setdefault(name, set()).add(reader.entry(name).sha)
    return found, compared


def parent_readers(provider: Provider, record: TaskRecord, most: int) -> list[TaskReader]:
    """What the tasks have left that an attempt read from, as far as it can be had."""
    from metaflow.datastore.tasks import open_tasks

    store: ObjectStore = provider.store_of(record.flow, record.run_id)
    inputs = [parse_attempt(text) for text in record.inputs[:most]]
    opened = open_tasks(store, record.flow, record.run_id, inputs)
    return [each for each in opened if not isinstance(each, MetaflowException)]


def made_by(provider: Provider, record: TaskRecord, name: str, sha: str) -> tuple[str, str, int] | None:
    """The task, as step, task id and attempt, that first had a value under this name; None if that is this attempt."""
    from metaflow.datastore.tasks import open_tasks

    store = provider.store_of(record.flow, record.run_id)
    inputs = record.inputs
    maker: tuple[str, str, int] | None = None
    for _ in range(_MOST_STEPS_BACK):
        tasks = [parse_attempt(text) for text in inputs[:_MOST_PARENTS]]
        for task, reader in zip(tasks, open_tasks(store, record.flow, record.run_id, tasks), strict=True):
            if isinstance(reader, MetaflowException) or name not in reader or reader.entry(name).sha != sha:
                continue
            maker = task
            inputs = tuple(reader.manifest.record.get("task", {}).get("inputs", ()))
            break
        else:
            return maker
        if not inputs:
            return maker
    return maker


def _parameter_names(provider: Provider, record: TaskRecord) -> list[str]:
    try:
        return parameter_names(provider.graph(record.flow, record.run_id))
    except MetaflowException:
        return []  # then they are told from others by nothing; the page shows them as inherited
