"""Where a metadata service is, and the way there: directly, or through the proxy that the environment names."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from metaflow.exception import ServiceException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPConnection


class ServiceAddress(NamedTuple):
    """Where a service is.

    Attributes
    ----------
    scheme, host, port, path : str, str, int, str
        Its parts; the path without a slash at its end.
    login : str
        Value of the header Authorization, if the address has a user; may be secret.
    proxy : str
        Address of the proxy on the way, if there is one; may be secret.
    """

    scheme: str
    host: str
    port: int
    path: str
    login: str = ""
    proxy: str = ""

    @property
    def shown(self) -> str:
        """The address for people, without what is secret."""
        return f"{self._origin}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def _origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}" + ("" if is_usual else f":{self.port}")

    def target(self, path: str) -> str:
        """What a request for a path of the service names."""
        # A proxy of plain HTTP is told the whole address.
        origin = self._origin if self.proxy and self.scheme == "http" else ""
        return f"{origin}{self.path}{path}"

    def headers(self) -> dict[str, str]:
        """Headers that every request needs: the login of the service, and that of a proxy of plain HTTP."""
        found = {"Authorization": self.login} if self.login else {}
        return {**found, **self._proxy_headers()} if self.scheme == "http" else found

    def _proxy_headers(self) -> dict[str, str]:
        login = _parts_of_proxy(self.proxy)[2] if self.proxy else ""
        return {"Proxy-Authorization": login} if login else {}

    def connect(self, timeout: float) -> HTTPConnection:
        """A connection that is still to be opened."""
        from http.client import HTTPConnection, HTTPSConnection

        host, port = _parts_of_proxy(self.proxy)[:2] if self.proxy else (self.host, self.port)
        if self.scheme == "http":
            return HTTPConnection(host, port, timeout=timeout)
        import ssl

        secure = HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
        if self.proxy:
            secure.set_tunnel(self.host, self.port, self._proxy_headers())
        return secure


def parse_address(url: str) -> ServiceAddress:
    """The address of a service.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``, a host, and perhaps a user, a port, and a path.

    Raises
    ------
    ServiceException
        It is none, or the proxy that the environment names for it cannot be used.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host or any(letter.isspace() or letter < " " for letter in url):
        # The address itself is not repeated: it may hold a password.
        raise ServiceException(
            "The address of the metadata service (METAFLOW_SERVICE_URL) cannot be used. It should be such as "
            "http://metadata.example.com:8080 or https://metadata.example.com."
        )
    port = port or (443 if parts.scheme == "https" else 80)
    login = _basic(parts.username, parts.password) if parts.username else ""
    proxy = _proxy_of(parts.scheme, host, port)
    if proxy:
        _parts_of_proxy(proxy)
    return ServiceAddress(parts.scheme, host, port, parts.path.rstrip("/"), login, proxy)


def _basic(user: str, password: str | None) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode("ascii")


def _proxy_of(scheme: str, host: str, port: int) -> str:
    """The proxy for an address, as urllib reads the environment; its import is spared where there is none."""
    if not any(name.lower().endswith("_proxy") and value for name, value in os.environ.items()):
        return ""
    from urllib.request import getproxies, proxy_bypass

    if proxy_bypass(f"{host}:{port}"):
        return ""
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all") or ""


def _parts_of_proxy(proxy: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme != "http" or not host:
        raise ServiceException(
            "The proxy that the environment names (http_proxy, https_proxy) cannot be used for the metadata service. "
            "It should be such as http://proxy.example.com:3128. Or add the service's host to no_proxy."
        )
    return host, port or 80, _basic(parts.username, parts.password) if parts.username else ""
