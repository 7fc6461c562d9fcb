"""How obstore is told to open a bucket: settings and environment become its options."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from metaflow import settings
from metaflow.datastore.remote_library import store_class
from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CLASSES = {"s3": "S3Store", "gs": "GCSStore", "azure": "AzureStore"}

#: From this many bytes on, the time that sending takes counts: see `open_bucket`.
LARGE_BYTES = 1024 * 1024


class Opening(NamedTuple):
    """All that obstore is told when it opens a bucket.

    Attributes
    ----------
    config : dict
        What depends on the kind of store: address, region, keys. What is not in it, obstore finds in the environment.
    client : dict
        Options of the HTTP client.
    credentials : callable or None
        Gives credentials when it is called, again whenever they have expired; None to leave them to obstore.
    """

    config: dict[str, Any]
    client: dict[str, Any]
    credentials: Callable[[], Any] | None = None


def opening_of(kind: str, bucket: str, has_credentials: bool = False) -> Opening:
    """Find out how to open a bucket, from settings, environment and profiles.

    Parameters
    ----------
    kind : str
        ``s3``, ``gs`` or ``azure``.
    bucket : str
    has_credentials : bool
        Whether the caller has credentials of its own for S3, so that none need be found.

    Returns
    -------
    Opening
        A caller may change its dictionaries before opening.

    Raises
    ------
    DataException
        If a setting, a profile or the name of the bucket cannot be used.
    """
    import re

    if not re.fullmatch(r"[A-Za-z0-9$][A-Za-z0-9._$-]*", bucket):
        raise DataException(f"'{bucket}' cannot be the name of a bucket: it has letters, digits, dots and hyphens.")
    if kind == "s3":
        return _open_s3(has_credentials)
    return {"gs": _open_gs, "azure": _open_azure}[kind]()


def open_bucket(kind: str, bucket: str, opening: Opening | None = None, large: bool = False) -> Any:
    """Make obstore's client for a bucket. Nothing is contacted before it is used.

    Parameters
    ----------
    kind : str
        ``s3``, ``gs`` or ``azure``.
    bucket : str
    opening : Opening, optional
        As `opening_of` returned it, perhaps changed; found out if not given.
    large : bool
        Whether requests send more than a mebibyte. The HTTP client counts the time of sending as silence of the
        server, so it has to be more patient then, and is slower to find that a server hangs.

    Returns
    -------
    obstore.store.S3Store or another client of obstore
        To be used in this process only; see :mod:`metaflow.datastore.remote_library`.

    Raises
    ------
    DataException
        If obstore is not installed, or does not accept the options.
    """
    found = opening or opening_of(kind, bucket)
    make = store_class(_CLASSES[kind])
    client = {**_client_options(large), **found.client}
    retries = _retry_options()
    options = {} if found.credentials is None else {"credential_provider": found.credentials}
    try:
        return make(bucket, config=found.config, client_options=client, retry_config=retries, **options)
    except Exception as error:
        from metaflow.datastore.remote_errors import examine, reason_of

        raise DataException(
            f"{kind}://{bucket} cannot be opened: {reason_of(examine(error))}. {_REMEDIES[kind]}"
        ) from None


_REMEDIES = {
    "s3": "Check the settings that begin with METAFLOW_S3_ and the variables that begin with AWS_.",
    "gs": "Check the variables that begin with GOOGLE_; credentials of other types than service_account and "
    "authorized_user are not understood.",
    "azure": "Check METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT and the variables that begin with AZURE_.",
}


def retry_count() -> int:
    """How often a request is tried again."""
    attempts = settings.get("S3_CLIENT_RETRY_CONFIG").get("max_attempts")
    if attempts is None:
        return max(0, int(settings.get("S3_RETRY_COUNT")))
    try:
        return max(0, int(attempts) - 1)
    except (TypeError, ValueError):
        raise DataException(
            f"`max_attempts` in METAFLOW_S3_CLIENT_RETRY_CONFIG should be a whole number, but it is {attempts!r}."
        ) from None


def _client_options(large: bool) -> dict[str, Any]:
    return {
        "connect_timeout": f"{_milliseconds('S3_CONNECT_TIMEOUT')}ms",
        "read_timeout": f"{_milliseconds('S3_READ_TIMEOUT') * (10 if large else 1)}ms",
        # A slow network may take long for one object, as long as it moves.
        "timeout": "1day",
        "pool_max_idle_per_host": str(max(1, settings.get("S3_WORKER_COUNT"))),
    }


def _milliseconds(name: str) -> int:
    """A setting that is a time, checked: without patience no request is ever answered, which looks like an outage."""
    seconds: float = settings.get(name)
    if not 0.001 <= seconds <= 1_000_000:
        raise DataException(f"METAFLOW_{name} is {seconds:g}: it should be a number of seconds greater than 0.")
    return int(seconds * 1000)


def _retry_options() -> dict[str, Any]:
    from datetime import timedelta

    return {
        "max_retries": retry_count(),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=20), "base": 2},
        "retry_timeout": timedelta(minutes=4),
    }


def _open_s3(has_credentials: bool) -> Opening:
    from metaflow.datastore.remote_credentials import aws_access

    access = aws_access(has_credentials)
    config: dict[str, Any] = dict(access.config)
    client = _certificates()
    named = settings.get("S3_ENDPOINT_URL")
    endpoint = named or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or access.endpoint
    if endpoint:
        config["endpoint"] = _address(endpoint, "METAFLOW_S3_ENDPOINT_URL" if named else "AWS_ENDPOINT_URL", client)
    if not endpoint or endpoint.startswith("https:"):
        # What TLS protects need not be hashed for the signature too, which takes longer than sending it.
        config.update({} if "AWS_UNSIGNED_PAYLOAD" in os.environ else {"unsigned_payload": True})
    encryption = settings.get("S3_SERVER_SIDE_ENCRYPTION")
    if encryption:
        method, separator, key = encryption.partition("aws:kms:")
        config["server_side_encryption"] = "aws:kms" if separator and key != "dsse" else encryption
        if separator and key != "dsse":
            config["sse_kms_key_id"] = key
        if method not in ("", "AES256", "aws:kms"):
            raise DataException(
                f"METAFLOW_S3_SERVER_SIDE_ENCRYPTION is '{encryption}': it should be AES256, aws:kms or aws:kms:KEY."
            )
    return Opening(config, client, access.credentials)


def _certificates() -> dict[str, Any]:
    """Which certificates of S3 servers are trusted."""
    verify = settings.get("S3_VERIFY_CERTIFICATE")
    where = "METAFLOW_S3_VERIFY_CERTIFICATE"
    if verify is None:
        verify, where = os.environ.get("AWS_CA_BUNDLE"), "AWS_CA_BUNDLE"
    if not verify or verify.lower() in ("true", "1"):
        return {}
    if verify.lower() in ("false", "0"):
        return {"allow_invalid_certificates": True}
    try:
        with open(verify, "rb") as file:
            return {"root_certificate": file.read()}
    except OSError as error:
        raise DataException(
            f"The certificates in {verify} ({where}) cannot be read: {error.strerror}. Name a file in PEM format, or "
            "false to check no certificates."
        ) from error


def _open_gs() -> Opening:
    client: dict[str, Any] = {}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        address = emulator if "://" in emulator else f"http://{emulator}"
        # Any token will do, but without one, Google's own server of tokens would be asked.
        return Opening(
            {"base_url": _address(address, "STORAGE_EMULATOR_HOST", client), "bearer_token": "emulator"}, client
        )
    from metaflow.datastore.remote_credentials import check_google

    check_google()
    return Opening({}, client)


def _open_azure() -> Opening:
    from metaflow.datastore.remote_credentials import azure_access

    client: dict[str, Any] = {}
    config = azure_access()
    endpoint = settings.get("AZURE_STORAGE_BLOB_SERVICE_ENDPOINT")
    if endpoint:
        config["endpoint"] = _address(endpoint, "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", client)
        config.setdefault("account_name", _account_in(config["endpoint"]))
    return Opening(config, client)


def _account_in(endpoint: str) -> str:
    """Name of the account: the first part of the host's name, or of the path where the host is one machine."""
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint)
    return parts.path.strip("/") or (parts.hostname or "").partition(".")[0]


def _address(text: str, where: str, client: dict[str, Any]) -> str:
    """Check the address of a server: what is wrong with it would only show in the middle of a request."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or any(character.isspace() for character in text):
        raise DataException(
            f"'{text}' ({where}) is not the address of a server: write it as https://HOST or http://HOST:PORT."
        )
    if parts.scheme == "http":
        client["allow_http"] = True
    return text.rstrip("/")
