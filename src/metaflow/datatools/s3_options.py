"""What ``S3(...)`` is told of AWS, as boto3 names it: for obstore as far as that knows it, else for boto3."""

from __future__ import annotations

from typing import NamedTuple

from metaflow import settings
from metaflow.exception import MetaflowS3AccessDenied, MetaflowS3Exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from metaflow.datastore.remote_config import Opening

_KEYS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
#: What of boto3's options obstore has too, under other names.
_SESSION = {*_KEYS, "region_name", "profile_name"}
_CLIENT = {*_KEYS, "region_name", "endpoint_url", "verify"}


class S3Options(NamedTuple):
    """How to reach S3.

    Attributes
    ----------
    role : str or None
        ARN of a role to assume.
    session : dict
        As ``boto3.Session()`` takes it.
    client : dict
        As ``boto3.client("s3")`` takes it.
    encryption : str or None
        ``AES256``, ``aws:kms`` or ``aws:kms:KEY``.
    """

    role: str | None
    session: dict[str, Any]
    client: dict[str, Any]
    encryption: str | None

    @property
    def only_for_boto(self) -> list[str]:
        """Names of options that only boto3 understands."""
        return [*(set(self.session) - _SESSION), *(set(self.client) - _CLIENT)]


def options_of(
    role: str | None, session: dict[str, Any] | None, client: dict[str, Any] | None, encryption: str | None
) -> S3Options:
    """Put together what a caller says and what settings say.

    Raises
    ------
    MetaflowS3Exception
        If something is not of its type.
    """
    session = settings.get("DATATOOLS_SESSION_VARS") if session is None else session
    client = settings.get("DATATOOLS_CLIENT_PARAMS") if client is None else client
    for name, value in (("session_vars", session), ("client_params", client)):
        if not isinstance(value, dict):
            raise MetaflowS3Exception(f"{name} should be a dictionary, but it is of type {type(value).__name__}.")
    found = S3Options(role, dict(session), dict(client), encryption or settings.get("S3_SERVER_SIDE_ENCRYPTION"))
    split_encryption(found.encryption)
    return found


def split_encryption(encryption: str | None) -> tuple[str | None, str | None]:
    """The way of encryption, and the id of the key if one is named.

    Raises
    ------
    MetaflowS3Exception
        If there is no such way.
    """
    method, separator, key = encryption.partition("aws:kms:") if isinstance(encryption, str) else ("", "", "")
    if separator and key != "dsse" and not method:
        return "aws:kms", key
    if encryption in (None, "", "AES256", "aws:kms", "aws:kms:dsse"):
        return encryption or None, None
    raise MetaflowS3Exception(f"encryption is {encryption!r}: it should be AES256, aws:kms or aws:kms:KEY.")


def opening_for(bucket: str, options: S3Options, encryption: str | None) -> Opening:
    """What obstore is told when it opens a bucket.

    Parameters
    ----------
    bucket : str
    options : S3Options
    encryption : str or None
        Instead of the one in `options`.

    Raises
    ------
    DataException
        If there are no credentials, or settings cannot be used.
    MetaflowS3Exception
        If an option cannot be used.
    """
    from metaflow.datastore.remote_config import opening_of

    given = {**options.session, **options.client}
    has_keys = {"aws_access_key_id", "aws_secret_access_key"} <= set(given)
    from_boto3 = bool(options.role) or "profile_name" in given
    opening = opening_of("s3", bucket, has_credentials=has_keys or from_boto3)
    config, client, credentials = dict(opening.config), dict(opening.client), opening.credentials
    if has_keys or from_boto3:
        # Not as plain options: the variables of the environment would complete them.
        credentials = _from_boto3(options) if from_boto3 else _given(given)
        for name in ("access_key_id", "secret_access_key", "session_token"):
            config.pop(name, None)
    if given.get("region_name"):
        config["region"] = str(given["region_name"])
    if given.get("endpoint_url"):
        config["endpoint"] = str(given["endpoint_url"]).rstrip("/")
        if config["endpoint"].startswith("http:"):
            client["allow_http"] = True
    client.update(_certificates(given.get("verify")))
    method, key = split_encryption(encryption or options.encryption)
    config.pop("sse_kms_key_id", None)
    config.update({"server_side_encryption": method} if method else {}, **({"sse_kms_key_id": key} if key else {}))
    return opening._replace(config=config, client=client, credentials=credentials)


def _certificates(verify: Any) -> dict[str, Any]:
    if verify is False:
        return {"allow_invalid_certificates": True}
    if not isinstance(verify, str):
        return {}
    try:
        with open(verify, "rb") as file:
            return {"root_certificate": file.read()}
    except OSError as error:
        raise MetaflowS3Exception(
            f"The certificates in {verify} (`verify` of client_params) cannot be read: {error.strerror}."
        ) from error


def _given(options: dict[str, Any]) -> Callable[[], Any]:
    key, secret = options["aws_access_key_id"], options["aws_secret_access_key"]
    token = options.get("aws_session_token")
    return lambda: _credentials(key, secret, token, None)


def _from_boto3(options: S3Options) -> Callable[[], Any]:
    """Credentials of a profile or a role, renewed in time."""
    kept: list[Any] = []

    def give() -> dict[str, Any]:
        from datetime import datetime, timedelta, timezone

        if options.role is None:
            if not kept:
                kept.append(boto3_session(options).get_credentials())
            frozen = kept[0].get_frozen_credentials()
            access = (frozen.access_key, frozen.secret_key, frozen.token)
            # boto3 renews them in time by itself; it only has to be asked now and then.
            return _credentials(*access, datetime.now(timezone.utc) + timedelta(minutes=10))
        made = _assumed(options)
        until = made["Expiration"].astimezone(timezone.utc)
        return _credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], until)

    return give


def _credentials(key: str, secret: str, token: str | None, until: Any) -> dict[str, Any]:
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": until}


def _assumed(options: S3Options) -> Any:
    session = boto3_session(options)
    try:
        return session.client("sts").assume_role(RoleArn=options.role, RoleSessionName="metaflow")["Credentials"]
    except Exception as error:
        raise MetaflowS3AccessDenied(f"The role {options.role} cannot be assumed: {error}.") from error


def boto3_session(options: S3Options) -> Any:
    """A session of boto3.

    Raises
    ------
    MetaflowS3Exception
        If boto3 is not installed, or does not accept the options.
    """
    try:
        from boto3 import Session  # type: ignore[import-untyped]
    except ImportError as error:
        raise MetaflowS3Exception(
            "For this, S3 needs the package boto3: for roles, profiles, options that only boto3 has, "
            "and keys with empty parts between slashes. Install it with: pip install 'metaflow[aws]'"
        ) from error
    try:
        return Session(**options.session)
    except Exception as error:
        raise MetaflowS3Exception(f"boto3 does not accept session_vars: {error}.") from error


def boto3_client(options: S3Options) -> Any:
    """A client of boto3 for S3.

    Raises
    ------
    MetaflowS3Exception
        If boto3 is not installed, or does not accept the options.
    """
    session = boto3_session(options)
    given = dict(options.client)
    given.setdefault("endpoint_url", settings.get("S3_ENDPOINT_URL"))
    verify = settings.get("S3_VERIFY_CERTIFICATE")
    if verify is not None and "verify" not in given:
        given["verify"] = {"false": False, "true": True}.get(verify.lower(), verify)
    if options.role:
        made = _assumed(options)
        given["aws_access_key_id"] = made["AccessKeyId"]
        given["aws_secret_access_key"] = made["SecretAccessKey"]
        given["aws_session_token"] = made["SessionToken"]
    try:
        return session.client("s3", **given)
    except Exception as error:
        raise MetaflowS3Exception(f"boto3 does not accept client_params: {error}.") from error
