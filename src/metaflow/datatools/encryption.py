"""How an object in S3 is encrypted: S3 says so in its answers, but obstore does not pass it on."""

from __future__ import annotations

from metaflow.exception import MetaflowS3Exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.datastore.remote_config import Opening
    from metaflow.datastore.remote_requests import BucketClient

_SECONDS = 60
_HEADER = "x-amz-server-side-encryption"


def look_up(client: BucketClient, key: str, opening: Opening) -> str | None:
    """Ask S3 how an object is encrypted, with an address that obstore signs.

    Parameters
    ----------
    client : BucketClient
    key : str
    opening : Opening
        How the bucket is opened, which says what certificates are trusted.

    Raises
    ------
    MetaflowS3Exception
        If S3 does not answer.
    """
    from datetime import timedelta
    from urllib.error import URLError
    from urllib.request import HTTPSHandler, Request, build_opener

    def sign(store: Any) -> str:
        from obstore import sign as signed

        address: str = signed(store, "HEAD", key, timedelta(seconds=_SECONDS))
        return address

    address = client.request(sign)
    handlers = [HTTPSHandler(context=_trust(opening))] if address.startswith("https:") else []
    try:
        with build_opener(*handlers).open(Request(address, method="HEAD"), timeout=_SECONDS) as answer:  # noqa: S310
            found: str | None = answer.headers.get(_HEADER)
            return found
    except (URLError, OSError) as error:
        raise MetaflowS3Exception(
            f"S3 does not say how {client.kind}://{client.bucket}/{key} is encrypted: {error}."
        ) from error


def _trust(opening: Opening) -> Any:
    import ssl

    context = ssl.create_default_context()
    if opening.client.get("allow_invalid_certificates"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = opening.client.get("root_certificate")
    if certificate:
        context.load_verify_locations(cadata=certificate.decode("ascii"))
    return context
