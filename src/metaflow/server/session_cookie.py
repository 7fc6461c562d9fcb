"""The cookie by which a browser shows a token: scripts cannot read it, and no other site's page can have it sent."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import Scope

#: Header that pages of the app send with what they ask for; pages of other origins cannot send it.
PAGE_HEADER = "x-metaflow-page"

_NAME = "metaflow_session"
#: Seconds that a browser keeps it.
_LIFETIME = 30 * 86400


def session_cookie(scope: Scope, token: str) -> str:
    """What ``Set-Cookie`` says to have a browser show a token from now on; an empty one to have it forget.

    Parameters
    ----------
    scope : dict
        The request that is answered.
    token : str
        The token.
    """
    # A token may hold what a cookie cannot.
    value = base64.urlsafe_b64encode(token.encode("utf-8", "surrogateescape")).decode("ascii").rstrip("=")
    parts = [
        f"{_name(scope)}={value}",
        "Path=/",
        f"Max-Age={_LIFETIME if token else 0}",
        "HttpOnly",
        "SameSite=Strict",
    ]
    return "; ".join([*parts, "Secure"] if scope.get("scheme") == "https" else parts)


def token_of_cookie(scope: Scope) -> str | None:
    """The token in a request's cookie; None if it has none."""
    wanted = _name(scope)
    for header, content in scope["headers"]:
        if header != b"cookie":
            continue
        for entry in content.decode("latin-1").split(";"):
            name, _, value = entry.strip().partition("=")
            if name == wanted and value:
                return _decoded(value)
    return None


def comes_from_own_page(scope: Scope, allowed_origins: tuple[str, ...] = ()) -> bool:
    """Whether a request says that a page of this very address has made it.

    Browsers say which page a request that changes something comes from, in a way that the page cannot influence.
    """
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    return is_own_origin(headers, allowed_origins) and site in (None, "same-origin")


def is_own_origin(headers: Headers, allowed_origins: tuple[str, ...]) -> bool:
    """Whether a request's origin, if it has one, is this address or one of those that are allowed."""
    origin, host = headers.get("origin"), headers.get("host", "")
    return origin is None or origin in (*allowed_origins, f"http://{host}", f"https://{host}")


def _name(scope: Scope) -> str:
    # Cookies of one host are common to all its ports. So that two apps on one machine do not sign each other out:
    _, colon, port = Headers(scope=scope).get("host", "").rpartition(":")
    return f"{_NAME}_{port}" if colon and port.isdecimal() else _NAME


def _decoded(value: str) -> str | None:
    try:
        content = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return content.decode("utf-8", "surrogateescape")
