"""Who asks, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metaflow.exception import MetaflowUnknownUser
from metaflow.identity import get_username
from metaflow.server.gate import token_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from metaflow.server.tokens import Token
    from metaflow.web.services import WebServices


class Visitor(NamedTuple):
    """Who asks.

    Attributes
    ----------
    user : str
        As whom actions are recorded: the name of the token, or the user of this machine; empty if nobody knows.
    can_act : bool
        Whether anything may be changed.
    can_start : bool
        Whether flows may be started and runs resumed.
    """

    user: str
    can_act: bool
    can_start: bool


def visitor_of(request: Request, web: WebServices) -> Visitor:
    """Who makes a request."""
    return visitor_with(token_of(request.scope), web)


def visitor_with(token: Token | None, web: WebServices) -> Visitor:
    """Who asks with a token, or with none."""
    settings = web.server.settings
    can_act = not settings.read_only and (token is None or token.scope == "write")
    # Without tokens, everybody is the one person who uses this machine, unless others can reach it.
    unnamed = _local_user() if token is None and settings.is_on_loopback else ""
    return Visitor(unnamed if token is None else token.name, can_act, can_act and web.project is not None)


def _local_user() -> str:
    try:
        return get_username()
    except MetaflowUnknownUser:
        return ""
