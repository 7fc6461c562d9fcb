"""What every request passes (who asks, may they, is it too much), and what every answer has: headers, a log line."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import Headers

from metaflow.server.bodies import MOST_SKIPPED, limited, skip_body, too_large
from metaflow.server.errors import Refusal
from metaflow.server.session_cookie import PAGE_HEADER, comes_from_own_page, is_own_origin, tokens_of_cookies
from metaflow.server.tokens import find_token, presented_token

if TYPE_CHECKING:
    from typing import Any

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from metaflow.server.configuration import ServerSettings
    from metaflow.server.limits import ClientLimits
    from metaflow.server.metrics import Metrics
    from metaflow.server.tokens import Token

access_log = logging.getLogger("metaflow.server.access")
_log = logging.getLogger("metaflow.server")

_READING = {"GET", "HEAD", "OPTIONS"}
#: Where the token is, in the scope of a request, that it was admitted with.
_ADMITTED = "metaflow.admitted"
#: Headers of every answer. An answer's own headers stand over them.
_SECURITY = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}
# Bodies larger than this, in bytes, are held in memory by so many requests at a time only.
_LARGE_BODY = 256 * 1024
_LARGE_BODIES = 16
#: What may be sent to sign in, in bytes: those who send it are not known yet.
_SIGN_IN_BODY = 16 * 1024
#: Seconds that a client may take to send a body.
_BODY_SECONDS = 60.0


def token_of(scope: Scope) -> Token | None:
    """The token that a request was admitted with; None where there are no tokens, or none is asked for."""
    token: Token | None = scope.get(_ADMITTED)
    return token


class Paths(NamedTuple):
    """What is special about some paths.

    Attributes
    ----------
    open : tuple of str
        What may be read without a token; what ends with a slash stands for all below it.
    reading_posts : tuple of str
        What is asked by POST because it is long, but only reads.
    endless : tuple of str
        What is answered for as long as the client wants: such requests have a limit of their own.
    sign_in : tuple of str
        Where pages sign in and out: what is sent there needs no token, and changes nothing.
    """

    open: tuple[str, ...] = ()
    reading_posts: tuple[str, ...] = ()
    endless: tuple[str, ...] = ()
    sign_in: tuple[str, ...] = ()

    def is_open(self, path: str) -> bool:
        """Whether a path may be read without a token."""
        return path in self.open or any(
            path.startswith(each) for each in self.open if each.endswith("/") and each != "/"
        )

    def with_more(self, more: Paths) -> Paths:
        """These and others."""
        return Paths(*(own + further for own, further in zip(self, more, strict=True)))


class Gate:
    """The outermost layer of the application.

    Parameters
    ----------
    app : ASGI application
        What is behind it.
    settings : ServerSettings
    limits : ClientLimits
    metrics : Metrics
    version_headers : dict of bytes to bytes
        Headers by which clients recognise the service.
    paths : Paths
        What is special about some paths.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        limits: ClientLimits,
        metrics: Metrics,
        version_headers: dict[bytes, bytes],
        paths: Paths,
    ) -> None:
        self._app = app
        self._settings = settings
        self._limits = limits
        self._metrics = metrics
        self._headers = {**_SECURITY, **version_headers}
        self._paths = paths
        self._large_bodies = asyncio.Semaphore(_LARGE_BODIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = _Answer(send, self._headers)
        began = time.perf_counter()
        who = ""
        client = None
        try:
            token = self._admit(scope)
            scope[_ADMITTED] = token
            who = token.name if token is not None else ""
            client = self._begin(scope, who)
            if scope["path"] in self._paths.endless:
                self._limits.end(client)
                client = None
            await self._serve(scope, receive, answer)
        except Refusal as refusal:
            if scope["method"] not in _READING:
                await skip_body(receive, MOST_SKIPPED * self._settings.body_bytes)
            await answer.give(scope, receive, refusal)
        except Exception as error:
            _log.exception("A request failed unexpectedly: %s %s", scope["method"], _shown(scope))
            unexpected = Refusal(
                500, "internal", f"The service failed unexpectedly ({type(error).__name__}). See its log."
            )
            await answer.give(scope, receive, unexpected)
        finally:
            if client is not None:
                self._limits.end(client)
            self._record(scope, answer, who, time.perf_counter() - began)

    def _admit(self, scope: Scope) -> Token | None:
        """Whose request it is, if it may be made at all."""
        headers = Headers(scope=scope)
        tokens = self._settings.tokens
        path = scope["path"]
        presented = presented_token(scope["headers"])
        by_cookie = presented is None
        token = self._token_of_page(scope) if presented is None else find_token(tokens, presented)
        reads = scope["method"] in _READING or (scope["method"] == "POST" and path in self._paths.reading_posts)
        if not tokens and not self._settings.insecure and _host_of(headers.get("host", "")) not in _LOOPBACK:
            # A web page may have its own name lead to this machine, and would then be served like any program here.
            raise Refusal(403, "forbidden", "Without tokens, the service answers to names of this machine only.")
        if path in self._paths.sign_in and not reads:
            self._check_page(scope, headers)
            return token
        if tokens and token is None and not (reads and self._paths.is_open(path)):
            self._refuse_stranger(scope, presented is not None)
        if not reads:
            if by_cookie and tokens:
                self._check_page(scope, headers)
            self._check_writer(headers, token)
        return token

    def _token_of_page(self, scope: Scope) -> Token | None:
        """The token that a cookie stands for. What is in cookies of others is of no interest."""
        shown = tokens_of_cookies(scope, self._settings.app)
        return next(filter(None, (find_token(self._settings.tokens, each) for each in shown)), None)

    def _check_page(self, scope: Scope, headers: Headers) -> None:
        """See that a page of this service asks: a browser sends the cookie for whoever makes it ask."""
        if headers.get(PAGE_HEADER) is None or not comes_from_own_page(scope):
            raise Refusal(
                403,
                "forbidden",
                "This was not sent by a page of this service. Programs send their token in the header Authorization.",
            )

    def _refuse_stranger(self, scope: Scope, has_token: bool) -> None:
        address = ("", _address(scope))
        wait = self._limits.begin(address)
        if wait:
            raise _too_many(wait)
        self._limits.end(address)
        raise Refusal(
            401,
            "unauthorized",
            "The service does not know this token."
            if has_token
            else "The service asks for a token, and there is none.",
            {"WWW-Authenticate": "Bearer"},
        )

    def _check_writer(self, headers: Headers, token: Token | None) -> None:
        if self._settings.read_only:
            raise Refusal(403, "read_only", "This service is for reading only.")
        if token is not None and token.scope != "write":
            raise Refusal(403, "forbidden", f"The token {token.name} may read, but not write.")
        if not is_own_origin(headers, self._settings.cors_origins):
            origin = headers["origin"]
            raise Refusal(403, "forbidden", f"Pages of {origin[:200]} may not write here; see SERVER_CORS_ORIGINS.")

    def _begin(self, scope: Scope, who: str) -> tuple[str, str]:
        client = (who, _address(scope))
        wait = self._limits.begin(client)
        if wait:
            raise _too_many(wait)
        return client

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        is_stranger = scope["path"] in self._paths.sign_in
        limit = min(_SIGN_IN_BODY, self._settings.body_bytes) if is_stranger else self._settings.body_bytes
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise too_large(limit)
        receive = limited(receive, limit)
        if scope["method"] in _READING:
            await self._app(scope, receive, answer.send)
        elif limit <= _LARGE_BODY or (length.isdecimal() and int(length) <= _LARGE_BODY):
            await self._app(scope, _timely(receive), answer.send)
        else:
            async with self._large_bodies:
                await self._app(scope, _timely(receive), answer.send)

    def _record(self, scope: Scope, answer: _Answer, who: str, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.count_request(method, route, answer.status, seconds)
        if access_log.isEnabledFor(logging.INFO):
            facts: dict[str, Any] = {
                "address": _address(scope),
                "token": who,
                "method": scope["method"],
                "path": _shown(scope),
                "status": answer.status,
                "bytes": answer.size,
                "milliseconds": round(seconds * 1000, 1),
            }
            access_log.info("%s", facts["path"], extra={"facts": facts})


_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class _Answer:
    """Sends an answer, with the headers that all have, and notes what it was."""

    def __init__(self, send: Send, headers: dict[bytes, bytes]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0
        self.size = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = message.get("headers", [])
            names = {name.lower() for name, _ in own}
            further = [(name, value) for name, value in self._headers.items() if name not in names]
            message = {**message, "headers": [*own, *further]}
        else:
            self.size += len(message.get("body", b""))
        await self._send(message)

    async def give(self, scope: Scope, receive: Receive, refusal: Refusal) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self.status:
            await refusal.answer()(scope, receive, self.send)


def _timely(receive: Receive) -> Receive:
    """`receive` that raises a Refusal if the whole body takes too long."""
    deadline = time.monotonic() + _BODY_SECONDS
    is_complete = False

    async def receive_timely() -> Message:
        nonlocal is_complete
        if is_complete:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
        except asyncio.TimeoutError:
            raise Refusal(408, "too_slow", f"The body did not come within {_BODY_SECONDS:g} seconds.") from None
        is_complete = not message.get("more_body")
        return message

    return receive_timely


def _too_many(wait: float) -> Refusal:
    return Refusal(
        429,
        "too_many_requests",
        "There are more requests from here than the service allows. Wait, and send fewer or larger ones.",
        {"Retry-After": str(math.ceil(wait))},
    )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    # What a proxy says may be any text.
    return _printable(client[0].encode("utf-8", "replace")[:100]) if client else "local"


def _host_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _shown(scope: Scope) -> str:
    """The path and the query, without any character that could break a line of the log."""
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    whole = path + b"?" + query if query else path
    return _printable(whole[:2000])


def _printable(text: bytes) -> str:
    return "".join(chr(byte) if 32 < byte < 127 else f"%{byte:02X}" for byte in text)
