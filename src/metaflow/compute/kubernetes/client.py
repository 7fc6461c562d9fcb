"""Requests to the API of a cluster, with bodies and answers as plain data.

The official client finds the cluster, the credentials and how to renew them, and keeps the connections. Its classes
for objects are not used: making them of ten thousand pods takes longer than all else together.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ...exception import MetaflowException
from ..backend import EngineUnavailable, JobRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

#: Seconds that connecting, and a silence of the server, may take.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10.0, 60.0
#: Objects in each part of a list.
_PAGE = 500
_PATCH_TYPE = "application/merge-patch+json"


class ObjectMissing(MetaflowException):
    """There is no such object, or the cluster knows no such kind of object."""

    headline = "Not found in the cluster"


class ObjectExists(MetaflowException):
    """There is an object of this name already."""

    headline = "Exists in the cluster"


class HistoryExpired(MetaflowException):
    """The cluster no longer knows what has happened since: everything has to be listed again."""

    headline = "Expired"


class AccessRefused(JobRefused):
    """The credentials are not accepted, or do not allow it."""

    headline = "Not allowed by the cluster"


class CredentialsRefused(AccessRefused):
    """The credentials themselves are not accepted."""


class KubernetesClient:
    """A cluster's API.

    Parameters
    ----------
    namespace : str
        Where the objects are.
    context : str or None
        Context of the kubeconfig file; None for the current one, or the cluster that this process runs in.
    """

    def __init__(self, namespace: str, context: str | None = None) -> None:
        self.namespace = namespace
        api = _connect(context)
        self._configuration = api.configuration
        self._pool = api.rest_client.pool_manager
        self.address = str(api.configuration.host).rstrip("/")

    def request(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make a request; returns the object in its answer.

        Raises
        ------
        ObjectMissing, ObjectExists, HistoryExpired, AccessRefused, JobRefused
            If the cluster says so.
        EngineUnavailable
            If it does not answer, or wants to be left alone.
        """
        data = self.text(method, path, query, body)
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise EngineUnavailable(f"Kubernetes at {self.address} gave an answer that is no JSON: {error}.") from error
        if not isinstance(answer, dict):
            raise EngineUnavailable(f"Kubernetes at {self.address} gave an answer that is no object.")
        return answer

    def text(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        """Like :meth:`request`, for an answer that is a text, such as a log."""
        response = self._send(method, path, query, body, _READ_TIMEOUT)
        try:
            return bytes(response.data)
        except Exception as error:
            raise self._unavailable(error) from error
        finally:
            response.release_conn()

    def list_all(self, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The parts of a list, each an object with ``items`` and the ``metadata`` of the list.

        Raises
        ------
        EngineUnavailable
            Also if the cluster has forgotten the list before its end: another try begins at its beginning.
        """
        token = None
        while True:
            try:
                part = self.request("GET", path, {**query, "limit": _PAGE, **({"continue": token} if token else {})})
            except HistoryExpired as error:
                raise EngineUnavailable(error.message) from error
            yield part
            token = part.get("metadata", {}).get("continue")
            if not token:
                return

    def watch(self, path: str, query: Mapping[str, Any], seconds: int) -> EventStream:
        """What changes from now on, for at most so many seconds."""
        watched = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        return EventStream(self._send("GET", path, watched, None, seconds + 15), self._unavailable)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.clear()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        read_timeout: float,
    ) -> BaseHTTPResponse:
        from urllib.parse import urlencode

        from urllib3.util import Timeout

        headers = {"Accept": "application/json, */*", "User-Agent": "metaflow"}
        if body is not None:
            headers["Content-Type"] = _PATCH_TYPE if method == "PATCH" else "application/json"
        try:
            headers.update(self._credentials())
            response: BaseHTTPResponse = self._pool.request(
                method,
                f"{self.address}{path}" + (f"?{urlencode(query)}" if query else ""),
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=Timeout(connect=_CONNECT_TIMEOUT, read=read_timeout),
                retries=False,
                preload_content=False,
            )
        except Exception as error:
            raise self._unavailable(error) from error
        if response.status >= 300:
            try:
                content = bytes(response.data)
            except Exception as error:
                raise self._unavailable(error) from error
            finally:
                response.release_conn()
            raise refusal(response.status, content, response.headers.get("Retry-After"), self.address, self.namespace)
        return response

    def _credentials(self) -> dict[str, str]:
        """Headers that say who we are; renewed where they have to be."""
        settings = self._configuration.auth_settings().values()
        return {auth["key"]: auth["value"] for auth in settings if auth["in"] == "header" and auth["value"]}

    def _unavailable(self, error: Exception) -> EngineUnavailable:
        return EngineUnavailable(f"Kubernetes at {self.address} cannot be reached: {_reason(error)}.")


class EventStream:
    """Events of a watch, until the server ends it or :meth:`close` is called from another thread.

    Parameters
    ----------
    response : urllib3.BaseHTTPResponse
    unavailable : callable
        Makes the error to raise of one of the connection.
    """

    def __init__(self, response: BaseHTTPResponse, unavailable: Any) -> None:
        self._response = response
        self._unavailable = unavailable
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for line in self._lines():
                event = json.loads(line)
                if event.get("type") == "ERROR":
                    status = event.get("object", {})
                    raise refusal(int(status.get("code") or 500), json.dumps(status).encode(), None, "", "")
                yield event
        except MetaflowException:
            raise
        except Exception as error:
            if not self._closed:
                raise self._unavailable(error) from error
        finally:
            self._response.close()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for part in self._response.stream(65536):
            *lines, rest = (rest + part).split(b"\n")
            yield from (line for line in lines if line.strip())

    def close(self) -> None:
        """End the watch; whoever iterates over it comes to the end."""
        self._closed = True
        self._response.shutdown()


def refusal(status: int, content: bytes, retry_after: str | None, address: str, namespace: str) -> MetaflowException:
    """The error that an answer of the cluster stands for.

    Parameters
    ----------
    status : int
        HTTP status.
    content : bytes
        The answer, which should be a ``Status`` object.
    retry_after : str or None
        Its header of that name.
    address, namespace : str
        Who answered, and where the object is.
    """
    try:
        answer = json.loads(content)
        message = str(answer.get("message") or "")
        details, reason = answer.get("details") or {}, answer.get("reason")
    except (ValueError, AttributeError):
        message, details, reason = content[:300].decode("utf-8", "replace").strip(), {}, ""
    message = message.strip().rstrip(".") or f"status {status}"
    if status == 401:
        return CredentialsRefused(
            f"Kubernetes at {address} does not accept the credentials: {message}. Log in again, or choose another "
            "context (METAFLOW_KUBERNETES_CONTEXT)."
        )
    if status == 403 and "exceeded quota" in message:
        return EngineUnavailable(f"Kubernetes takes no more jobs for now: {message}.", 30.0)
    if status == 403:
        return AccessRefused(
            f"Kubernetes at {address} does not allow this in the namespace {namespace!r}: {message}. Ask for the "
            "rights, or choose another namespace (METAFLOW_KUBERNETES_NAMESPACE)."
        )
    if status == 404:
        return ObjectMissing(f"Kubernetes at {address}: {message}.")
    if status == 409 and reason == "AlreadyExists":
        return ObjectExists(f"Kubernetes at {address}: {message}.")
    if status == 410:
        return HistoryExpired(f"Kubernetes at {address}: {message}.")
    if status in (409, 429) or status >= 500:
        seconds = retry_after or details.get("retryAfterSeconds")
        return EngineUnavailable(f"Kubernetes at {address} cannot answer now: {message}.", _seconds(seconds))
    return JobRefused(f"Kubernetes at {address} refuses the request: {message}.")


def _seconds(text: object) -> float | None:
    try:
        return max(float(str(text)), 0.0)
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    """The innermost cause, in the form in which people know it."""
    innermost = error
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    text = getattr(innermost, "strerror", None) or str(innermost)
    return str(text).rstrip(".") or type(innermost).__name__


def _connect(context: str | None) -> Any:
    """The official client, connected to the cluster that the environment describes."""
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise MetaflowException(
            "@kubernetes needs the package `kubernetes`, which is not installed: pip install 'metaflow[kubernetes]'."
        ) from error
    configuration = client.Configuration()
    load: Any = config
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ and context is None
    try:
        if in_cluster:
            load.load_incluster_config(client_configuration=configuration)
        else:
            file = os.environ.get("KUBECONFIG")
            load.load_kube_config(config_file=file, context=context, client_configuration=configuration)
    except Exception as error:
        where = os.environ.get("KUBECONFIG") or "~/.kube/config"
        raise MetaflowException(
            f"No Kubernetes cluster to connect to: {str(error).rstrip('.')}. Looked in "
            + ("the pod that this process runs in" if in_cluster else f"the kubeconfig file {where}")
            + (f" for the context {context!r}" if context else "")
            + ". Set KUBECONFIG, or METAFLOW_KUBERNETES_CONTEXT, or see `kubectl config get-contexts`."
        ) from error
    return client.ApiClient(configuration)
