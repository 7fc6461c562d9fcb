"""The log of events of an index of runs, which is kept only while somebody listens.

Whoever listens leaves a note in the index until when he does, and renews it. Whoever writes looks at the note within
his transaction. When nobody has listened for a while, events are missing, and the log begins anew: with an id that is
higher than any before, so that a listener who comes back is told to read everything again.
"""

from __future__ import annotations

import time

from metaflow.metadata_store.service_tables import DRAWN, LOG, log_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from metaflow.metadata_store.events import Event

_NOTE = "listened until"
#: The statement that reads the note, and its parameters.
NOTE_OF_LISTENERS = (DRAWN, (_NOTE,))
_SET = """
INSERT INTO counters (name, last) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last = MAX(last, excluded.last)"""
_BEGIN = """
INSERT INTO counters (name, last) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last = MAX(last + 1, excluded.last)"""
_APPEND = "INSERT INTO events (id, flow, run_id, recorded_at, event) VALUES (?, ?, ?, ?, ?)"


def is_listened(connection: sqlite3.Connection) -> bool:
    """Whether somebody listens; within a transaction that writes."""
    return is_noted(connection.execute(*NOTE_OF_LISTENERS).fetchall())


def is_noted(rows: Sequence[tuple[int]]) -> bool:
    """Whether somebody listens, by what the statement has given that reads the note."""
    return bool(rows) and rows[0][0] > time.time()


def append_to_log(connection: sqlite3.Connection, events: list[Event]) -> None:
    """Write events to the log; within the transaction that records them."""
    connection.executemany(_APPEND, log_rows(connection.execute, events))


def listen(connection: sqlite3.Connection, seconds: float) -> bool:
    """Note that somebody listens from now on; within a transaction.

    Parameters
    ----------
    connection : Connection
    seconds : float
        For how long.

    Returns
    -------
    bool
        False if nobody has listened before, so that events may be missing: the log has begun anew.
    """
    now = time.time()
    was_listened = is_listened(connection)
    if not was_listened:
        connection.execute("DELETE FROM events")
        # Milliseconds since the epoch: an index that was rebuilt goes on with higher ids, too.
        connection.execute(_BEGIN, (LOG, int(now * 1000)))
    connection.execute(_SET, (_NOTE, int(now + seconds) + 1))
    return was_listened
