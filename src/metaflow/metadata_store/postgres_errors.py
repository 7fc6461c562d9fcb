"""What goes wrong with a PostgreSQL database, in words that name the remedy and never a password."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.exception import DatabaseUnavailable, MetadataException, UnrecordableEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    import psycopg

# Codes of errors that what is written is to blame for, wherever it is written.
_ABOUT_CONTENT = ("22", "54")
_FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"

_TOO_LONG = " A name is too long. Names of flows, runs, steps and tasks may have 255 bytes."


class _Remedy(NamedTuple):
    """What an error is known by, and what to do about it.

    Attributes
    ----------
    state : str
        How its code begins, if the server gave one; empty if there was no connection to give it.
    text : str
        What its text has in it.
    advice : str
    may_pass : bool
        Whether the same may succeed later without anybody doing anything.
    """

    state: str
    text: str
    advice: str
    may_pass: bool = False


_REMEDIES = (
    _Remedy("", "remaining connection slots", "Raise the server's max_connections, or use smaller pools.", True),
    _Remedy("", "too many", "Raise the server's max_connections, or use smaller pools.", True),
    _Remedy("", "password authentication failed", "Check the user and the password in its address."),
    _Remedy("", "no password supplied", f"Give the password in its address, {_FORM}, or as PGPASSWORD."),
    _Remedy("", "no pg_hba.conf entry", "Let the server's pg_hba.conf allow this user from this machine."),
    _Remedy("", "Peer authentication failed", f"Give a host and a password in its address: {_FORM}."),
    _Remedy("", "role", "Create that user, or give another in the address."),
    _Remedy("", "certificate", "Check sslmode and sslrootcert in its address, and the server's certificate."),
    _Remedy("", "SSL", "Check sslmode in its address, and whether the server speaks TLS."),
    _Remedy("", "permission denied for database", "Let its owner GRANT CONNECT on it to this user."),
    _Remedy("", "does not exist", "Create the database (CREATE DATABASE), or give the name of one that exists."),
    _Remedy("", "resolve host", "Check the host in its address, and that its name can be resolved.", True),
    _Remedy("", "", "See that the server runs, and that its host and port can be reached from here.", True),
    _Remedy("08", "", "The connection was lost. See that the server runs.", True),
    _Remedy("25006", "", "This server is a copy that only reads. Give the address of the one that writes.", True),
    _Remedy("28", "", "Check the user and the password in its address."),
    _Remedy("3D", "", "Create the database, or give the name of one that exists."),
    _Remedy("40", "", "Too many writers were in each other's way. Try again.", True),
    _Remedy("42501", "", "Let the owner of the database GRANT this user what is missing; tables need CREATE once."),
    _Remedy("42P07", "", "Another program's tables are in the way. Use a database of its own."),
    _Remedy("42P01", "", "A table is missing: put back a copy of the database, or use an empty one."),
    _Remedy("53100", "", "The server's disk is full: free some space.", True),
    _Remedy("53", "", "The server has no means left for this: raise its max_connections or its memory.", True),
    _Remedy("55P03", "", "Somebody keeps the tables locked: see pg_stat_activity.", True),
    _Remedy("57014", "", "It took too long: see pg_stat_activity for what keeps the server busy.", True),
    _Remedy("57", "", "The server is being stopped or started.", True),
    _Remedy("58", "", "The server cannot read or write its files: see its log.", True),
)


def explained(error: psycopg.Error, address: str, secret: str) -> MetadataException:
    """Explain an error of the database.

    Parameters
    ----------
    error : psycopg.Error
        The error.
    address : str
        Where the database is, without the password.
    secret : str
        The password, which is taken out of the error's text; may be empty.

    Returns
    -------
    MetadataException
        A `DatabaseUnavailable` if the same may succeed later, an `UnrecordableEvent` if it cannot for what it is.
    """
    import psycopg

    text = " ".join(str(error).split()) or type(error).__name__
    shown = (text.replace(secret, "***") if secret else text).rstrip(".")
    state = error.sqlstate or ""
    if not state and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return UnrecordableEvent(f"The database cannot take this: {shown}.")
    if state.startswith(_ABOUT_CONTENT):
        # Whoever sent it reads this, and need not know which database it is.
        return UnrecordableEvent(f"The database cannot take this: {shown}.{_TOO_LONG if state[:2] == '54' else ''}")
    for remedy in _REMEDIES:
        if remedy.text in text and (state.startswith(remedy.state) if remedy.state else not state):
            kind = DatabaseUnavailable if remedy.may_pass else MetadataException
            return kind(f"The database {address} cannot be used: {shown}. {remedy.advice}")
    return MetadataException(f"The database {address} refused this: {shown} (code {state}).")


def unreadable_address() -> MetadataException:
    """The error of an address that cannot be read, which may have a password anywhere in it."""
    return MetadataException(
        f"The address of the database cannot be read. It must have the form {_FORM}, where characters such as "
        "@ : / % in the user and the password are written as %40 %3A %2F %25."
    )
