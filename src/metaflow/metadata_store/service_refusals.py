"""What it means when a metadata service cannot be reached or refuses, and what to do about it."""

from __future__ import annotations

import json

from metaflow.exception import ServiceException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Version of the interface under /api/v1 that this client speaks and this package's service serves.
API_VERSION = 1
#: Header of every answer of the service that tells it.
API_VERSION_HEADER = "Metaflow-Api-Version"
#: Header by which services of Metaflow make themselves known to its own client, and what ours says there.
SERVICE_VERSION_HEADER = "METADATA_SERVICE_VERSION"
SERVICE_VERSION = "2.5.0"

_LONGEST_TEXT = 500


def connection_problem(error: Exception) -> str:
    """Say in words why no answer came."""
    import socket
    import ssl
    from http.client import HTTPException

    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}). If an authority of your own signed it, "
            "name its file in SSL_CERT_FILE."
        )
    if isinstance(error, ssl.SSLError):
        return f"a secure connection cannot be made ({error.reason or error}). If it serves plain HTTP, say http://."
    if isinstance(error, socket.gaierror):
        return f"its name is not known here ({error.strerror}). Look at the address in METAFLOW_SERVICE_URL."
    if isinstance(error, TimeoutError):
        return "it does not answer in time. See whether it runs, and whether a firewall is between."
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there. See whether it runs, and look at the address in METAFLOW_SERVICE_URL."
    if isinstance(error, OSError) and not isinstance(error, HTTPException):
        return f"the connection failed ({error.strerror or error or type(error).__name__})."
    return f"the answer broke off or was no HTTP ({str(error)[:100] or type(error).__name__})."


def never_works(error: Exception) -> bool:
    """Tell whether another try is in vain."""
    import ssl

    return isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))


def explain_refusal(status: int, headers: Mapping[str, str], body: str) -> str:
    """Say in words why a request was refused."""
    said = _message(body)
    if status == 401:
        return f"{said} Set METAFLOW_SERVICE_AUTH_KEY to a token that it knows; whoever runs the service makes one."
    if status == 403:
        return f"{said} Ask whoever runs the service for a token with more rights (METAFLOW_SERVICE_AUTH_KEY)."
    if status in (301, 302, 303, 307, 308):
        return f"it is at {headers.get('location', 'another address')!r} instead. Set METAFLOW_SERVICE_URL to that."
    if status == 407:
        return (
            "the proxy on the way asks for a login. Put it into http_proxy or https_proxy: http://USER:PASSWORD@HOST."
        )
    return said


def check_identity(address: str, status: int, headers: Mapping[str, str], body: str, checks_version: bool) -> None:
    """See that an answer is of a metadata service whose interface we know.

    Raises
    ------
    ServiceException
        It is not.
    """
    version = headers.get(API_VERSION_HEADER.lower())
    if version is None:
        if status in (301, 302, 303, 307, 308, 401, 403, 407):
            return  # something on the way answered, and explain_refusal() says more
        if SERVICE_VERSION_HEADER.lower() in headers:
            problem = (
                f"is of version {headers[SERVICE_VERSION_HEADER.lower()]!r} and lacks the interface that this package "
                "needs. Run `metaflow server` of this package instead; Metaflow's own programs can use that too."
            )
        else:
            problem = f"is none: something else answers there (status {status}). Look at METAFLOW_SERVICE_URL."
        raise ServiceException(f"The metadata service at {address} {problem}", status, body[:2000])
    if checks_version and version != str(API_VERSION):
        newer = version.isdecimal() and int(version) > API_VERSION
        advice = "Upgrade this package." if newer else "Upgrade the service."
        raise ServiceException(
            f"The metadata service at {address} speaks version {version} of its interface, and this package version "
            f"{API_VERSION}. {advice} METAFLOW_SERVICE_VERSION_CHECK=0 tries nevertheless.",
            status,
            body[:2000],
        )


def _message(body: str) -> str:
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = " ".join(body.split())
    return str(message)[:_LONGEST_TEXT] or "it does not say why."
