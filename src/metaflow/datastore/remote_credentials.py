"""Where credentials come from, as far as obstore does not look itself.

obstore knows the variables of the environment, web identity, containers' and instances' metadata (AWS), application
default credentials (Google), and keys, service principals, workload and managed identity (Azure). It does not know
AWS profiles, when the Azure command line is meant, nor that nobody answers where there is no instance metadata.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from metaflow.exception import AccessDenied, DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from configparser import RawConfigParser

_METADATA_ADDRESS = "http://169.254.169.254"
_METADATA_SECONDS = 1.0

#: Keys of a profile whose credentials are made by something that only boto3 knows.
_MADE_BY_BOTO = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")


class AwsAccess(NamedTuple):
    """What profiles say.

    Attributes
    ----------
    config : dict
        Options of obstore: region and keys.
    endpoint : str or None
        Address of the server.
    credentials : callable or None
        Gives credentials that expire.
    """

    config: dict[str, Any]
    endpoint: str | None
    credentials: Callable[[], Any] | None


def aws_access(has_credentials: bool = False) -> AwsAccess:
    """Find out what the environment and the profile in use say, in the order that AWS's own tools have.

    Parameters
    ----------
    has_credentials : bool
        Whether the caller has credentials of its own, so that only the region and the address matter.

    Raises
    ------
    DataException
        If the profile does not exist, or needs boto3, which is not installed.
    AccessDenied
        If there are no credentials at all.
    """
    environment = os.environ
    config: dict[str, Any] = {}
    has_keys = "AWS_ACCESS_KEY_ID" in environment and "AWS_SECRET_ACCESS_KEY" in environment
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if has_keys and region:  # the common case reads no file
        return AwsAccess({"region": region}, None, None)
    profile = _profile(required=not (has_keys or has_credentials))
    region = region or profile.get("region")
    if region:
        config["region"] = region
    endpoint = profile.get("endpoint_url")
    if has_credentials or has_keys or environment.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1"):
        return AwsAccess(config, endpoint, None)
    if any(key in profile for key in _MADE_BY_BOTO):
        return AwsAccess(config, endpoint, _from_boto3(profile))
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in environment:
        return AwsAccess(config, endpoint, None)
    if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
        config["access_key_id"] = profile["aws_access_key_id"]
        config["secret_access_key"] = profile["aws_secret_access_key"]
        if "aws_session_token" in profile:
            config["session_token"] = profile["aws_session_token"]
        return AwsAccess(config, endpoint, None)
    if not any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in environment):
        disabled = environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        if disabled or not _answers(environment.get("AWS_METADATA_ENDPOINT", _METADATA_ADDRESS)):
            raise AccessDenied(
                "There are no credentials for S3. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile "
                "with AWS_PROFILE, or run `aws configure`."
            )
    return AwsAccess(config, endpoint, None)


def _profile(required: bool) -> Mapping[str, str]:
    """Settings of the profile in use; those of ~/.aws/credentials go before those of ~/.aws/config."""
    named = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    name = named or "default"
    config_file = os.path.expanduser(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    credentials_file = os.path.expanduser(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
    found: dict[str, str] = {}
    seen = False
    for path, section in ((config_file, name if name == "default" else f"profile {name}"), (credentials_file, name)):
        content = _ini(path)
        if content is not None and content.has_section(section):
            seen = True
            found.update(content.items(section))
    if named and required and not seen:
        raise DataException(
            f"There is no profile '{name}' (AWS_PROFILE) in {config_file} or {credentials_file}. Add it with "
            f"`aws configure --profile {name}`, or name another."
        )
    return found


def _ini(path: str) -> RawConfigParser | None:
    if not os.path.exists(path):
        return None
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataException(f"The AWS settings in {path} cannot be read: {error}.") from error
    except Error as error:
        # Its text quotes the line, which may hold a key.
        line = getattr(error, "lineno", None) or ", ".join(str(number) for number, _ in getattr(error, "errors", []))
        raise DataException(f"The AWS settings in {path} cannot be read: line {line} is no `name = value`.") from None
    return parser


def _from_boto3(profile: Mapping[str, str]) -> Callable[[], Any]:
    """Let boto3 make the credentials: it assumes roles, knows single sign-on and runs programs."""
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    what = next(key for key in _MADE_BY_BOTO if key in profile)
    try:
        from boto3 import Session  # type: ignore[import-untyped]
    except ImportError as error:
        raise DataException(
            f"The AWS profile '{name}' uses `{what}`, for which the package boto3 is needed. "
            "Install it with: pip install 'metaflow[aws]'"
        ) from error
    session = Session()
    kept: list[Any] = []

    def give() -> dict[str, Any]:
        from datetime import datetime, timedelta, timezone

        if not kept:
            found = session.get_credentials()
            if found is None:
                raise DataException(f"boto3 finds none for the profile '{name}'")
            kept.append(found)
        frozen = kept[0].get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            # boto3 renews them in time by itself; it only has to be asked now and then.
            "expires_at": datetime.now(timezone.utc) + timedelta(minutes=10),
        }

    return give


def check_google() -> None:
    """See that there is somewhere to get Google's credentials from.

    Raises
    ------
    AccessDenied
        If there is not.
    """
    if any(name.startswith("GOOGLE_") and os.environ[name] for name in os.environ):
        return
    if os.path.exists(os.path.expanduser("~/.config/gcloud/application_default_credentials.json")):
        return
    if not _answers(_METADATA_ADDRESS):
        raise AccessDenied(
            "There are no credentials for Google Cloud Storage. Run `gcloud auth application-default login`, or name a "
            "file with GOOGLE_APPLICATION_CREDENTIALS."
        )


def azure_access() -> dict[str, Any]:
    """Say which account, and with which credentials where obstore would not find them.

    Raises
    ------
    AccessDenied
        If there are none.
    """
    environment = os.environ
    config: dict[str, Any] = {}
    stated = dict(
        part.partition("=")[::2] for part in environment.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";") if part
    )
    account = environment.get("AZURE_STORAGE_ACCOUNT") or stated.get("AccountName")
    if account and "AZURE_STORAGE_ACCOUNT_NAME" not in environment:
        config["account_name"] = account
    elif "AZURE_STORAGE_ACCOUNT_NAME" in environment:
        config["account_name"] = environment["AZURE_STORAGE_ACCOUNT_NAME"]
    key = environment.get("AZURE_STORAGE_KEY") or stated.get("AccountKey")
    if any(environment.get(name) for name in _AZURE_VARIABLES):
        return config
    if key:
        config["account_key"] = key
    elif stated.get("SharedAccessSignature"):
        config["sas_key"] = stated["SharedAccessSignature"]
    elif _has_azure_login():
        config["use_azure_cli"] = True
    elif not any(environment.get(name) for name in _AZURE_MANAGED) and not _answers(_METADATA_ADDRESS):
        raise AccessDenied(
            "There are no credentials for Azure. Run `az login`, or set AZURE_STORAGE_ACCOUNT_KEY or AZURE_CLIENT_ID "
            "with what belongs to it."
        )
    return config


_AZURE_VARIABLES = (
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_AZURE_CLI",
    "AZURE_CREDENTIAL_TYPE",
    "AZURE_SKIP_SIGNATURE",
)
_AZURE_MANAGED = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_MSI_ENDPOINT", "AZURE_IDENTITY_ENDPOINT")


def _has_azure_login() -> bool:
    from shutil import which

    folder = os.path.expanduser(os.environ.get("AZURE_CONFIG_DIR") or "~/.azure")
    return os.path.exists(os.path.join(folder, "azureProfile.json")) and which("az") is not None


def _answers(address: str) -> bool:
    """Say whether somebody listens at an address of instance metadata: waiting for nobody would take minutes."""
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), _METADATA_SECONDS).close()
    except OSError:
        return False
    return True
