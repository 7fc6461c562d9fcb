"""What the server answers when it does not do what was asked: a ``Status`` with a code and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .resources import Resource


class Cause(NamedTuple):
    """What is wrong with one field, as in ``details.causes``."""

    field: str
    reason: str
    message: str


class Problem(Exception):
    """A request that fails.

    Parameters
    ----------
    code : int
    reason : str
        One word for programs, such as ``NotFound``.
    message : str
    details : mapping, optional
    retry_after : int, optional
        Seconds, for the header of that name.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


def _which(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def not_found(resource: Resource, name: str) -> Problem:
    return Problem(404, "NotFound", f'{resource.qualified} "{name}" not found', _which(resource, name))


def already_exists(resource: Resource, name: str) -> Problem:
    return Problem(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _which(resource, name))


def conflict(resource: Resource, name: str, why: str) -> Problem:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Problem(409, "Conflict", message, _which(resource, name))


def invalid(resource: Resource, name: str, causes: list[Cause]) -> Problem:
    parts = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = {
        "name": name,
        "group": resource.group,
        "kind": resource.kind,
        "causes": [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes],
    }
    return Problem(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> Problem:
    return Problem(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> Problem:
    message = (
        f'{resource.qualified} "{name}" is forbidden: {why}' if name else f"{resource.qualified} is forbidden: {why}"
    )
    return Problem(403, "Forbidden", message, _which(resource, name))


def unauthorized() -> Problem:
    return Problem(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> Problem:
    return Problem(410, "Expired", message)
