"""What goes wrong with AWS, in our words."""

from __future__ import annotations

from typing import Any

from metaflow.compute.backend import EngineUnavailable, JobRefused
from metaflow.exception import MetaflowException

_THROTTLED = ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_SUBMITTING = ("submit_job", "register_job_definition")


class BatchAccessDenied(MetaflowException):
    """There are no credentials for AWS, or they do not allow what was asked."""

    headline = "No access to AWS Batch"


class NotConfirmed(EngineUnavailable):
    """A request was sent, and the connection broke before its answer came."""


def translated(operation: str, error: Exception) -> MetaflowException:
    """The error to raise for one of botocore's.

    Parameters
    ----------
    operation : str
        Name of the method of boto3's client.
    error : botocore.exceptions.BotoCoreError or botocore.exceptions.ClientError
    """
    from botocore import exceptions as boto  # type: ignore[import-untyped]

    if isinstance(error, boto.ClientError):
        return _refusal(operation, error.response)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return BatchAccessDenied(
            f"There are no credentials for AWS Batch: {error}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose "
            "a profile with AWS_PROFILE, or run `aws configure` or `aws sso login`."
        )
    if isinstance(error, (boto.NoRegionError, boto.ProfileNotFound)):
        return BatchAccessDenied(f"{error} Set AWS_DEFAULT_REGION or AWS_PROFILE, or run `aws configure`.")
    if isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)):
        return EngineUnavailable(f"AWS cannot be reached: {error}")
    if isinstance(error, (boto.HTTPClientError, boto.IncompleteReadError)):
        return NotConfirmed(f"AWS did not answer {operation}: {error}")
    kind = JobRefused if operation in _SUBMITTING else MetaflowException
    return kind(f"AWS cannot be asked for {operation}: {error}")


def _refusal(operation: str, response: Any) -> MetaflowException:
    told = response.get("Error", {})
    code, text = told.get("Code", ""), told.get("Message") or "no reason was given"
    answer = response.get("ResponseMetadata", {})
    status = answer.get("HTTPStatusCode", 0)
    if code in _THROTTLED or status == 429:
        return EngineUnavailable(f"AWS wants fewer requests: {text}", _retry_after(answer))
    if code in _EXPIRED:
        return EngineUnavailable(f"The AWS credentials have expired: {text}. Renew them, as with `aws sso login`.")
    if status >= 500:
        unclear = NotConfirmed if operation == "submit_job" else EngineUnavailable
        return unclear(f"AWS has trouble of its own: {text} ({code})", _retry_after(answer))
    if status in (401, 403) or code == "AccessDeniedException":
        return BatchAccessDenied(
            f"AWS refuses {operation}: {text}. The user or role that runs the flow needs the permission for it; see "
            "the list in the documentation of @batch."
        )
    if operation in _SUBMITTING:
        return JobRefused(f"AWS Batch does not take the job: {text}")
    return MetaflowException(f"AWS refuses {operation}: {text} ({code})")


def _retry_after(answer: Any) -> float | None:
    try:
        return float(answer.get("HTTPHeaders", {})["retry-after"])
    except (KeyError, ValueError):
        return None
