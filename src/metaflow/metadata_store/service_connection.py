"""Requests to a metadata service: over connections that are kept, tried again, and explained if they fail.

Made of the standard library's `http.client`, which every process can afford to import.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from http.client import HTTPException
from typing import NamedTuple
from urllib.parse import urlencode

from metaflow import settings
from metaflow.exception import ServiceException, ServiceUnavailable
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.service_address import ServiceAddress, parse_address
from metaflow.metadata_store.service_refusals import (
    check_identity,
    connection_problem,
    explain_refusal,
    never_works,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection
    from typing import Any

# Seconds after which an idle connection may have been closed on the other side or by a proxy between.
_IDLE_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_LONGEST_WAIT = 60.0
# Bodies of fewer bytes are not worth packing; nor is any on loopback.
_PACKED_BYTES = 4096
# Of these answers, another try may have a better one.
_TRY_AGAIN = (429, 502, 503, 504)

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Failure(NamedTuple):
    problem: str
    retry_after: float | None = None
    status: int | None = None
    text: str | None = None


class ServiceConnection:
    """Talks to one service; for any number of threads, and not confused by a fork.

    Parameters
    ----------
    url : str
        Address of the service.
    tries : int or None
        How often a request is made before giving up, the first time included; None for the setting SERVICE_RETRY_COUNT.
    timeout : float
        Seconds without a sign of life after which a request has failed.

    Raises
    ------
    ServiceException
        The address or a header that the settings name cannot be used.
    """

    def __init__(self, url: str, tries: int | None, timeout: float) -> None:
        self._address = parse_address(url)
        self._tries = max(1, settings.get("SERVICE_RETRY_COUNT") if tries is None else tries)
        self._timeout = timeout
        self._headers = _headers(self._address)
        self._checks_version = settings.get("SERVICE_VERSION_CHECK")
        self._lock = threading.Lock()
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._process = os.getpid()

    def get(self, path: str, query: Mapping[str, str | None], expected: int = 200) -> Any:
        """JSON that is at a path.

        Parameters
        ----------
        path : str
            Path within the service.
        query : mapping
            What is asked; None for what is not.
        expected : int
            Status that is as good as success.

        Raises
        ------
        ServiceUnavailable
            The service cannot be reached, or cannot work now.
        ServiceException
            It refuses.
        """
        given = {name: encodable(value) for name, value in query.items() if value is not None}
        return self._request("GET", f"{path}?{urlencode(given)}" if given else path, None, expected)

    def post(self, path: str, content: Any, expected: int = 200) -> Any:
        """JSON that a path answers to `content`; raises like :meth:`get`. The request may reach the service twice."""
        return self._request("POST", path, _encode(content).encode("ascii"), expected)

    def close(self) -> None:
        """Close what is open."""
        self._leave_parent()
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _request(self, method: str, target: str, body: bytes | None, expected: int) -> Any:
        failure: _Failure | None = None
        for number in range(self._tries):
            if failure is not None:
                time.sleep(_wait(number - 1, failure.retry_after))
            outcome = self._try(method, target, body)
            if isinstance(outcome, _Answer):
                return self._content(outcome, expected)
            failure = outcome
        assert failure is not None
        raise ServiceUnavailable(
            f"The metadata service at {self._address.shown} cannot be used now: {failure.problem} "
            f"It was tried {self._tries} time{'s' if self._tries > 1 else ''}.",
            failure.status,
            failure.text,
        )

    def _try(self, method: str, target: str, body: bytes | None) -> _Answer | _Failure:
        try:
            answer = self._exchange(method, target, body)
        except (OSError, HTTPException) as error:
            problem = connection_problem(error)
            if never_works(error):
                raise ServiceException(
                    f"The metadata service at {self._address.shown} cannot be used: {problem}"
                ) from error
            return _Failure(problem)
        if answer.status not in _TRY_AGAIN:
            return answer
        text = answer.body.decode("utf-8", "replace")[:2000]
        retry_after = _seconds(answer.headers.get("retry-after"))
        return _Failure(explain_refusal(answer.status, answer.headers, text), retry_after, answer.status, text)

    def _content(self, answer: _Answer, expected: int) -> Any:
        text = answer.body.decode("utf-8", "replace")
        check_identity(self._address.shown, answer.status, answer.headers, text, self._checks_version)
        if answer.status not in (200, 201, expected):
            raise ServiceException(
                f"The metadata service at {self._address.shown} refused a request (status {answer.status}): "
                f"{explain_refusal(answer.status, answer.headers, text)}",
                answer.status,
                text[:2000],
            )
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise ServiceException(
                f"The metadata service at {self._address.shown} answered something that is no JSON: {text[:200]!r}",
                answer.status,
                text[:2000],
            ) from error

    def _exchange(self, method: str, target: str, body: bytes | None) -> _Answer:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
            if len(body) >= _PACKED_BYTES and not self._address.is_loopback:
                headers["Content-Encoding"] = "gzip"
                body = _packed(body)
        self._leave_parent()
        connection = self._take()
        if connection is not None:
            try:
                return self._talk(connection, method, target, body, headers)
            except (OSError, HTTPException):
                pass  # most likely it was closed on the other side since its last use: a new one tells
        connection = self._address.connect(_CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(self._timeout)
        except BaseException:
            connection.close()
            raise
        return self._talk(connection, method, target, body, headers)

    def _talk(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> _Answer:
        try:
            try:
                connection.request(method, self._address.target(target), body, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # perhaps because it was refused before all of it was sent, and the answer says why
            response = connection.getresponse()
            read = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
            content = _unpacked(read) if names.get("content-encoding") == "gzip" else read
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        return _Answer(response.status, names, content)

    def _leave_parent(self) -> None:
        """Forget what was opened before a fork, and the lock, which another thread may have held at that moment."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = threading.Lock()
            self._idle = []

    def _take(self) -> HTTPConnection | None:
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._idle.append((time.monotonic(), connection))


def _headers(address: ServiceAddress) -> dict[str, str]:
    headers = {"User-Agent": "metaflow", "Accept": "application/json"}
    # http.client would ask for what it cannot read otherwise.
    headers["Accept-Encoding"] = "identity" if address.is_loopback else "gzip"
    headers.update(address.headers())
    headers.update((str(name), str(value)) for name, value in settings.get("SERVICE_HEADERS").items())
    key = settings.get("SERVICE_AUTH_KEY")
    if key:
        headers["x-api-key"] = key
    for name, value in headers.items():
        # http.client shows what it refuses, and it may be secret.
        if not (name.isascii() and value.isascii() and name.isprintable() and value.isprintable()):
            source = "METAFLOW_SERVICE_AUTH_KEY" if name == "x-api-key" and key else "METAFLOW_SERVICE_HEADERS"
            raise ServiceException(
                f"{source} has a character that no header of a request may have, such as the end of a line. "
                "See what was pasted there."
            )
    return headers


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()


def _unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompress(body, zlib.MAX_WBITS | 16)
    except zlib.error as error:
        raise HTTPException(f"its answer is damaged ({error})") from error


def _wait(number: int, asked: float | None) -> float:
    """Seconds before the next try: ever longer, and different in each process, lest all come back together."""
    longest = min(2.0**number if asked is None else asked, _LONGEST_WAIT)
    share = int.from_bytes(os.urandom(2), "big") / 65536
    return longest * (0.5 + share / 2) if asked is None else longest * (1 + share / 2)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
