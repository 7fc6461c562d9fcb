"""The viewer's server: the standard library's, on loopback."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from metaflow.cards.viewer.routes import COOKIE_APP, Answer, Request, ViewerSettings, answer
from metaflow.cards.viewer.run_watch import RunWatch
from metaflow.exception import MetaflowException
from metaflow.server.session_cookie import tokens_of_cookies
from metaflow.server.tokens import presented_token

#: Seconds that a browser may take to send a request, or to take an answer.
_SLOWEST = 30
_LOOPBACK = "127.0.0.1"
#: How many ports are tried, from the one that was asked for on.
_PORTS_TRIED = 20
_HIGHEST_PORT = 65535
_ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ViewerServer(ThreadingHTTPServer):
    """Serves the viewer, to browsers of this machine that show its token.

    Parameters
    ----------
    port : int
        Where to listen; 0 for any port that is free.
    watch : RunWatch
        The run that is shown.
    settings : ViewerSettings

    Raises
    ------
    OSError
        The port is taken.
    """

    daemon_threads = True
    request_queue_size = 128
    # Another server may still be there: the address is not to be taken over from it.
    allow_reuse_port = False

    def __init__(self, port: int, watch: RunWatch, settings: ViewerSettings) -> None:
        self.watch = watch
        self.settings = settings
        super().__init__((_LOOPBACK, port), _Handler)

    @property
    def address(self) -> str:
        """Where a browser finds it, and is signed in."""
        return f"http://{_LOOPBACK}:{self.server_port}/?token={self.settings.token}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away in the middle is nothing to speak of; anything else is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer
    timeout = _SLOWEST
    server_version = "metaflow-cards"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        host, etag = self.headers.get("Host") or "", self.headers.get("If-None-Match") or ""
        asked = Request(self.path, host, etag, self._shown_tokens())
        self._send(answer(asked, self.server.watch, self.server.settings))

    def _shown_tokens(self) -> tuple[str, ...]:
        headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
        presented = presented_token(headers)
        return (*([presented] if presented else []), *tokens_of_cookies({"headers": headers}, COOKIE_APP))

    def _send(self, given: Answer) -> None:
        self.send_response(given.code)
        for name, value in {**_ALWAYS, **given.headers, "Content-Length": str(len(given.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(given.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: pages ask every few seconds."""


def open_server(port: int, watch: RunWatch, settings: ViewerSettings) -> ViewerServer:
    """Listen on a port, or on one of the next if it is taken.

    Parameters
    ----------
    port : int
        0 for any that is free.
    watch : RunWatch
    settings : ViewerSettings

    Raises
    ------
    MetaflowException
        None of them is free.
    """
    last = min(port + _PORTS_TRIED, _HIGHEST_PORT + 1)
    for number in range(port, last) if port else (0,):
        try:
            return ViewerServer(number, watch, settings)
        except OSError as error:
            reason = error
    tried = f"ports {port} to {last - 1}" if port else "a port"
    raise MetaflowException(
        f"The viewer cannot listen on {tried} of {_LOOPBACK}: {reason.strerror}. Name another one with --port, or "
        "--port 0 for any that is free."
    ) from reason
