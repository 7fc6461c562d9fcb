"""What the service answers when it refuses: ``{"error": {"kind": ..., "message": ...}}`` with a fitting status."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as RoutingError

from metaflow.exception import DamagedRecord, DataException, MetadataException, UnrecordableEvent
from metaflow.server.answers import json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request
    from starlette.responses import Response

_log = logging.getLogger("metaflow.server")

#: Seconds after which a client may try again when the database does not work.
DATABASE_RETRY_SECONDS = 2
# Enough to see what is wrong; a batch may have thousands of events that all lack the same.
_MOST_DETAILS = 10


class Refusal(HTTPException):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        Status of the answer.
    kind : str
        What is wrong, for programs.
    message : str
        What is wrong and what to do, for people.
    headers : mapping, optional
        Further headers of the answer.
    details : sequence of dict, optional
        Where exactly it is wrong.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.kind = kind
        self.details = details

    def answer(self) -> Response:
        """The answer to send."""
        return error_answer(self.status_code, self.kind, str(self.detail), self.headers, self.details)


def error_answer(
    status: int,
    kind: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    details: Sequence[Mapping[str, Any]] = (),
) -> Response:
    """An answer that says what is wrong."""
    error: dict[str, Any] = {"kind": kind, "message": message}
    if details:
        error["details"] = list(details)
    return json_answer({"error": error}, status, headers)


def invalid(what: str, errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """The refusal of data that do not fit their model.

    Parameters
    ----------
    what : str
        What the data should be, as the beginning of a sentence.
    errors : sequence of dict
        As pydantic lists them.
    """
    details = [{"where": ".".join(map(str, error["loc"])), "message": error["msg"]} for error in errors[:_MOST_DETAILS]]
    first = details[0] if details else {"where": "", "message": "it does not fit"}
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = f"{first['where']}: " if first["where"] else ""
    return Refusal(422, "invalid", f"{what} is not valid: {place}{first['message']}{more}.", details=details)


def database_problem(error: MetadataException, tells_reasons: bool = False) -> str:
    """What is told if the database does not work; what is wrong with it is for the log only, unless asked otherwise."""
    _log.error("The database does not work: %s", error)
    if tells_reasons or isinstance(error, (UnrecordableEvent, DamagedRecord)):
        return error.message
    return "The service cannot use its database at the moment. Try again; its log says what is wrong."


def database_answer(error: MetadataException, tells_reasons: bool = False) -> Response:
    """The answer if the database does not work, see `database_problem`."""
    message = database_problem(error, tells_reasons)
    return error_answer(503, "database_unavailable", message, {"Retry-After": str(DATABASE_RETRY_SECONDS)})


def install(app: FastAPI, tells_reasons: bool = False) -> None:
    """Have an application answer all errors in this way.

    Parameters
    ----------
    app : FastAPI
    tells_reasons : bool
        Whether whoever asks is told what is wrong with the database.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return error.answer()

    async def not_routed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RoutingError)
        status = error.status_code
        kind = HTTPStatus(status).phrase.lower().replace(" ", "_")
        message = str(error.detail)
        if status == 404 and message == "Not Found":
            message = "There is nothing at this address. The interface is described by /api/v1/openapi.json."
        return error_answer(status, kind, message, error.headers)

    async def not_valid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid("The request", error.errors()).answer()

    async def no_database(request: Request, error: Exception) -> Response:
        assert isinstance(error, MetadataException)
        if isinstance(error, UnrecordableEvent):
            # If it were told to come back, it would do so for ever, with all that waits behind it.
            return error_answer(422, "not_recordable", error.message)
        return database_answer(error, tells_reasons)

    async def no_datastore(request: Request, error: Exception) -> Response:
        assert isinstance(error, DataException)
        return error_answer(502, "datastore", error.message)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RoutingError, not_routed)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(MetadataException, no_database)
    app.add_exception_handler(DataException, no_datastore)
