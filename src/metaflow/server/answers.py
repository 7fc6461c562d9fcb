"""JSON of requests and answers.

Records may hold any text, also such as UTF-8 cannot express. So answers are ASCII with escapes, and requests are read
by Python's own reader.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON."""
    return Response(encode(content), status, dict(headers or {}), "application/json")


class AnyTextResponse(JSONResponse):
    """JSON for routes that return plain data; what is no number of JSON, as programs may have sent it, becomes null."""

    def render(self, content: Any) -> bytes:
        """The body."""
        text = encode(content)
        if "NaN" in text or "Infinity" in text:
            text = encode(json.loads(text, parse_constant=lambda _: None))
        return text.encode("ascii")


def read_json(body: bytes) -> Any:
    """What a body says.

    Raises
    ------
    ValueError
        It is no JSON of UTF-8, has numbers that JSON does not know, or is nested too deeply.
    """
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
