"""The record of who did what: written before anything is done, completed afterwards, bounded, newest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from metaflow.metadata_store.records import encodable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.metadata_store.store import DocumentStore

Outcome = Literal["begun", "done", "failed", "refused"]
#: Flow and id of a run.
RunName = tuple[str, str]

#: Entries that are kept.
KEPT_ENTRIES = 10_000
#: Runs that an entry names; it counts all of them.
LISTED_RUNS = 100
_COLLECTION = "web-actions"
# Documents come in the order of their keys, and the newest entry is to come first.
_HIGHEST = 10**15
_PER_LOOK = 500


class Actor(NamedTuple):
    """Who does something.

    Attributes
    ----------
    name : str
        Name of the token, or of the user where there are no tokens.
    address : str
        Where the request came from.
    """

    name: str
    address: str


class Filter(NamedTuple):
    """Which entries: those that meet all that is given."""

    flow: str | None = None
    run_id: str | None = None
    who: str | None = None
    action: str | None = None
    outcome: str | None = None

    def admits(self, entry: dict[str, Any]) -> bool:
        """Whether an entry is meant."""
        return (
            self.who in (None, entry["who"])
            and self.action in (None, entry["action"])
            and self.outcome in (None, entry["outcome"])
            and ((self.flow is None and self.run_id is None) or any(map(self._is_meant, entry["runs"])))
        )

    def _is_meant(self, run: dict[str, str]) -> bool:
        return self.flow in (None, run["flow"]) and self.run_id in (None, run["run_id"])


class Page(NamedTuple):
    """Entries, newest first, and what the next page begins after; None if this is the last one."""

    entries: list[dict[str, Any]]
    following: str | None


class Journal:
    """The record, kept among the documents of the service.

    Parameters
    ----------
    documents : DocumentStore
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def begin(self, actor: Actor, action: str, runs: Sequence[RunName], details: dict[str, Any]) -> str:
        """Note that somebody does something; gives the entry's key.

        It comes before the deed: what cannot be recorded is not done.

        Raises
        ------
        MetadataException
            It cannot be recorded.
        """
        number = self._documents.next_number(_COLLECTION)
        key = _key(number)
        entry = {
            "at": time.time(),
            "who": actor.name,
            "address": actor.address,
            "action": action,
            "runs": _listed(runs),
            "run_count": len(runs),
            "details": details,
            "outcome": "begun",
            "message": "",
            "ended_at": None,
        }
        self._documents.put_document(_COLLECTION, key, _recordable(entry))
        if number > KEPT_ENTRIES:
            self._documents.delete_documents(_COLLECTION, _key(number - KEPT_ENTRIES))
        return key

    def end(
        self,
        key: str,
        outcome: Outcome,
        message: str,
        runs: Sequence[RunName] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Note what came of it, and, if that was not known before, of which runs, and further details.

        Raises
        ------
        MetadataException
            It cannot be recorded.
        """
        entry = self._documents.get_document(_COLLECTION, key)
        if entry is None:
            return  # so many others followed that it is not kept any more
        entry |= {"outcome": outcome, "message": message, "ended_at": time.time()}
        entry["details"] |= details or {}
        if runs is not None:
            entry |= {"runs": _listed(runs), "run_count": len(runs)}
        self._documents.put_document(_COLLECTION, key, _recordable(entry), replace=True)

    def page(self, limit: int, after: str | None, wanted: Filter) -> Page:
        """Entries behind a position, newest first.

        Raises
        ------
        MetadataException
            They cannot be read.
        """
        found: list[dict[str, Any]] = []
        while True:
            documents = self._documents.documents(_COLLECTION, limit=_PER_LOOK, after=after)
            for key, entry in documents:
                if wanted.admits(entry):
                    if len(found) == limit:
                        return Page(found, found[-1]["id"])
                    found.append({"id": key, **entry})
            if len(documents) < _PER_LOOK:
                return Page(found, None)
            after = documents[-1][0]


def _listed(runs: Sequence[RunName]) -> list[dict[str, str]]:
    return [{"flow": flow, "run_id": run_id} for flow, run_id in runs[:LISTED_RUNS]]


def _key(number: int) -> str:
    return f"{_HIGHEST - number:016d}"


def _recordable(value: Any) -> Any:
    """`value` with what a database would refuse written out: texts of flows may hold anything."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(str(key)): _recordable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_recordable(item) for item in value]
    return value
