"""Bodies of requests: no larger than allowed, unpacked if they are packed, and JSON."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from metaflow.server.answers import read_json
from metaflow.server.errors import Refusal, invalid

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message, Receive

# Reading and checking less than this, in bytes, takes less time than handing it to a thread.
_SMALL = 8_192
#: How many times the allowed size of a body is read for nothing, and for how long, so as to be able to refuse it.
MOST_SKIPPED = 8
_SKIP_SECONDS = 10.0


def too_large(limit: int) -> Refusal:
    """The refusal of a body that is larger than `limit` bytes."""
    return Refusal(
        413,
        "too_large",
        f"The body of a request may have at most {limit:,} bytes, also when it is unpacked. Send the events in several "
        "requests, or have the service accept more with METAFLOW_SERVER_MAX_BODY.",
    )


def limited(receive: Receive, limit: int) -> Receive:
    """`receive` that raises a Refusal when a body has more than `limit` bytes."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            if message.get("more_body"):
                await skip_body(receive, MOST_SKIPPED * limit)
            raise too_large(limit)
        return message

    return receive_limited


async def skip_body(receive: Receive, limit: int) -> None:
    """Read a body that nobody wants, up to a limit.

    Most clients send all of a body before they read the answer. If the connection is closed while they send, they never
    see why.
    """

    async def skip() -> None:
        left = limit
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                return

    try:
        await asyncio.wait_for(skip(), _SKIP_SECONDS)
    except asyncio.TimeoutError:
        pass  # whoever sends so slowly has to do without an answer


async def read_body(request: Request, model: TypeAdapter[Any], what: str, limit: int) -> Any:
    """JSON of a request's body, checked against a model.

    Parameters
    ----------
    request : Request
    model : TypeAdapter
        What it should be.
    what : str
        What it should be, in words, as the beginning of a sentence.
    limit : int
        Largest size in bytes.

    Returns
    -------
    object
        The JSON itself, not the model.

    Raises
    ------
    Refusal
        It is not what it should be.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "no_json", "The body must be JSON; say so by the header Content-Type: application/json.")
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise Refusal(415, "unknown_encoding", f"The body may be packed by gzip, but not by {packing!r}.")
    body = await request.body()

    def read() -> Any:
        plain = _json(_unpacked(body, limit) if packing == "gzip" else body)
        try:
            model.validate_python(plain)
        except ValidationError as error:
            raise invalid(what, error.errors(include_url=False, include_input=False)) from error
        return plain

    return read() if len(body) < _SMALL and packing == "identity" else await run_in_threadpool(read)


def _unpacked(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refusal(
            400, "damaged", f"The body is said to be packed by gzip, but cannot be unpacked: {error}."
        ) from error
    if len(unpacked) > limit:
        raise too_large(limit)
    if not unpacker.eof:
        raise Refusal(400, "damaged", "The body is cut short: its gzip stream does not end.")
    return unpacked


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError as error:
        raise Refusal(400, "no_json", f"The body is no JSON: {error}.") from error
