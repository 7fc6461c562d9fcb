"""An HTTP proxy in front of a real server that fails as networks and busy servers do, when it is told to.

A test hands it faults; each is used for the next requests that fit it, and then is gone. What no fault is for passes
through unchanged.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass
class Exchange:
    """One request, and how it can be answered.

    Attributes
    ----------
    method, path : str
    headers : mapping
    body : bytes
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    _handler: _Handler

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the real server: status, headers, body."""
        connection = http.client.HTTPConnection(self._handler.server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection.request(self.method, self.path, self.body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        if self.method == "HEAD":
            kept.append(("Content-Length", answer.getheader("Content-Length", "0")))
        return answer.status, kept, content

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None) -> None:
        """Send an answer, or only the first `sent` bytes of its body."""
        handler = self._handler
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        if self.method != "HEAD":
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.method != "HEAD":
            handler.wfile.write(body[:sent])
            handler.wfile.flush()

    def hang_up(self, reset: bool = False) -> None:
        """Close the connection; with `reset`, as a machine does that crashed."""
        handler = self._handler
        handler.close_connection = True
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                handler.connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was first
                pass
        handler.connection.close()

    def wait_for_end(self) -> None:
        """Wait until the proxy stops."""
        self._handler.server.stopping.wait()


Behaviour = Callable[[Exchange], None]


def answering(status: int, body: bytes | str = b"", **headers: str) -> Behaviour:
    """Answer without asking the server; underscores in names of headers stand for hyphens."""
    content = body.encode() if isinstance(body, str) else body
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda exchange: exchange.answer(status, named, content)


def s3_error(status: int, code: str, message: str = "", **headers: str) -> Behaviour:
    """Answer with one of S3's errors."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return answering(status, body, **headers)


def drop_before(exchange: Exchange) -> None:
    """Close the connection before the server sees the request."""
    exchange.hang_up()


def drop_after(exchange: Exchange) -> None:
    """Let the server do it, and lose the answer."""
    exchange.forward()
    exchange.hang_up()


def delayed(seconds: float) -> Behaviour:
    """Pass on, later."""

    def behave(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.answer(*exchange.forward())

    return behave


def truncated(sent: int, reset: bool = False) -> Behaviour:
    """Send only the first bytes of the answer's body, and hang up."""

    def behave(exchange: Exchange) -> None:
        exchange.answer(*exchange.forward(), sent=sent)
        exchange.hang_up(reset)

    return behave


def stalled(sent: int) -> Behaviour:
    """Send only the first bytes of the answer's body, and then nothing for ever."""

    def behave(exchange: Exchange) -> None:
        exchange.answer(*exchange.forward(), sent=sent)
        exchange.wait_for_end()
        exchange.hang_up()

    return behave


def hang(exchange: Exchange) -> None:
    """Never answer."""
    exchange.wait_for_end()
    exchange.hang_up()


def held_until_others(count: int) -> Behaviour:
    """Answer only when that many later requests were answered: answers come out of order."""

    def behave(exchange: Exchange) -> None:
        answer = exchange.forward()
        server = exchange._handler.server
        with server.changed:
            target = server.answered + count
            server.changed.wait_for(lambda: server.answered >= target, timeout=30)
        exchange.answer(*answer)

    return behave


@dataclass
class _Fault:
    behaviour: Behaviour
    remaining: int
    method: str
    path: re.Pattern[str]

    def fits(self, method: str, path: str) -> bool:
        return self.remaining > 0 and self.method in ("", method) and self.path.search(path) is not None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        self.answered = 0
        self.faults: list[_Fault] = []
        self.seen: list[tuple[str, str]] = []

    def take(self, method: str, path: str) -> Behaviour | None:
        with self.changed:
            self.seen.append((method, path))
            fault = next((each for each in self.faults if each.fits(method, path)), None)
            if fault is None:
                return None
            fault.remaining -= 1
            return fault.behaviour

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        exchange = Exchange(self.command, self.path, self.headers, body, self)
        behaviour = self.server.take(self.command, self.path)
        if behaviour is None:
            exchange.answer(*exchange.forward())
        else:
            behaviour(exchange)
        with self.server.changed:
            self.server.answered += 1
            self.server.changed.notify_all()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@dataclass
class Proxy:
    """The proxy, as a test sees it.

    Attributes
    ----------
    url : str
        Where it listens.
    """

    url: str
    _server: _Server = field(repr=False)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Method and path of every request that arrived, in order."""
        return list(self._server.seen)

    def count(self, method: str) -> int:
        """How many requests of a method arrived."""
        return sum(1 for found, _ in self._server.seen if found == method)

    def fail(self, behaviour: Behaviour, times: int = 1, method: str = "", path: str = "") -> None:
        """Treat the next `times` requests of the method and with a path that the pattern `path` is found in so."""
        with self._server.changed:
            self._server.faults.append(_Fault(behaviour, times, method, re.compile(path)))

    def always(self, behaviour: Behaviour, method: str = "", path: str = "") -> None:
        """Treat all further requests that fit so."""
        self.fail(behaviour, 10**9, method, path)

    def forget(self) -> None:
        """Treat all requests well from now on, and forget what was seen."""
        with self._server.changed:
            self._server.faults.clear()
            self._server.seen.clear()


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server, by the server's URL, until the block is left."""
    server = _Server(urlsplit(upstream).netloc)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Proxy(f"http://127.0.0.1:{server.server_port}{urlsplit(upstream).path}", server)
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
