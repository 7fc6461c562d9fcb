"""Failures of object stores, told to a person: which object, what happened, and what to do.

obstore's errors are texts with the server's answer and a dump of Rust structures. Here they are taken apart; what is
shown names neither the dump nor addresses that may hold a signature.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from metaflow.exception import AccessDenied, BucketMissing, DataException, StoreUnavailable

_DUMP = "\n\nDebug source:"

_ACCESS = {
    "s3": "Check the credentials in use (AWS_PROFILE, AWS_ACCESS_KEY_ID, or the role of this machine) and what the "
    "policies of user and bucket allow.",
    "gs": "Check the credentials in use (GOOGLE_APPLICATION_CREDENTIALS, or the service account of this machine) and "
    "its roles on the bucket.",
    "azure": "Check the credentials in use (AZURE_STORAGE_ACCOUNT_KEY, AZURE_CLIENT_ID, or the identity of this "
    "machine) and its roles on the container.",
}
_NEEDED = {
    ("s3", "write"): "Writing needs s3:PutObject.",
    ("s3", "read"): "Reading needs s3:GetObject and, to tell that an object is missing, s3:ListBucket.",
    ("s3", "list"): "Listing needs s3:ListBucket.",
    ("s3", "delete"): "Deleting needs s3:DeleteObject.",
    ("gs", "write"): "Writing needs the role Storage Object User.",
    ("gs", "read"): "Reading needs the role Storage Object Viewer.",
    ("gs", "list"): "Listing needs the role Storage Object Viewer.",
    ("gs", "delete"): "Deleting needs the role Storage Object User.",
    ("azure", "write"): "Writing needs the role Storage Blob Data Contributor.",
    ("azure", "read"): "Reading needs the role Storage Blob Data Reader.",
    ("azure", "list"): "Listing needs the role Storage Blob Data Reader.",
    ("azure", "delete"): "Deleting needs the role Storage Blob Data Contributor.",
}
_ENDPOINT = {"s3": "METAFLOW_S3_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST"}
_ROOT = "--datastore-root or METAFLOW_DATASTORE_SYSROOT_{}"
_CONTAINER = {"s3": "bucket", "gs": "bucket", "azure": "container"}

_BUCKET_CODES = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "UserProjectMissing"}
_EXPIRED_CODES = {"ExpiredToken", "TokenRefreshRequired", "RequestExpired", "ExpiredTokenException"}
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_WRONG_CODES = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "InvalidSecurity",
    "AuthFailure",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "InvalidAuthenticationInfo",
    "AuthenticationRequired",
}
_REGION_CODES = {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
#: Answers of servers that are busy, to be tried again like a lost connection; obstore does not.
_PASSING_CODES = {"RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "LeaseIdMissing"}
_BUSY_STATUSES = {408, 429, 500, 502, 503, 504}


class Failure(NamedTuple):
    """What an error of obstore says.

    Attributes
    ----------
    type : str
        Name of its class.
    status : int or None
        HTTP status of the server's answer, if one came.
    code, message : str
        The server's own words for it; empty if it gave none.
    retries : int
        How often obstore had tried again before.
    text : str
        The error's text, without addresses.
    dump : str
        Its inner structure, to search in.
    """

    type: str
    status: int | None
    code: str
    message: str
    retries: int
    text: str
    dump: str

    @property
    def object_missing(self) -> bool:
        """There is no such object, as far as the server says."""
        return self.type == "FileNotFoundError" and not self.bucket_missing

    @property
    def bucket_missing(self) -> bool:
        """There is no such bucket."""
        return self.code in _BUCKET_CODES

    @property
    def object_exists(self) -> bool:
        """A condition kept the request from replacing an object."""
        return self.type in ("AlreadyExistsError", "PreconditionError") and not self.passing

    @property
    def elsewhere(self) -> bool:
        """The bucket is in another region than the one that was asked."""
        if self.code == "AuthorizationHeaderMalformed":
            return "region" in self.message
        return self.code in _REGION_CODES or "incorrectly configured region" in self.text

    @property
    def disconnected(self) -> bool:
        """No answer came, or not all of it: the server may have done what was asked."""
        return self.status is None and not self.code and "HTTP error" in self.text

    @property
    def passing(self) -> bool:
        """Trying again can help, and obstore has not done so."""
        return self.code in _PASSING_CODES or (self.disconnected and not self.retries)


def examine(error: BaseException) -> Failure:
    """Take an error of obstore apart."""
    shown, _, dump = str(error).partition(_DUMP)
    status = re.search(r"status code: (\d{3})", shown)
    code = re.search(r"<Code>\s*([\w.]+)\s*</Code>|\(code: (\w+)\)|\"(?:code|reason)\": ?\"(\w+)\"", shown)
    message = re.search(r"<Message>(.*?)(?:\n|</Message>)", shown, re.DOTALL)
    retries = re.search(r"after (\d+) retries", shown)
    return Failure(
        type(error).__name__,
        int(status[1]) if status else None,
        next(filter(None, code.groups()), "") if code else "",
        message[1].strip() if message else "",
        int(retries[1]) if retries else 0,
        _without_addresses(shown),
        dump,
    )


def region_in(error: BaseException) -> str | None:
    """Region of the bucket, if the server's answer names it."""
    found = re.search(r"<Region>([\w-]+)</Region>|expecting '([\w-]+)'", str(error))
    return (found[1] or found[2]) if found else None


def reason_of(failure: Failure) -> str:
    """Say what went wrong without saying in which request."""
    last = failure.text.strip().rpartition(" - ")[2].rpartition("credential provider: ")[2]
    return re.sub(r"^Generic \w+ error: ", "", last).rstrip(".:\n ") or failure.type


def explain(failure: Failure, action: str, place: str) -> DataException:
    """Build the error for a person.

    Parameters
    ----------
    failure : Failure
    action : str
        What was attempted: ``read``, ``write``, ``list`` or ``delete``.
    place : str
        What it was attempted on, as a URL with the kind of store as its scheme.

    Returns
    -------
    DataException
        To be raised in place of obstore's.
    """
    kind = place.partition("://")[0]
    make, reason, remedy = _cause(failure, action, kind, place.split("/")[2])
    told = ": ".join(filter(None, (failure.code, failure.message.rstrip("."))))
    reason += f" ({told})" if told else ""
    return make(f"Cannot {action} {place}: {reason}. {remedy}")


def out_of_reach(failure: Failure, kind: str) -> bool:
    """Say whether the server of a ``s3``, ``gs`` or ``azure`` store gave no answer, or had no time for one."""
    return _cause(failure, "read", kind, "")[0] is StoreUnavailable


def _cause(failure: Failure, action: str, kind: str, bucket: str) -> tuple[type[DataException], str, str]:
    container = _CONTAINER.get(kind, "bucket")
    root = _ROOT.format(kind.upper())
    if failure.bucket_missing or (failure.object_missing and action in ("write", "list")):
        return BucketMissing, f"there is no {container} {bucket}", f"Create it, or name another one with {root}."
    if failure.elsewhere:
        return DataException, f"the {container} {bucket} is in another region", "Set AWS_REGION to the bucket's region."
    if failure.code in _CLOCK_CODES or "Request date header too old" in failure.message:
        return AccessDenied, "the clock of this machine is off", "Set it right, for instance with NTP, and try again."
    if failure.code in _EXPIRED_CODES:
        remedy = "Log in again (for instance `aws sso login`), or renew AWS_SESSION_TOKEN and its keys."
        return AccessDenied, "the credentials have expired", remedy if kind == "s3" else _ACCESS[kind]
    if failure.code in _WRONG_CODES or failure.status == 401:
        return AccessDenied, "the credentials are not right", _ACCESS[kind]
    if failure.type == "UnauthenticatedError" or _is_about_credentials(failure):
        return AccessDenied, f"no credentials could be had: {reason_of(failure)}", _ACCESS[kind]
    if failure.status == 403 or failure.type == "PermissionDeniedError" or failure.code == "AccessDenied":
        return AccessDenied, "access is denied", f"{_NEEDED[kind, action]} {_ACCESS[kind]}"
    return _failed_connection(failure, kind) or (DataException, reason_of(failure), _ACCESS_OR_ENDPOINT[kind])


_ACCESS_OR_ENDPOINT = {
    "s3": "Check the address of the server (METAFLOW_S3_ENDPOINT_URL) and the datastore's root.",
    "gs": "Check the datastore's root.",
    "azure": "Check the account's address (METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT) and the datastore's root.",
}


def _failed_connection(failure: Failure, kind: str) -> tuple[type[DataException], str, str] | None:
    """Tell why no (good) answer came, if that is what happened."""
    address = _ENDPOINT.get(kind, "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT")
    tries = f", also after {failure.retries} retries" if failure.retries else ""
    if failure.status in _BUSY_STATUSES:
        busy = failure.status in (429, 503)
        reason = "the server has too much to do" if busy else f"the server failed with status {failure.status}"
        remedy = "Try again later, with fewer transfers at a time (METAFLOW_S3_WORKER_COUNT) or more patience "
        return StoreUnavailable, reason + tries, remedy + "(METAFLOW_S3_RETRY_COUNT)."
    dump = failure.dump
    if "dns error" in dump:
        return StoreUnavailable, "its server's name is not known" + tries, f"Check {address} and the network's DNS."
    if "InvalidCertificate" in dump:
        remedy = "Name the file of the authority's certificate with METAFLOW_S3_VERIFY_CERTIFICATE or AWS_CA_BUNDLE."
        if kind != "s3":
            remedy = "Add the authority's certificate to those of the system, or name its file with SSL_CERT_FILE."
        why = re.search(r"InvalidCertificate\(\s*(\w+)", dump)
        return StoreUnavailable, f"the server's certificate is not trusted ({why[1] if why else 'invalid'})", remedy
    if "InvalidMessage" in dump:
        return StoreUnavailable, "the server does not speak TLS", f"Check {address}: http:// or https://?"
    if "ConnectionRefused" in dump:
        return StoreUnavailable, "the server refuses connections" + tries, f"Check that it runs, and {address}."
    if "TimedOut" in dump or "kind: Timeout" in dump:
        remedy = f"Check the network, proxies and {address}; METAFLOW_S3_READ_TIMEOUT sets how long is waited."
        return StoreUnavailable, "the server does not answer" + tries, remedy
    if failure.disconnected:
        return StoreUnavailable, "the connection was lost" + tries, f"Check the network, proxies and {address}."
    return None


def _is_about_credentials(failure: Failure) -> bool:
    words = ("token request", "latest/api/token", "security-credentials", "CredentialProvider", "credential provider")
    return any(word in failure.text for word in words)


def _without_addresses(text: str) -> str:
    """Leave out what may hold a signature or a password: names and queries of addresses."""
    return re.sub(r"(https?://)(?:[^/\s]*@)?([^\s?]*)\?\S*", r"\1\2", re.sub(r"(https?://)[^/\s]*@", r"\1", text))
