"""Who may use the service: tokens, of which the service needs to know the hashes only."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Literal, NamedTuple

from metaflow.exception import CommandException

if TYPE_CHECKING:
    from collections.abc import Iterable

Scope = Literal["read", "write"]

_HASHED = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
_SHORTEST = 16


class Token(NamedTuple):
    """A token that the service accepts.

    Attributes
    ----------
    name : str
        Whose it is; this is what logs show.
    scope : str
        ``read``, or ``write`` for both.
    digest : bytes
        SHA-256 of the token. Tokens are long and random, so nothing slower is needed.
    """

    name: str
    scope: Scope
    digest: bytes


def new_token() -> str:
    """A token with 256 random bits."""
    return "mf_" + secrets.token_urlsafe(32)


def token_line(name: str, scope: Scope, token: str) -> str:
    """The line by which a service is told of a token, without the token itself.

    Raises
    ------
    CommandException
        The name is not one.
    """
    if not _NAME.fullmatch(name):
        raise CommandException(
            f"{name!r} cannot be the name of a token: a name has 1 to 100 letters, digits, or any of `_ . @ -`."
        )
    return f"{name}:{scope}:{_HASHED}{_digest(token).hex()}"


def parse_tokens(text: str, where: str) -> tuple[Token, ...]:
    """Tokens that a file or a variable lists.

    Parameters
    ----------
    text : str
        ``NAME:SCOPE:TOKEN`` or ``NAME:SCOPE:sha256:HASH``, separated by white space; ``#`` begins a comment.
    where : str
        Where the text is from, for messages.

    Raises
    ------
    CommandException
        An entry is malformed, or a name comes twice. The message does not repeat what may be secret.
    """
    found: dict[str, Token] = {}
    for line_number, line in enumerate(text.splitlines(), 1):
        for entry in line.partition("#")[0].split():
            place = f"{where}, line {line_number}"
            token = _parse(entry, place)
            if token.name in found:
                raise CommandException(f"{place}: the name {token.name} is given twice. Names of tokens are unique.")
            found[token.name] = token
    return tuple(found.values())


def token_of_person(name: str, token: str) -> Token:
    """What a service accepts that only one person uses; the name may be any text."""
    return Token(name, "write", _digest(token))


def find_token(tokens: Iterable[Token], presented: str) -> Token | None:
    """The token that somebody shows; takes equally long whichever it is, and if it is none."""
    digest = _digest(presented)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found


def presented_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token in a request's headers: ``Authorization: Bearer`` or ``x-api-key``; None if there is none."""
    by_name = {name: value for name, value in headers if name in (b"authorization", b"x-api-key")}
    scheme, _, credentials = by_name.get(b"authorization", b"").partition(b" ")
    token = credentials if scheme.lower() == b"bearer" else by_name.get(b"x-api-key")
    return token.strip().decode("latin-1") if token else None


def _parse(entry: str, place: str) -> Token:
    name, _, rest = entry.partition(":")
    scope, _, secret = rest.partition(":")
    if not _NAME.fullmatch(name) or scope not in ("read", "write") or not secret:
        raise CommandException(
            f"{place}: an entry is not NAME:read:TOKEN or NAME:write:TOKEN. `metaflow server token NAME` makes a line."
        )
    if secret.startswith(_HASHED):
        digest = secret.removeprefix(_HASHED)
        if not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise CommandException(f"{place}: what follows sha256: for {name} is not a hash of 64 hexadecimal digits.")
        return Token(name, scope, bytes.fromhex(digest))  # type: ignore[arg-type]  # checked above
    if len(secret) < _SHORTEST:
        raise CommandException(
            f"{place}: the token of {name} has fewer than {_SHORTEST} characters and could be guessed. "
            "`metaflow server token NAME` makes a good one."
        )
    return Token(name, scope, _digest(secret))  # type: ignore[arg-type]  # checked above


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
