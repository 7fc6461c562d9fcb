"""The cookie by which a browser shows a token: scripts cannot read it, and no other site's page can have it sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

#: Header that pages of the app send with what they ask for; pages of other origins cannot send it.
PAGE_HEADER = "x-metaflow-page"

_NAME = "metaflow_session"
#: Seconds that a browser keeps it.
_LIFETIME = 30 * 86400


def session_cookie(scope: Scope, app: str, token: str) -> str:
    """What ``Set-Cookie`` says to have a browser show a token from now on; an empty one to have it forget.

    Parameters
    ----------
    scope : dict
        The request that is answered.
    app : str
        Which app it is for.
    token : str
        The token.
    """
    # A token may hold what a cookie cannot.
    value = base64.urlsafe_b64encode(token.encode("utf-8", "surrogateescape")).decode("ascii").rstrip("=")
    parts = [
        f"{_name(scope, app)}={value}",
        "Path=/",
        f"Max-Age={_LIFETIME if token else 0}",
        "HttpOnly",
        "SameSite=Strict",
    ]
    return "; ".join([*parts, "Secure"] if scope.get("scheme") == "https" else parts)


def tokens_of_cookies(scope: Scope, app: str) -> Iterator[str]:
    """The tokens in a request's cookies for an app: several only if another server of the host has set one of them."""
    wanted = _name(scope, app)
    for header, content in scope["headers"]:
        if header != b"cookie":
            continue
        for entry in content.decode("latin-1").split(";"):
            name, _, value = entry.strip().partition("=")
            token = _decoded(value) if name == wanted else None
            if token:
                yield token


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


def _name(scope: Scope, app: str) -> str:
    # Cookies of one host are common to all its ports, and one port leads to several apps: one after the other, through
    # tunnels, behind a proxy. Each has a name of its own, so that none signs another out, nor takes its token for ours.
    _, colon, port = Headers(scope=scope).get("host", "").rpartition(":")
    digest = hashlib.sha256(app.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return "_".join([_NAME, *([port] if colon and port.isdecimal() else []), digest])


def _decoded(value: str) -> str | None:
    try:
        content = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return content.decode("utf-8", "surrogateescape")
