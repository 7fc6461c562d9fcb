"""What the forms of ``metaflow configure`` ask for: questions, where the answers go, and what a good answer is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


class Field(NamedTuple):
    """A setting that is asked for.

    Attributes
    ----------
    setting : str
        Its name, without prefix.
    question : str
    check : callable
        Says what is wrong with an answer; None if nothing.
    is_required : bool
        Whether there must be an answer.
    default : callable
        What is proposed if there is no value yet, from the answers so far, by setting; None for nothing.
    """

    setting: str
    question: str
    check: Callable[[str], str | None]
    is_required: bool = False
    default: Callable[[dict[str, str]], str | None] = lambda answers: None


class Section(NamedTuple):
    """Settings that belong together, which are asked for if the first question is answered with yes.

    Attributes
    ----------
    question : str
    fields : tuple of Field
    fixed : dict of str to str
        Settings that follow from the answer yes.
    """

    question: str
    fields: tuple[Field, ...]
    fixed: dict[str, str] = {}


class Form(NamedTuple):
    """One of the forms.

    Attributes
    ----------
    title : str
    sections : tuple of Section
    shared_datastore : bool
        Whether it makes sense only with a datastore that other machines can reach.
    """

    title: str
    sections: tuple[Section, ...]
    shared_datastore: bool = False


def anything(answer: str) -> str | None:
    """Accept every text."""
    return None


def url(answer: str) -> str | None:
    """Accept addresses of web services."""
    try:
        parts = urlsplit(answer)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return None if good and not re.search(r"\s", answer) else "It should look like https://host/path."


def bucket(scheme: str) -> Callable[[str], str | None]:
    """Accept ``scheme://bucket/prefix``."""

    def check(answer: str) -> str | None:
        good = re.fullmatch(rf"{scheme}://[a-z0-9][a-z0-9._-]+(/[^/\s]+)*/?", answer)
        return None if good else f"It should look like {scheme}://bucket/prefix."

    return check


def container(answer: str) -> str | None:
    """Accept ``container/prefix``."""
    good = re.fullmatch(r"[a-z0-9][a-z0-9-]{2,62}(/[^/\s]+)*", answer)
    return None if good else "It should look like container/prefix: no address, and no slash at either end."


def arn(answer: str) -> str | None:
    """Accept names of AWS resources."""
    good = re.fullmatch(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:\S+", answer)
    return None if good else "It should look like arn:aws:iam::123456789012:role/name."


def kubernetes_name(answer: str) -> str | None:
    """Accept names of Kubernetes objects."""
    good = len(answer) <= 253 and re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", answer)
    return None if good else "It should have small letters, digits, dashes and dots only."


def kubernetes_names(answer: str) -> str | None:
    """Accept names of Kubernetes objects with commas between them."""
    return next(filter(None, (kubernetes_name(name.strip()) for name in answer.split(","))), None)


def webhook_auth(answer: str) -> str | None:
    """Accept the ways in which events can be authorised."""
    return None if answer in ("none", "service") else "It should be none or service."


def _below(setting: str, name: str) -> Callable[[dict[str, str]], str | None]:
    """Propose a place below another setting's."""

    def default(answers: dict[str, str]) -> str | None:
        root = answers.get(setting)
        return None if not root else f"{root.rstrip('/')}/{name}"

    return default


def _same_as(setting: str) -> Callable[[dict[str, str]], str | None]:
    return lambda answers: answers.get(setting)


def _always(text: str) -> Callable[[dict[str, str]], str | None]:
    return lambda answers: text


_SERVICE = Section(
    "Use a metadata service for the records of runs?",
    (
        Field("SERVICE_URL", "Address of the service", url, True),
        Field("SERVICE_INTERNAL_URL", "Its address from within the cloud", url, False, _same_as("SERVICE_URL")),
        Field("SERVICE_AUTH_KEY", "Its authorisation key", anything),
    ),
    {"DEFAULT_METADATA": "service"},
)

FORMS = {
    "aws": Form(
        "AWS: Amazon S3, the metadata service, AWS Batch and Step Functions",
        (
            Section(
                "Keep results in Amazon S3?",
                (
                    Field("DATASTORE_SYSROOT_S3", "Where to keep results", bucket("s3"), True),
                    Field(
                        "DATATOOLS_S3ROOT",
                        "Where to keep other data (metaflow.S3)",
                        bucket("s3"),
                        False,
                        _below("DATASTORE_SYSROOT_S3", "data"),
                    ),
                ),
                {"DEFAULT_DATASTORE": "s3"},
            ),
            _SERVICE,
            Section(
                "Run steps on AWS Batch?",
                (
                    Field("BATCH_JOB_QUEUE", "Job queue", anything, True),
                    Field("ECS_S3_ACCESS_IAM_ROLE", "Role with which tasks read and write S3", arn, True),
                    Field("BATCH_CONTAINER_REGISTRY", "Registry of container images", anything),
                    Field("BATCH_CONTAINER_IMAGE", "Container image, if a step names none", anything),
                ),
            ),
            Section(
                "Schedule flows on AWS Step Functions?",
                (
                    Field("SFN_IAM_ROLE", "Role of the state machines", arn, True),
                    Field("EVENTS_SFN_ACCESS_IAM_ROLE", "Role with which EventBridge starts them", arn, True),
                    Field("SFN_DYNAMO_DB_TABLE", "DynamoDB table for foreach", anything, True),
                ),
            ),
        ),
    ),
    "azure": Form(
        "Azure: Blob Storage and the metadata service",
        (
            Section(
                "Keep results in Azure Blob Storage?",
                (
                    Field("AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", "Address of the storage account", url, True),
                    Field("DATASTORE_SYSROOT_AZURE", "Where to keep results", container, True),
                ),
                {"DEFAULT_DATASTORE": "azure"},
            ),
            _SERVICE,
        ),
    ),
    "gcp": Form(
        "Google Cloud: Cloud Storage and the metadata service",
        (
            Section(
                "Keep results in Google Cloud Storage?",
                (Field("DATASTORE_SYSROOT_GS", "Where to keep results", bucket("gs"), True),),
                {"DEFAULT_DATASTORE": "gs"},
            ),
            _SERVICE,
        ),
    ),
    "kubernetes": Form(
        "Kubernetes: steps in a cluster, and Argo Events",
        (
            Section(
                "Run steps on Kubernetes?",
                (
                    Field("KUBERNETES_NAMESPACE", "Namespace of the jobs", kubernetes_name, True, _always("default")),
                    Field("KUBERNETES_SERVICE_ACCOUNT", "Service account of the jobs", kubernetes_name),
                    Field("KUBERNETES_CONTAINER_REGISTRY", "Registry of container images", anything),
                    Field("KUBERNETES_CONTAINER_IMAGE", "Container image, if a step names none", anything),
                    Field("KUBERNETES_SECRETS", "Secrets that jobs get, with commas between them", kubernetes_names),
                ),
            ),
            Section(
                "Start flows by Argo Events?",
                (
                    Field("ARGO_EVENTS_SERVICE_ACCOUNT", "Service account of the sensors", kubernetes_name, True),
                    Field("ARGO_EVENTS_EVENT_BUS", "Event bus", kubernetes_name, True, _always("default")),
                    Field("ARGO_EVENTS_EVENT_SOURCE", "Event source", kubernetes_name, True),
                    Field("ARGO_EVENTS_EVENT", "Name of the event", anything, True),
                    Field("ARGO_EVENTS_WEBHOOK_URL", "Address of the webhook", url, True),
                    Field(
                        "ARGO_EVENTS_INTERNAL_WEBHOOK_URL",
                        "Its address from within the cluster",
                        url,
                        False,
                        _same_as("ARGO_EVENTS_WEBHOOK_URL"),
                    ),
                    Field("ARGO_EVENTS_WEBHOOK_AUTH", "How it authorises: none or service", webhook_auth),
                ),
            ),
        ),
        shared_datastore=True,
    ),
}
