"""Typed settings: environment variable, then project file, then profile file, then default.

A setting ``X`` is looked up as the environment variable ``METAFLOW_X``; then in ``config.json`` of the nearest
``.metaflow`` directory; then in ``$METAFLOW_HOME/config.json`` (``config_<profile>.json`` when ``METAFLOW_PROFILE``
names a profile); then it has its default. Keys in files carry the ``METAFLOW_`` prefix.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "METAFLOW_"


class Setting(NamedTuple):
    """One setting.

    Attributes
    ----------
    default : object
        Its type is the setting's type; ``str`` when None.
    doc : str
        What it is for.
    secret : bool or None
        Whether its value must not be shown; None to tell by the words in its name.
    """

    default: Any
    doc: str
    secret: bool | None = None


#: Every setting by its name without the prefix.
SETTINGS: dict[str, Setting] = {
    "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": Setting(
        None, "address of the Azure storage account, such as https://ACCOUNT.blob.core.windows.net"
    ),
    "AZURE_STORAGE_WORKLOAD_TYPE": Setting(
        "general", "accepted for configurations that have it: transfers are parallel in any case"
    ),
    "BATCH_CONTAINER_IMAGE": Setting(None, "image of tasks on AWS Batch, instead of DEFAULT_CONTAINER_IMAGE"),
    "BATCH_CONTAINER_REGISTRY": Setting(
        None, "registry of images on AWS Batch that name none, instead of DEFAULT_CONTAINER_REGISTRY"
    ),
    "BATCH_DEFAULT_TAGS": Setting({}, "tags of all jobs on AWS Batch, a mapping"),
    "BATCH_EMIT_TAGS": Setting(False, "whether jobs on AWS Batch are tagged with their flow, run, step, task and user"),
    "BATCH_JOB_QUEUE": Setting(None, "job queue of AWS Batch; the first that accepts jobs if not given"),
    "CARD_NO_WARNING": Setting(False, "whether a step is not told when what it does with current.card has no effect"),
    "CLIENT_CACHE_MAX_SIZE": Setting(10000, "size of the cache of what was read from other machines, in megabytes"),
    "CLIENT_CACHE_PATH": Setting(None, "directory of that cache; the user's cache directory if not given"),
    "CODE_PACKAGE_MAX_SIZE": Setting(1000, "size above which a code package is refused, in megabytes"),
    "CONTACT_INFO": Setting({}, "where to ask for help, shown by `metaflow`: addresses and what each is"),
    "DATASTORE_PATIENCE": Setting(
        0.0,
        "seconds that a datastore out of reach is waited for, beyond S3_RETRY_COUNT; if not given, tasks on other "
        "machines wait for as many as REMOTE_SILENCE_LIMIT",
    ),
    "DATASTORE_SYSROOT_AZURE": Setting(None, "root of the datastore in Azure: CONTAINER/PREFIX"),
    "DATASTORE_SYSROOT_GS": Setting(None, "root of the datastore in Google Cloud Storage: gs://BUCKET/PREFIX"),
    "DATASTORE_SYSROOT_LOCAL": Setting(None, "directory that contains the .metaflow folder to use"),
    "DATASTORE_SYSROOT_S3": Setting(None, "root of the datastore in S3: s3://BUCKET/PREFIX"),
    "DATASTORE_SYSROOT_SPIN": Setting(None, "directory that contains the .metaflow_spin folder to use"),
    "DATATOOLS_AZUREROOT": Setting(None, "where Azure(run=...) keeps files; DATASTORE_SYSROOT_AZURE/data if not given"),
    "DATATOOLS_CLIENT_PARAMS": Setting({}, "options of S3 clients, as boto3.client() takes them"),
    "DATATOOLS_GSROOT": Setting(None, "where GS(run=...) keeps files; DATASTORE_SYSROOT_GS/data if not given"),
    "DATATOOLS_LOCALROOT": Setting(None, "where Local(run=...) keeps files; data in the .metaflow folder if not given"),
    "DATATOOLS_S3ROOT": Setting(None, "where S3(run=...) keeps files; DATASTORE_SYSROOT_S3/data if not given"),
    "DATATOOLS_SESSION_VARS": Setting({}, "options of the session of S3 clients, as boto3.Session() takes them"),
    "DATATOOLS_SUFFIX": Setting("data", "name of the folder for the files of S3(run=...) in a datastore's root"),
    "DEBUG_S3CLIENT": Setting(False, "whether S3() leaves its temporary files where they are"),
    "DEFAULT_CONTAINER_IMAGE": Setting(None, "image of steps that run in containers; python:X.Y if not given"),
    "DEFAULT_CONTAINER_REGISTRY": Setting(None, "registry of images that do not name one"),
    "DEFAULT_DATASTORE": Setting("local", "kind of store for artifacts when --datastore is not given"),
    "DEFAULT_METADATA": Setting("local", "kind of store for records when --metadata is not given"),
    "DEFAULT_ENVIRONMENT": Setting("local", "how tasks get their packages when --environment is not given"),
    "DEFAULT_FROM_DEPLOYMENT_IMPL": Setting("argo-workflows", "where DeployedFlow looks for what was deployed"),
    "DEFAULT_DECOSPECS": Setting("", "decorators added to every step, separated by spaces"),
    "DEFAULT_PACKAGE_SUFFIXES": Setting(".py,.R,.RDS", "suffixes of the files that go into code packages"),
    "DEFAULT_RUNTIME_LIMIT": Setting(432000, "seconds that a task on an engine may run if no @timeout says so"),
    "DEFAULT_SECRETS_BACKEND_TYPE": Setting(
        None, "back end of @secrets for sources that do not name one", secret=False
    ),
    "DEFAULT_SECRETS_ROLE": Setting(
        None, "role with which @secrets fetches from sources that do not name one", secret=False
    ),
    "ECS_FARGATE_EXECUTION_ROLE": Setting(
        None, "ARN of the role with which AWS Batch fetches images and writes logs; Fargate needs one"
    ),
    "ECS_S3_ACCESS_IAM_ROLE": Setting(None, "ARN of the role that tasks on AWS Batch have, which reads and writes S3"),
    "ENABLED_ARTIFACT_SERIALIZER": Setting(
        [], "serializers that may be used, a list of their types; all if empty. One with a leading - may not"
    ),
    "ENABLED_CMD": Setting([], "commands of `metaflow` that may be used, a list of names; all if empty"),
    "FEAT_ALWAYS_UPLOAD_CODE_PACKAGE": Setting(False, "make and keep a code package also of runs on this machine"),
    "GC_KEEP_LAST": Setting(0, "how many of the newest runs of each flow `metaflow gc` keeps; 0 for no such rule"),
    "GC_KEEP_TAGS": Setting(["keep", "pinned", "production"], "tags of runs that `metaflow gc` keeps, a list"),
    "GC_OLDER_THAN": Setting(
        None, "age from which on `metaflow gc` deletes runs, such as 90d; no such rule if not given"
    ),
    "GC_STATUS": Setting([], "how runs ended that `metaflow gc` deletes (done, failed, stopped), a list; any if empty"),
    "GS_STORAGE_WORKLOAD_TYPE": Setting(
        "general", "accepted for configurations that have it: transfers are parallel in any case"
    ),
    "INCLUDE_FOREACH_STACK": Setting(True, "record a short text of every foreach element with its task"),
    "INIT_SCRIPT": Setting(None, "shell commands that a task on another machine runs before anything else"),
    "KUBERNETES_ANNOTATIONS": Setting(
        "", "annotations of all objects that @kubernetes makes: key=value,key=value, or a JSON object"
    ),
    "KUBERNETES_CONDA_ARCH": Setting(None, "architecture of the cluster's nodes, for which packages are resolved"),
    "KUBERNETES_CONTAINER_IMAGE": Setting(
        None, "image of steps with @kubernetes; DEFAULT_CONTAINER_IMAGE if not given"
    ),
    "KUBERNETES_CONTAINER_REGISTRY": Setting(
        None, "registry of images that do not name one; DEFAULT_CONTAINER_REGISTRY if not given"
    ),
    "KUBERNETES_CONTEXT": Setting(None, "context of the kubeconfig file to use; its current one if not given"),
    "KUBERNETES_CPU": Setting(None, "processor cores of steps that do not say how many they need"),
    "KUBERNETES_DISK": Setting(None, "disk space of steps that do not say how much they need, in megabytes"),
    "KUBERNETES_FETCH_EC2_METADATA": Setting(
        False, "whether the cluster's nodes are EC2 instances, of which tasks record facts and watch for spot notices"
    ),
    "KUBERNETES_GPU_VENDOR": Setting("nvidia", "vendor of graphics processors: nvidia or amd"),
    "KUBERNETES_IMAGE_PULL_POLICY": Setting(None, "when images are pulled: Always, IfNotPresent or Never"),
    "KUBERNETES_IMAGE_PULL_SECRETS": Setting(
        "", "Kubernetes Secrets for pulling images: names with commas between, or a JSON list", secret=False
    ),
    "KUBERNETES_JOBSET_GROUP": Setting("jobset.x-k8s.io", "API group of JobSets, as which @parallel steps run"),
    "KUBERNETES_JOBSET_VERSION": Setting("v1alpha2", "API version of JobSets"),
    "KUBERNETES_JOB_TERMINATE_MODE": Setting(
        "stop", "what cancelling does to a job: stop (end its pods, keep it to be looked at) or delete"
    ),
    "KUBERNETES_JOB_TTL_SECONDS_AFTER_FINISHED": Setting(
        604800, "how long the cluster keeps jobs that have ended, in seconds"
    ),
    "KUBERNETES_LABELS": Setting("", "labels of all objects that @kubernetes makes: key=value,key=value, or JSON"),
    "KUBERNETES_MEMORY": Setting(None, "memory of steps that do not say how much they need, in megabytes"),
    "KUBERNETES_NAMESPACE": Setting("default", "Kubernetes namespace that jobs run in"),
    "KUBERNETES_NODE_SELECTOR": Setting("", "labels that nodes must have: key=value,key=value, or a JSON object"),
    "KUBERNETES_PENDING_LIMIT": Setting(
        600.0,
        "seconds until a task is given up that cannot start as it is: its image cannot be pulled, a Secret is missing, "
        "no node is large enough",
    ),
    "KUBERNETES_PERSISTENT_VOLUME_CLAIMS": Setting(
        "", "volumes of all steps with @kubernetes: a JSON object of claims and where each is mounted"
    ),
    "KUBERNETES_PORT": Setting(None, "port that containers of @kubernetes open"),
    "KUBERNETES_QOS": Setting("burstable", "quality of service of pods: burstable or guaranteed"),
    "KUBERNETES_SANDBOX_INIT_SCRIPT": Setting(None, "what INIT_SCRIPT is to containers of @kubernetes"),
    "KUBERNETES_SECRETS": Setting(
        "", "Kubernetes Secrets whose keys become environment variables: names with commas between", secret=False
    ),
    "KUBERNETES_SERVICE_ACCOUNT": Setting(None, "service account of pods; the namespace's default one if not given"),
    "KUBERNETES_SHARED_MEMORY": Setting(None, "size of /dev/shm of steps that do not give one, in mebibytes"),
    "KUBERNETES_TOLERATIONS": Setting("", "taints of nodes that pods tolerate: a JSON list of tolerations"),
    "MAXIMUM_FOREACH_VALUE_CHARS": Setting(30, "length, in characters, at which that text is cut"),
    "MAX_REMOTE_TASKS": Setting(
        1000, "how many tasks of a step may be on a compute engine at a time, if its decorator does not say"
    ),
    "NAMESPACED_EVENTS_PREFIX": Setting("mfns", "first part of the names that namespaced_event_name gives"),
    "NODE_PLATFORM": Setting(
        None, "what nodes are that run tasks, such as linux-aarch64; as this machine, if not given, but Linux"
    ),
    "NODE_PYTHON": Setting(None, "version of Python on nodes, such as 3.12; that of this process if not given"),
    "PASS_CREDENTIALS": Setting(
        False, "whether tasks on other machines get the keys of the object store from your environment", secret=False
    ),
    "RAY_ADDRESS": Setting(None, "address of the dashboard of the Ray cluster for @ray_step, such as http://HOST:8265"),
    "RAY_UNSCHEDULABLE_SECONDS": Setting(
        300.0, "how long @ray_step waits for nodes to be added if no node of the cluster is large enough, in seconds"
    ),
    "REMOTE_SILENCE_LIMIT": Setting(
        1800.0, "seconds without a sign of life of their run after which tasks on other machines end themselves"
    ),
    "S3_CLIENT_RETRY_CONFIG": Setting(
        {}, "retries as boto3 has them: its `max_attempts`, less one, is used instead of S3_RETRY_COUNT"
    ),
    "S3_CONDITIONAL_WRITES": Setting(
        True,
        "whether the S3 server heeds If-None-Match; if false, it is asked what is there before writing",
    ),
    "S3_CONNECT_TIMEOUT": Setting(5.0, "seconds that connecting to an object store may take"),
    "S3_ENDPOINT_URL": Setting(None, "address of an S3-compatible server to use instead of AWS"),
    "S3_READ_TIMEOUT": Setting(
        30.0, "seconds that an object store may be silent; ten times as long where a large object is being sent"
    ),
    "S3_LOG_TRANSIENT_RETRIES": Setting(False, "whether S3() says so when it tries something again"),
    "S3_RETRY_COUNT": Setting(7, "how often a request to an object store is tried again"),
    "S3_SERVER_SIDE_ENCRYPTION": Setting(
        None, "how S3 encrypts what is stored: AES256, aws:kms, or aws:kms:KEY with the id of a key"
    ),
    "S3_TEST_RETRYABLE_FAILURES": Setting(0, "percentage of the requests of S3() that are made to fail, for tests"),
    "S3_TRANSIENT_RETRY_COUNT": Setting(20, "how often S3() goes on trying when the server stays too busy"),
    "S3_VERIFY_CERTIFICATE": Setting(
        None, "file with the certificates that the S3 server is checked against; false to check nothing"
    ),
    "S3_WORKER_COUNT": Setting(64, "how many objects are moved at a time"),
    "SERVER_CORS_ORIGINS": Setting([], "addresses of web pages that may use `metaflow server` from a browser"),
    "SERVER_DATABASE": Setting(
        None, "database of `metaflow server`: the path of a SQLite file, or postgresql://USER@HOST/NAME", secret=True
    ),
    "SERVER_DATABASE_CONNECTIONS": Setting(
        20, "how many connections to PostgreSQL `metaflow server` has at most", secret=False
    ),
    "SERVER_DATASTORES": Setting(
        [],
        "datastores that `metaflow server` may read for its web app, a list of directories and addresses, or of what "
        "these begin with; if empty, those that the other settings name",
    ),
    "SERVER_EVENT_DAYS": Setting(7, "how long `metaflow server` keeps events for listeners that were away, in days"),
    "SERVER_HOST": Setting("127.0.0.1", "address on which `metaflow server` listens"),
    "SERVER_LISTENERS": Setting(5000, "how many listeners to live events `metaflow server` accepts"),
    "SERVER_LOG_FORMAT": Setting("text", "how `metaflow server` writes its log: text or json"),
    "SERVER_LOG_LEVEL": Setting("info", "what `metaflow server` logs: debug, info (each request), warning or error"),
    "SERVER_MAX_BODY": Setting(16, "largest body of a request that `metaflow server` accepts, in megabytes"),
    "SERVER_PORT": Setting(8080, "port on which `metaflow server` listens; 0 for any that is free"),
    "SERVER_READ_ONLY": Setting(False, "whether `metaflow server` refuses all writes"),
    "SERVER_REQUESTS_AT_ONCE": Setting(500, "how many requests of one client `metaflow server` serves at a time"),
    "SERVER_REQUESTS_PER_SECOND": Setting(1000, "how many requests a second it takes from one client; 0 for any"),
    "SERVER_TOKENS": Setting(
        None, "tokens that `metaflow server` accepts: NAME:read|write:TOKEN, separated by spaces", secret=True
    ),
    "SERVER_TOKENS_FILE": Setting(None, "file with tokens that `metaflow server` accepts, one a line", secret=False),
    "SERVICE_AUTH_KEY": Setting(None, "token for the metadata service"),
    "SERVICE_HEADERS": Setting({}, "further headers of requests to the metadata service"),
    "SERVICE_INTERNAL_URL": Setting(None, "address of the metadata service for tasks on other machines"),
    "SERVICE_RETRY_COUNT": Setting(5, "how often a request to the metadata service is tried again"),
    "SERVICE_URL": Setting(None, "address of the metadata service"),
    "SERVICE_VERSION_CHECK": Setting(True, "whether a metadata service of another version is refused"),
    "SKIP_INSTALL_DEPENDENCIES": Setting(
        False, "whether nodes that are not what was expected leave it at that, instead of installing with pip"
    ),
    "SKIP_UNPICKLABLE_ARTIFACTS": Setting(
        False, "whether an artifact that cannot be pickled is left out, with a warning, instead of failing its task"
    ),
    "SLURM_ADDRESS": Setting(None, "login node of the Slurm cluster for @slurm; this machine if not given"),
    "SLURM_CERT_FILE": Setting(None, "file with the certificate of the SSH key for that node"),
    "SLURM_CLEANUP": Setting(False, "whether files of jobs of @slurm are removed when a run is over"),
    "SLURM_PATH_TO_PYTHON3": Setting(None, "Python interpreter on the nodes of the Slurm cluster"),
    "SLURM_REMOTE_WORKDIR": Setting("~/metaflow", "directory for files of jobs of @slurm, which all nodes share"),
    "SLURM_SSH_KEY_FILE": Setting(None, "file with the SSH key for the login node of the Slurm cluster"),
    "SLURM_USERNAME": Setting(None, "user name on the login node of the Slurm cluster"),
    "SPIN_ALLOWED_DECORATORS": Setting(
        [
            "card",
            "conda",
            "conda_base",
            "conda_env_internal",
            "environment",
            "project",
            "pypi",
            "pypi_base",
            "secrets",
            "timeout",
        ],
        "built-in decorators that `spin` heeds; it leaves the others out, with a warning",
    ),
    "SPIN_DISALLOWED_DECORATORS": Setting(
        [
            "deepspeed",
            "metaflow_ray",
            "mpi",
            "parallel",
            "pytorch_parallel",
            "ray_parallel",
            "tensorflow",
            "torchrun",
        ],
        "decorators whose steps `spin` refuses",
    ),
    "SPIN_PERSIST": Setting(False, "whether `spin` keeps artifacts when neither --persist nor --no-persist is given"),
    "START_METHOD": Setting("auto", "how a task's process starts: auto, fork or spawn"),
    "TEMPDIR": Setting(".", "directory that current.tempdir names"),
    "TEST_S3_RETRY": Setting(False, "whether the first try of everything that S3() does is made to fail, for tests"),
    "TOGGLE_CMD": Setting([], "commands of `metaflow` to add (`+name`) or to take away (`-name`)"),
    "UI_URL": Setting(None, "address of the web app, shown when a run starts"),
    "USER": Setting(None, "your name, instead of the one that the system knows"),
    "USER_NAMESPACE": Setting(None, "namespace that runs belong to, unless their flow is decorated with @namespace"),
}

#: Variables that are looked up in the environment only, by their name without the prefix.
ENVIRONMENT_ONLY: dict[str, Setting] = {
    "HOME": Setting("~/.metaflowconfig", "directory of the profile files"),
    "OWNER": Setting(None, "name in the branch user.<name> of a @project, instead of your own"),
    "PROFILE": Setting(None, "profile to use: the file config_<profile>.json instead of config.json"),
    "PRODUCTION_TOKEN": Setting(None, "token of a deployed flow, whose runs then are those of production:<token>"),
    "RUNTIME_NAME": Setting("dev", "what runs the flow, recorded as the tag runtime:<name>"),
}

#: Parts of a name by which a value is taken for a secret.
_SECRET_WORDS = ("AUTH_KEY", "API_KEY", "ACCESS_KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "HEADERS")


class Resolved(NamedTuple):
    """Value of a setting, and where it came from."""

    value: Any
    source: str


def get(name: str) -> Any:
    """Value of the setting `name` (without prefix).

    Raises
    ------
    MetaflowException
        If its text cannot be read as the setting's type, or a configuration file is unreadable.
    """
    return resolve(name).value


def resolve(name: str) -> Resolved:
    """Like :func:`get`, and tells where the value comes from."""
    setting = SETTINGS[name]
    key = PREFIX + name
    if key in os.environ:
        return Resolved(_cast(key, os.environ[key], setting.default, "the environment"), "environment")
    for path in files():
        if key in (content := read_file(path)):
            return Resolved(_cast(key, content[key], setting.default, path), path)
    return Resolved(setting.default, "default")


def _cast(key: str, value: Any, default: Any, source: str) -> Any:
    """`value` as the type of `default`."""
    try:
        if isinstance(default, bool):
            return value if isinstance(value, bool) else str(value).lower() not in ("0", "false", "")
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float):
            return float(value)
        if isinstance(default, (dict, list)):
            return _structure(value, type(default))
    except (TypeError, ValueError) as error:
        shown = "a secret" if is_secret(key.removeprefix(PREFIX)) else repr(value)
        expected = "JSON of type " if isinstance(default, (dict, list)) else "of type "
        raise MetaflowException(
            f"{key} from {source} should be {expected}{type(default).__name__}, but it is {shown}."
        ) from error
    return value if value is None else str(value)


def _structure(value: Any, kind: type) -> Any:
    import json

    parsed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(parsed, kind):
        raise TypeError
    return parsed


def is_secret(name: str) -> bool:
    """Tell whether the value of the setting or variable `name` (without prefix) must not be shown."""
    known = SETTINGS.get(name) or ENVIRONMENT_ONLY.get(name)
    if known is not None and known.secret is not None:
        return known.secret
    return any(word in name.upper() for word in _SECRET_WORDS)


def files() -> list[str]:
    """Configuration files that are consulted, the first one first.

    Raises
    ------
    MetaflowException
        If ``METAFLOW_PROFILE`` names a profile that does not exist.
    """
    return [path for path in (_project_file(), _profile_file()) if path is not None]


def profile_path(profile: str | None) -> str:
    """Where the file of a profile is, or would be.

    Parameters
    ----------
    profile : str or None
        Name of the profile; the unnamed one if None or empty.

    Raises
    ------
    MetaflowException
        If that cannot be the name of a profile.
    """
    home = os.path.expanduser(os.environ.get(PREFIX + "HOME") or "~/.metaflowconfig")
    if not profile:
        return os.path.join(home, "config.json")
    if os.sep in profile or "\0" in profile:
        raise MetaflowException(f"{profile!r} cannot be the name of a profile: it becomes part of a file's name.")
    return os.path.join(home, f"config_{profile}.json")


def _project_file() -> str | None:
    """``config.json`` in the nearest ``.metaflow`` directory of the working directory or its ancestors."""
    try:
        directory = os.getcwd()
    except FileNotFoundError:  # the working directory was deleted
        return None
    while True:
        if os.path.isdir(os.path.join(directory, ".metaflow")):
            path = os.path.join(directory, ".metaflow", "config.json")
            return path if os.path.isfile(path) else None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def known_profiles() -> str:
    """Say which named profiles exist."""
    beginning, ending = profile_path("*").rsplit("*", 1)
    folder, _, beginning = beginning.rpartition(os.sep)
    try:
        found = [
            name[len(beginning) : -len(ending)]
            for name in sorted(os.listdir(folder))
            if name.startswith(beginning) and name.endswith(ending)
        ]
    except OSError:
        found = []
    return f"Profiles that exist: {', '.join(found)}." if found else "There are no named profiles yet."


def _profile_file() -> str | None:
    profile = os.environ.get(PREFIX + "PROFILE")
    path = profile_path(profile)
    if os.path.isfile(path):
        return path
    if profile:
        raise MetaflowException(
            f"Unable to locate the profile '{profile}': there is no file {path}. "
            f"Unset METAFLOW_PROFILE or create that file with `metaflow configure import`. {known_profiles()}"
        )
    return None


def read_file(path: str) -> Mapping[str, Any]:
    """Content of a configuration file, read again only when the file changed.

    Raises
    ------
    MetaflowException
        If it cannot be read, or is no JSON object.
    """
    import json

    try:
        stat = os.stat(path)
        stamp = (stat.st_mtime_ns, stat.st_size)
        cached = _files.get(path)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise MetaflowException(f"The configuration file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise MetaflowException(f"The configuration file {path} should hold one JSON object.")
    _files[path] = (stamp, content)
    return content


_files: dict[str, tuple[tuple[int, int], Mapping[str, Any]]] = {}
