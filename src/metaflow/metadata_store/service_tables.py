"""What a metadata service keeps beside the records, in the same database: the log of events, documents, numbers."""

from __future__ import annotations

import json
import sys
import time

from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.sql_queries import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol, TypeVar

    from metaflow.metadata_store.events import Event

    T = TypeVar("T")

    class Result(Protocol):
        """What a statement gave."""

        @property
        def rowcount(self) -> int: ...

        def fetchone(self) -> Any: ...

    Execute = Callable[[str, Sequence[Any]], Result]

# The row of whoever draws a number stays locked until his transaction is visible. So numbers become visible in order.
_DRAW = """
INSERT INTO counters (name, last) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last = counters.last + excluded.last"""
#: Gives a counter, such as the last id of the log of events.
DRAWN = "SELECT last FROM counters WHERE name = ?"
#: The counter of the log of events.
LOG = "log of events"
_TRIMMED_AT_ONCE = 10_000

_PUT = "INSERT INTO documents (collection, key, document) VALUES (?, ?, ?) ON CONFLICT (collection, key) DO "
_REPLACE = f"{_PUT} UPDATE SET document = excluded.document"
_KEEP = f"{_PUT} NOTHING"


class ServiceTables:
    """The log of events, documents and numbers, see `EventLog` and `DocumentStore`.

    Who derives from it says how statements are run.
    """

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows that a statement with question marks gives."""
        raise NotImplementedError

    def _change(self, work: Callable[[Execute], T]) -> T:
        """Do `work`, which gets a function that runs a statement, in one transaction."""
        raise NotImplementedError

    def events_after(
        self, event_id: int, limit: int, flow: str | None = None, run_id: str | None = None
    ) -> list[tuple[int, dict[str, Any]]]:
        """At most `limit` recorded events behind an id, oldest first.

        Parameters
        ----------
        event_id : int
            The last that is known already; 0 for all that the log still has.
        limit : int
            At most so many.
        flow, run_id : str, optional
            Only events of that flow, and of that run of it.

        Returns
        -------
        list of (int, dict)
            The id of each, and what :func:`metaflow.metadata_store.wire.event_to_plain` made of it.
        """
        conditions = ["id > ?"]
        parameters: list[Any] = [event_id]
        for column, value in (("flow", flow), ("run_id", run_id)):
            if value is not None:
                conditions.append(f"{column} = ?")
                parameters.append(encodable(value))
        sql = f"SELECT id, event FROM events WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?"  # noqa: S608
        return [(number, json.loads(event)) for number, event in self._query(sql, [*parameters, limit])]

    def last_event_id(self) -> int:
        """Id of the newest event, even if the log has been trimmed; 0 if there never was any."""
        rows = self._query(DRAWN, (LOG,))
        return int(rows[0][0]) if rows else 0

    def oldest_event_id(self) -> int:
        """Id of the oldest event that the log still has; one more than the last if it is empty."""
        # The last first: if an event comes between the two questions, it is counted as one that the log has.
        last = self.last_event_id()
        rows = self._query("SELECT MIN(id) FROM events")
        return last + 1 if not rows or rows[0][0] is None else int(rows[0][0])

    def last_event_id_before(self, moment: float) -> int:
        """Id of the last event recorded before a time, in seconds since the epoch; all later ones are still there."""
        # Backwards from the newest, so that only what came since is looked at.
        rows = self._query("SELECT id FROM events WHERE recorded_at < ? ORDER BY id DESC LIMIT 1", (moment,))
        return int(rows[0][0]) if rows else self.oldest_event_id() - 1

    def trim_log(self, before_time: float) -> int:
        """Drop events recorded before a time.

        Parameters
        ----------
        before_time : float
            Seconds since the epoch.

        Returns
        -------
        int
            How many were dropped.
        """
        # The last id first: what is recorded from here on stays. Ids and times grow together, so that only what goes is
        # looked at.
        end = self.last_event_id() + 1
        kept = self._query("SELECT id FROM events WHERE recorded_at >= ? ORDER BY id LIMIT 1", (before_time,))
        if kept:
            end = min(end, kept[0][0])
        dropped, position = 0, self.oldest_event_id()
        # A part at a time: those who record wait for none of them long. The first is done even if there is nothing to
        # drop, so that a database that may not be written is found out by any call.
        while True:
            position = min(position + _TRIMMED_AT_ONCE, end)
            dropped += self._delete_events_before(position)
            if position >= end:
                return dropped

    def _delete_events_before(self, end: int) -> int:
        return self._change(lambda execute: execute("DELETE FROM events WHERE id < ?", (end,)).rowcount)

    def runs_by_status(self, flow: str | None = None) -> dict[str, int]:
        """How many runs there are of each recorded status, of all flows or of one."""
        where = "" if flow is None else "WHERE flow = ? "
        sql = f"SELECT status, COUNT(*) FROM runs {where}GROUP BY status ORDER BY status"  # noqa: S608
        return dict(self._query(sql, () if flow is None else (encodable(flow),)))

    def ping(self) -> None:
        """See that the database answers.

        Raises
        ------
        MetadataException
            It does not; the message says why.
        """
        self._query("SELECT 1")

    def put_document(self, collection: str, key: str, document: Mapping[str, Any], replace: bool = False) -> bool:
        """Keep a document.

        Parameters
        ----------
        collection, key : str
            Where.
        document : mapping
            What; as JSON can hold it.
        replace : bool
            Whether it takes the place of one that is there.

        Returns
        -------
        bool
            Whether it was written.
        """
        return self.put_documents(collection, {key: document}, replace) == 1

    def put_documents(self, collection: str, documents: Mapping[str, Mapping[str, Any]], replace: bool = False) -> int:
        """Keep several documents by their keys, all or none; how many were written, see :meth:`put_document`."""
        # In order of the keys, so that two who write the same cannot wait for each other.
        rows = sorted((encodable(collection), encodable(key), encode(plain)) for key, plain in documents.items())
        sql = _REPLACE if replace else _KEEP
        return self._change(lambda execute: sum(execute(sql, row).rowcount for row in rows))

    def get_document(self, collection: str, key: str) -> dict[str, Any] | None:
        """One document, or None."""
        sql = "SELECT document FROM documents WHERE collection = ? AND key = ?"
        rows = self._query(sql, (encodable(collection), encodable(key)))
        return json.loads(rows[0][0]) if rows else None

    def documents(
        self, collection: str, key_prefix: str = "", limit: int | None = None, after: str | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """Documents of a collection, in order of their keys.

        Parameters
        ----------
        collection : str
            Which.
        key_prefix : str
            Only those whose keys begin so.
        limit : int, optional
            At most so many.
        after : str, optional
            Only those behind this key.

        Returns
        -------
        list of (str, dict)
            Keys and documents.
        """
        condition, parameters = _within(collection, key_prefix)
        if after is not None:
            condition += " AND key > ?"
            parameters.append(encodable(after))
        sql = f"SELECT key, document FROM documents WHERE {condition} ORDER BY key"  # noqa: S608
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        return [(key, json.loads(document)) for key, document in self._query(sql, parameters)]

    def delete_documents(self, collection: str, key_prefix: str = "") -> int:
        """Delete the documents of a collection whose keys begin so; how many they were."""
        condition, parameters = _within(collection, key_prefix)
        sql = f"DELETE FROM documents WHERE {condition}"  # noqa: S608
        return self._change(lambda execute: execute(sql, parameters).rowcount)

    def next_number(self, name: str) -> int:
        """Draw the next number, from 1, of the series called `name`. None is ever given twice."""
        return self._change(lambda execute: draw_numbers(execute, f"series {encodable(name)}", 1))


def log_rows(execute: Execute, events: Sequence[Event]) -> list[tuple[int, str, str, float, str]]:
    """Rows of the log for events that are being recorded; the last thing that a transaction does but write them."""
    from metaflow.metadata_store.wire import event_to_plain

    now = time.time()
    first = draw_numbers(execute, LOG, len(events)) - len(events) + 1
    rows = []
    for number, event in enumerate(events, first):
        flow, run_id = run_key_of(event)
        rows.append((number, encodable(flow), encodable(run_id), now, encode(event_to_plain(event))))
    return rows


def draw_numbers(execute: Execute, name: str, count: int) -> int:
    """Draw several numbers at once; the last of them."""
    execute(_DRAW, (name, count))
    return int(execute(DRAWN, (name,)).fetchone()[0])


def run_key_of(event: Event) -> tuple[str, str]:
    """Flow and id of the run that an event is about."""
    subject: Any = getattr(event, "run", None) or getattr(event, "task", None) or event
    return subject.flow, subject.run_id


def _within(collection: str, key_prefix: str) -> tuple[str, list[Any]]:
    """The condition for keys that begin so: a range, which an index can be asked for."""
    prefix = encodable(key_prefix)
    condition, parameters = "collection = ? AND key >= ?", [encodable(collection), prefix]
    end = _after_all_with(prefix)
    if end is not None:
        condition += " AND key < ?"
        parameters.append(end)
    return condition, parameters


def _after_all_with(prefix: str) -> str | None:
    """The least text that is greater than all that begin so; None if there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    # Codes of surrogates stand for no characters.
    return kept[:-1] + chr(0xE000 if code == 0xD800 else code)
