"""Requests to the dashboard of a Ray cluster, which is where jobs are submitted and asked for.

They are plain HTTP: importing Ray takes a second and hundreds of megabytes on disk, and its client would have to be of
the cluster's version.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ...exception import MetaflowException
from ...settings import get
from ..backend import EngineUnavailable

if TYPE_CHECKING:
    from http.client import HTTPResponse

_SECONDS = 30.0


class RefusedRequest(MetaflowException):
    """The dashboard does not do what it was asked for.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
    """

    headline = "Request refused by Ray"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Dashboard:
    """A cluster's dashboard.

    Parameters
    ----------
    address : str
        As ``http://host:8265``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def version(self) -> Any:
        """What the cluster says of its version."""
        return self._json("GET", "/api/version")

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs that the cluster remembers."""
        found: list[dict[str, Any]] = self._json("GET", "/api/jobs/")
        return found

    def job(self, job_id: str) -> dict[str, Any] | None:
        """A job; None if there is no such one."""
        try:
            found: dict[str, Any] = self._json("GET", f"/api/jobs/{quote(job_id)}")
        except RefusedRequest as error:
            if error.status == 404:
                return None
            raise
        return found

    def submit(self, request: dict[str, Any]) -> None:
        """Submit a job."""
        self._json("POST", "/api/jobs/", request)

    def stop(self, job_id: str) -> None:
        """Stop a job, unless it has ended or there is none."""
        try:
            self._json("POST", f"/api/jobs/{quote(job_id)}/stop", {})
        except RefusedRequest as error:
            if error.status != 404:
                raise

    def log(self, job_id: str) -> str:
        """All that a job's driver has printed."""
        return str(self._json("GET", f"/api/jobs/{quote(job_id)}/logs")["logs"])

    def end_of_log(self, job: dict[str, Any], lines: int) -> str:
        """The last lines of what a job's driver has printed; all of them if the cluster can tell no less."""
        node, job_id = job.get("driver_node_id"), str(job["submission_id"])
        if node:
            name = quote(f"job-driver-{job_id}.log")
            try:
                path = f"/api/v0/logs/file?node_id={quote(node)}&filename={name}&lines={lines}&timeout=10"
                return self._request("GET", path).decode(errors="replace")
            except (RefusedRequest, EngineUnavailable):
                pass  # an older cluster, or a node that is gone: the next request tells
        return self.log(job_id)

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._request(method, path, body)
        try:
            return json.loads(answer)
        except ValueError:
            raise EngineUnavailable(
                f"What answers at {self.address} is not the dashboard of a Ray cluster: {answer[:200]!r}. Its address "
                "is like http://HOST:8265 (setting RAY_ADDRESS, or @ray_step(address=...))."
            ) from None

    def _request(self, method: str, path: str, body: Any = None) -> bytes:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **extra_headers()}
        request = Request(self.address + path, data, headers, method=method)  # noqa: S310 - checked in address_of
        try:
            answer: HTTPResponse
            with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                return answer.read()
        except HTTPError as error:
            with error:
                raise _refusal(self.address, error.code, error.read(), error.headers.get("Retry-After")) from None
        except (OSError, HTTPException) as error:  # URLError is an OSError
            reason = getattr(error, "reason", error)
            raise EngineUnavailable(f"The Ray cluster at {self.address} does not answer: {reason}") from error


def address_of(given: str | None) -> str:
    """Address of the dashboard to use, without a slash at its end.

    Parameters
    ----------
    given : str or None
        What the step says; the settings decide if it says nothing.

    Raises
    ------
    MetaflowException
        If there is none, or it is not that of a dashboard.
    """
    address = given or get("RAY_ADDRESS") or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS")
    if not address:
        raise MetaflowException(
            "No Ray cluster is configured. Give the address of a cluster's dashboard, such as http://HOST:8265, as "
            "METAFLOW_RAY_ADDRESS or as @ray_step(address=...)."
        )
    whole = str(address) if "://" in str(address) else f"http://{address}"
    parts = urlsplit(whole)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MetaflowException(
            f"{address!r} is not the address of a Ray cluster's dashboard. Jobs are submitted over HTTP: use "
            "http://HOST:8265, or whatever address the dashboard has."
        )
    return whole.rstrip("/")


def extra_headers() -> dict[str, str]:
    """Headers by which requests are authorised, from where Ray's own tools take them.

    Raises
    ------
    MetaflowException
        If the variable with headers is not readable as such.
    """
    text = os.environ.get("RAY_JOB_HEADERS")
    try:
        headers = {str(name): str(value) for name, value in json.loads(text).items()} if text else {}
    except (ValueError, AttributeError):
        raise MetaflowException("RAY_JOB_HEADERS should be a JSON object of headers and their values.") from None
    token = _token()
    if token and not any(name.lower() == "authorization" for name in headers):
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _token() -> str:
    if os.environ.get("RAY_AUTH_MODE") == "disabled":
        return ""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if "RAY_AUTH_TOKEN_PATH" in os.environ:
            raise MetaflowException(f"There is no file {path}, where RAY_AUTH_TOKEN_PATH has Ray's token.") from None
        return ""
    except OSError as error:
        raise MetaflowException(f"Ray's token cannot be read: {error}") from error


def _refusal(address: str, status: int, body: bytes, retry_after: str | None) -> MetaflowException:
    """The error for an answer that is one."""
    text = body.decode(errors="replace").strip()
    if status in (401, 403):
        return RefusedRequest(
            status,
            f"The Ray cluster at {address} does not accept us ({status}). Its token is taken from RAY_AUTH_TOKEN, "
            "RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token; headers for a proxy from RAY_JOB_HEADERS.",
        )
    # An agent's refusal reaches us as an internal error of the dashboard, with the original status in its text.
    if (400 <= status < 500 and status != 429) or "status code 400" in text:
        last = text.rstrip(" .\n").splitlines()[-1] if text else "no reason given"
        return RefusedRequest(status, f"The Ray cluster at {address} refuses this ({status}): {last[:1000]}")
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    last = text.splitlines()[-1] if text else "no reason given"
    return EngineUnavailable(f"The Ray cluster at {address} cannot answer now ({status}): {last[:500]}", wait)
