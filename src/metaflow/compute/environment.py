"""Which environment variables tasks on other machines get: settings that hold where the run was started, and who runs.

Nothing secret is passed on that a node can have by itself. The token of the metadata service is, as nothing else lets
a task reach it; keys of object stores are not, unless ``METAFLOW_PASS_CREDENTIALS`` says so.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from .. import settings
from ..datastore.location import kind_of, split_location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..runtime.specs import RunSpec

#: Settings that a task and the user's code in it heed, wherever they were set. Those of the machine that the run was
#: started on (directories, caches, what is shown there) stay with it.
SETTINGS = (
    "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT",
    "CLIENT_CACHE_MAX_SIZE",
    "DATASTORE_PATIENCE",
    "DATASTORE_SYSROOT_AZURE",
    "DATASTORE_SYSROOT_GS",
    "DATASTORE_SYSROOT_S3",
    "DATATOOLS_AZUREROOT",
    "DATATOOLS_CLIENT_PARAMS",
    "DATATOOLS_GSROOT",
    "DATATOOLS_S3ROOT",
    "DATATOOLS_SESSION_VARS",
    "DATATOOLS_SUFFIX",
    "DEBUG_S3CLIENT",
    "DEFAULT_SECRETS_BACKEND_TYPE",
    "DEFAULT_SECRETS_ROLE",
    "ENABLED_ARTIFACT_SERIALIZER",
    "INCLUDE_FOREACH_STACK",
    "INIT_SCRIPT",
    "MAXIMUM_FOREACH_VALUE_CHARS",
    "NAMESPACED_EVENTS_PREFIX",
    "S3_CLIENT_RETRY_CONFIG",
    "S3_CONDITIONAL_WRITES",
    "S3_CONNECT_TIMEOUT",
    "S3_ENDPOINT_URL",
    "S3_LOG_TRANSIENT_RETRIES",
    "S3_READ_TIMEOUT",
    "S3_RETRY_COUNT",
    "S3_SERVER_SIDE_ENCRYPTION",
    "S3_TRANSIENT_RETRY_COUNT",
    "S3_VERIFY_CERTIFICATE",
    "S3_WORKER_COUNT",
    "SKIP_INSTALL_DEPENDENCIES",
    "SKIP_UNPICKLABLE_ARTIFACTS",
    "UI_URL",
    "USER_NAMESPACE",
)
#: Settings for the metadata service, with the token: of no use to a run without one, and whoever may look at a job in
#: the engine can read them.
_SERVICE_SETTINGS = ("SERVICE_AUTH_KEY", "SERVICE_HEADERS", "SERVICE_RETRY_COUNT", "SERVICE_VERSION_CHECK")
#: Variables that say where an object store is, but give no access to it, by its kind.
_ADDRESSES = {
    "s3": ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    "azure": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
    "gs": ("STORAGE_EMULATOR_HOST",),
}
#: Variables that give access, by kind.
_KEYS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "azure": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
    ),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
}
#: Options of `metaflow.S3` that give access, which are in settings that hold other options too.
_KEY_OPTIONS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def node_variables(run: RunSpec, engine: str) -> dict[str, str]:
    """Environment variables of the tasks of a run, beside those that tell them what to do.

    Parameters
    ----------
    run : RunSpec
    engine : str
        Name of the backend in the registry.

    Raises
    ------
    MetaflowException
        If a setting cannot be read.
    """
    kind = kind_of(run.datastore) if run.datastore else "local"
    found = {
        "METAFLOW_USER": run.user,
        "METAFLOW_RUNTIME_ENVIRONMENT": engine,
        "METAFLOW_DEFAULT_DATASTORE": kind,
        **dict(_given_settings((*SETTINGS, *_SERVICE_SETTINGS) if run.service else SETTINGS)),
        **_values(_ADDRESSES.get(kind, ())),
    }
    if kind in _ADDRESSES:
        bucket, prefix = split_location(run.datastore)
        root = f"{bucket}/{prefix}".rstrip("/")
        found[f"METAFLOW_DATASTORE_SYSROOT_{kind.upper()}"] = root if kind == "azure" else f"{kind}://{root}"
    if settings.get("PASS_CREDENTIALS"):
        found.update(_values(_KEYS.get(kind, ())))
    if run.service:
        found["METAFLOW_DEFAULT_METADATA"] = "service"
        found["METAFLOW_SERVICE_URL"] = settings.get("SERVICE_INTERNAL_URL") or run.service
    script = settings.get("KUBERNETES_SANDBOX_INIT_SCRIPT") if engine == "kubernetes" else None
    if script:
        found["METAFLOW_INIT_SCRIPT"] = script
    return found


def _given_settings(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        value, source = settings.resolve(name)
        if source != "default" and value is not None:
            if isinstance(value, dict) and not settings.get("PASS_CREDENTIALS"):
                value = {option: each for option, each in value.items() if option not in _KEY_OPTIONS}
            is_text = isinstance(value, str)
            yield settings.PREFIX + name, value if is_text else json.dumps(value, separators=(",", ":"))


def _values(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if os.environ.get(name)}
