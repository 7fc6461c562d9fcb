"""The interface over HTTP: addresses, tokens, bodies, streams."""

from __future__ import annotations

import json
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from . import problems, resources
from .access import Access
from .faults import Dropped, Faults
from .operations import Operations, Selection
from .pod_logs import Logs
from .problems import Problem
from .resources import Resource
from .storage import Object

VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"}
#: The longest body that is read.
_LARGEST_BODY = 3 * 1024 * 1024
_WATCH_SECONDS = 1800.0
_CHANGING = ("create", "update", "patch", "delete", "deletecollection")
_REVIEW = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False)


class Call(NamedTuple):
    """What a request asks for.

    Attributes
    ----------
    verb : str
        As rights have it: get, list, watch, create, update, patch, delete, deletecollection.
    resource : Resource
    namespace, name, subresource : str
        Empty where there is none.
    query : mapping
    """

    verb: str
    resource: Resource
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]

    @property
    def asked(self) -> str:
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def parse(method: str, path: str, query: Mapping[str, str]) -> Call | None:
    """What a request asks for; None if the address is no object's."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    known = (group, version, rest[0]) == (_REVIEW.group, _REVIEW.version, _REVIEW.plural)
    resource = _REVIEW if known else resources.find(group, version, rest[0])
    if resource is None or len(rest) > 3:
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
    if method == "GET":
        verb = "get" if name else "watch" if query.get("watch") in ("true", "1", "True") else "list"
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    else:
        verb = verbs[method]
    return Call(verb, resource, namespace, name, subresource, query)


class ApiServer(ThreadingHTTPServer):
    """Answers requests, each in a thread of its own, on loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, operations: Operations, access: Access, faults: Faults, logs: Logs) -> None:
        self.operations, self.access, self.faults, self.logs = operations, access, faults, logs
        self.stopping = False
        #: Threads that serve a watch.
        self.watching: set[int] = set()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away in mid-answer is none of our business.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Be away: take no connections, and cut those that are there."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        self.drop_connections()

    def drop_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # already closed by the other side


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet: the counts of requests say what tests want to know."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _answer(self) -> None:
        address = urlsplit(self.path)
        try:
            body = self._body()
            user = self.server.access.user(self.headers.get("Authorization"))
            call = parse(self.command, address.path, dict(parse_qsl(address.query, keep_blank_values=True)))
            if call is None:
                self._answer_plain(address.path)
                return
            fault = self.server.faults.meet(call.verb, call.asked)
            if fault is not None and not fault.after:
                fault.strike()
            if call.resource is _REVIEW:
                self._review(user, body)
                return
            self.server.access.check(user, call.verb, call.resource, call.subresource, call.namespace, call.name)
            if fault is not None:
                if call.verb in _CHANGING:
                    self._carry_out(call, body)
                fault.strike()
            self._serve(call, body)
        except Problem as problem:
            headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
            self._send(problem.code, problem.status(), headers)
        except Dropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            traceback.print_exc()
            self._send(500, Problem(500, "InternalError", traceback.format_exc()).status())

    def _body(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.close_connection = True
            message = f"Request entity too large: limit is {_LARGEST_BODY}"
            raise Problem(413, "RequestEntityTooLarge", message)
        content = self.rfile.read(length)
        if not content:
            return None
        if self.headers.get("Content-Type", "").startswith("application/json-patch+json"):
            raise Problem(415, "UnsupportedMediaType", "this server takes merge patches only")
        try:
            return json.loads(content)
        except ValueError as error:
            raise problems.bad_request(f"the body is no JSON: {error}") from None

    def _answer_plain(self, path: str) -> None:
        if path in ("/readyz", "/livez", "/healthz"):
            self._send_bytes(200, b"ok", "text/plain")
        elif path in ("/version", "/version/"):
            self._send(200, VERSION)
        elif path in ("/api", "/apis") or path.startswith(("/api/", "/apis/")):
            self._send(*_discovery(path))
        else:
            raise Problem(404, "NotFound", "the server could not find the requested resource")

    def _review(self, user: str, body: Object) -> None:
        asked = body["spec"].get("resourceAttributes") or {}
        name = "/".join(filter(None, (asked.get("resource"), asked.get("subresource"))))
        allowed = self.server.access.allows(user, asked.get("verb", ""), name, asked.get("namespace", ""))
        status = {"allowed": allowed} if allowed else {"allowed": False, "reason": f'not allowed for user "{user}"'}
        head = {"kind": _REVIEW.kind, "apiVersion": _REVIEW.api_version, "metadata": {}}
        self._send(201, {**head, "spec": body["spec"], "status": status})

    def _serve(self, call: Call, body: Any) -> None:
        if call.verb == "watch":
            self._watch(call)
        elif call.subresource == "log":
            if call.query.get("follow") in ("true", "True", "1"):
                self._stream(self.server.logs.follow(call.namespace, call.name, call.query), "text/plain")
            else:
                self._send_bytes(200, self.server.logs.read(call.namespace, call.name, call.query), "text/plain")
        else:
            self._send(201 if call.verb == "create" else 200, self._carry_out(call, body))

    def _carry_out(self, call: Call, body: Any) -> Object:
        operations, resource, namespace, name = self.server.operations, call.resource, call.namespace, call.name
        if call.subresource not in ("", "status"):
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        selection = Selection(
            resource, namespace, call.query.get("labelSelector", ""), call.query.get("fieldSelector", "")
        )
        if call.verb == "create":
            return operations.create(resource, namespace, body, call.query.get("dryRun") == "All")
        if call.verb == "get":
            return operations.storage.get(resource, namespace, name)
        if call.verb == "list":
            return operations.list(selection, int(call.query.get("limit") or 0), call.query.get("continue", ""))
        if call.verb == "patch":
            return operations.patch(resource, namespace, name, body, call.subresource == "status")
        if call.verb == "update":
            return operations.replace(resource, namespace, name, body)
        options = _delete_options(call.query, body)
        if call.verb == "deletecollection":
            chosen = operations.delete_all(selection, options)
            return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": {}, "items": chosen}
        deleted = operations.delete(resource, namespace, name, options)
        if resource is resources.PODS or operations.storage.find(resource, namespace, name) is not None:
            return deleted
        details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": deleted["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _watch(self, call: Call) -> None:
        query = call.query
        fields = query.get("fieldSelector", "")
        if call.name:
            fields = f"metadata.name={call.name}"
        selection = Selection(call.resource, call.namespace, query.get("labelSelector", ""), fields)
        events = self.server.operations.watch(
            selection,
            query.get("resourceVersion", ""),
            float(query.get("timeoutSeconds") or _WATCH_SECONDS),
            query.get("allowWatchBookmarks") in ("true", "True", "1"),
            lambda: self.server.stopping,
        )
        thread = threading.get_ident()
        self.server.watching.add(thread)
        lines = (b"" if event is None else json.dumps(event).encode() + b"\n" for event in events)
        try:
            self._stream(lines, "application/json")
        finally:
            self.server.watching.discard(thread)

    def _stream(self, parts: Iterable[bytes], kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for part in parts:
            if part:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            elif self._is_gone():
                self.close_connection = True
                return
        if self.server.stopping:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _is_gone(self) -> bool:
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def _send(self, code: int, body: Mapping[str, Any], headers: Mapping[str, str] = {}) -> None:
        self._send_bytes(code, json.dumps(body).encode(), "application/json", headers)

    def _send_bytes(self, code: int, content: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _delete_options(query: Mapping[str, str], body: Any) -> dict[str, Any]:
    options = dict(body or {})
    if "propagationPolicy" in query:
        options["propagationPolicy"] = query["propagationPolicy"]
    if "gracePeriodSeconds" in query:
        options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    if options.get("propagationPolicy") not in (None, "Background", "Foreground", "Orphan"):
        raise problems.bad_request(f"invalid propagationPolicy {options['propagationPolicy']!r}")
    return options


def _discovery(path: str) -> tuple[int, Object]:
    """What kinds there are, for clients that ask before they begin."""
    parts = path.strip("/").split("/")
    if parts == ["api"]:
        return 200, {"kind": "APIVersions", "versions": ["v1"]}
    if parts == ["apis"]:
        groups = []
        for group, version in sorted({(r.group, r.version) for r in resources.ALL if r.group}):
            shown = {"groupVersion": f"{group}/{version}", "version": version}
            groups.append({"name": group, "versions": [shown], "preferredVersion": shown})
        return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    asked = "/".join(parts[1:])
    kinds = [resource for resource in resources.ALL if resource.api_version == asked]
    if not kinds:
        raise Problem(404, "NotFound", "the server could not find the requested resource")
    listed = [{"name": r.plural, "kind": r.kind, "namespaced": r.namespaced, "verbs": ["get"]} for r in kinds]
    return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": asked, "resources": listed}
