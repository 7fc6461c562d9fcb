"""``@batch``: a step whose tasks run on AWS Batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.decorators import attach
from .remote import RemoteDecorator, flag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: AWS Batch ends no job before it has run this long.
SHORTEST_TIMEOUT_SECONDS = 60

LOG_DRIVERS = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")

#: Amounts, with the least that each may be; None where whole numbers are not needed.
_WHOLE_NUMBERS = {
    "gpu": 0,
    "memory": 4,
    "shared_memory": 1,
    "max_swap": 0,
    "swappiness": 0,
    "tmpfs_size": 1,
    "inferentia": 0,
    "trainium": 0,
    "efa": 0,
    "ephemeral_storage": 21,
}
_AT_MOST = {"swappiness": 100, "ephemeral_storage": 200}
_TEXTS = ("image", "queue", "iam_role", "execution_role", "executable", "tmpfs_path")
_FLAGS = ("use_tmpfs", "tmpfs_tempdir", "privileged")


class BatchDecorator(RemoteDecorator):
    """Declaration of ``@batch``."""

    name: ClassVar[str] = "batch"
    backend: ClassVar[str | None] = "batch"
    connection: ClassVar[tuple[str, ...]] = ("queue",)
    needs_object_store: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {
        "cpu": 1,
        "gpu": 0,
        "memory": 4096,
        "image": None,
        "queue": None,
        "iam_role": None,
        "execution_role": None,
        "shared_memory": None,
        "max_swap": None,
        "swappiness": None,
        "use_tmpfs": False,
        "tmpfs_tempdir": True,
        "tmpfs_size": None,
        "tmpfs_path": "/metaflow_temp",
        "inferentia": 0,
        "trainium": None,
        "efa": 0,
        "ephemeral_storage": None,
        "log_driver": None,
        "log_options": None,
        "host_volumes": None,
        "efs_volumes": None,
        "aws_batch_tags": None,
        "executable": None,
        "privileged": False,
        "max_concurrent_tasks": None,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that all attributes are of use to AWS Batch, and that the step's time limit is not too short for it."""
        super().validate(graph, step)
        self._check_numbers(step)
        self._check_texts(step)
        if self.attributes["inferentia"] and "inferentia" in self.given and self.attributes["trainium"]:
            raise self.error(
                f"Step *{step}*: @batch has both inferentia and trainium, which mean the same. Remove one."
            )
        self._check_structures(step)
        for other in graph[step].decorators:
            limit = other.timeout_seconds()
            if limit is not None and limit < SHORTEST_TIMEOUT_SECONDS:
                raise self.error(
                    f"Step *{step}*: @{other.name} stops the step after {limit:g} seconds, but AWS Batch has no time "
                    f"limits below {SHORTEST_TIMEOUT_SECONDS} seconds. Allow more time, or remove @batch."
                )

    def _check_numbers(self, step: str) -> None:
        self.number("cpu", step, 0.25)
        for name, least in _WHOLE_NUMBERS.items():
            value = self.attributes[name]
            if value is None:
                continue
            number = self.number(name, step, least)
            if number != int(number):
                raise self.error(f"Step *{step}*: @batch({name}={value!r}) should be a whole number.")
            if number > _AT_MOST.get(name, number):
                raise self.error(f"Step *{step}*: @batch({name}={value!r}) should be {_AT_MOST[name]} at most.")

    def _check_texts(self, step: str) -> None:
        for name in _TEXTS:
            value = self.attributes[name]
            if value is not None and (not isinstance(value, str) or not value):
                raise self.error(f"Step *{step}*: @batch({name}={value!r}) should be a text that is not empty.")
        if not str(self.attributes["tmpfs_path"] or "/").startswith("/"):
            raise self.error(
                f"Step *{step}*: @batch(tmpfs_path={self.attributes['tmpfs_path']!r}) should be an absolute path."
            )
        for name in _FLAGS:
            try:
                flag(self.attributes[name])
            except ValueError:
                raise self.error(
                    f"Step *{step}*: @batch({name}={self.attributes[name]!r}) should be True or False."
                ) from None
        driver = self.attributes["log_driver"]
        if driver is not None and driver not in LOG_DRIVERS:
            raise self.error(f"Step *{step}*: @batch(log_driver={driver!r}) should be one of {', '.join(LOG_DRIVERS)}.")

    def _check_structures(self, step: str) -> None:
        read: dict[str, Callable[[Any], object]] = {
            "log_options": log_options,
            "host_volumes": host_volumes,
            "efs_volumes": efs_volumes,
            "aws_batch_tags": tags,
        }
        for name, parse in read.items():
            try:
                parse(self.attributes[name])
            except ValueError as error:
                raise self.error(f"Step *{step}*: @batch({name}={self.attributes[name]!r}): {error}") from None


def log_options(value: Any) -> dict[str, str]:
    """Options of a log driver: a mapping, or a list of texts such as ``awslogs-group:my-group``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, dict):
        return {str(key): str(option) for key, option in value.items()}
    options = {}
    for text in _texts(value):
        separators = [text.index(separator) for separator in ":=" if separator in text]
        at = min(separators, default=0)
        if not at:
            raise ValueError(f"{text!r} should be a name and a value, such as 'awslogs-group:my-group'.")
        options[text[:at].strip()] = text[at + 1 :].strip()
    return options


def host_volumes(value: Any) -> dict[str, str]:
    """Directories of the host: where each is mounted in the container, by its path on the host.

    Parameters
    ----------
    value : str or list of str
        ``/path``, or ``/path:/path/in/container``.

    Raises
    ------
    ValueError
        If a path is not absolute.
    """
    mounts = {}
    for text in _texts(value):
        path, _, mounted = text.partition(":")
        mounts[path] = mounted or path
        if not path.startswith("/") or not mounts[path].startswith("/"):
            raise ValueError(f"{text!r} should be an absolute path, or two such as '/data:/mnt/data'.")
    return mounts


def efs_volumes(value: Any) -> dict[str, str]:
    """File systems of EFS: where each is mounted in the container, by its id.

    Parameters
    ----------
    value : str or list of str
        ``fs-ID``, which is mounted at ``/mnt/fs-ID``, or ``fs-ID:/path``.

    Raises
    ------
    ValueError
        If it is something else.
    """
    mounts = {}
    for text in _texts(value):
        volume, _, path = text.partition(":")
        mounts[volume] = path or f"/mnt/{volume}"
        if not volume.startswith("fs-") or not mounts[volume].startswith("/"):
            raise ValueError(f"{text!r} should be the id of a file system, with or without a path: 'fs-0123:/data'.")
    return mounts


def tags(value: Any) -> dict[str, str]:
    """Tags, checked against AWS's rules.

    Parameters
    ----------
    value : mapping or str
        A mapping, or one as JSON.

    Raises
    ------
    ValueError
        If AWS would not accept them.
    """
    found = _mapping(value)
    if len(found) > 50:
        raise ValueError(f"AWS accepts 50 tags at most, but these are {len(found)}.")
    for key, text in found.items():
        if not 1 <= len(key) <= 128:
            raise ValueError(f"the key of a tag has 1 to 128 characters, but {key!r} has {len(key)}.")
        if len(text) > 256:
            raise ValueError(f"the value of a tag has 256 characters at most, but that of {key!r} has {len(text)}.")
        if key.lower().startswith("aws:"):
            raise ValueError(f"the key {key!r} begins with 'aws:', which AWS keeps for itself.")
        wrong = sorted({character for character in key + text if not allowed_in_tag(character)})
        if wrong:
            raise ValueError(
                f"the tag {key!r} has characters that AWS does not accept: {' '.join(map(repr, wrong))}. It accepts "
                "letters, digits, spaces and + - = . _ : / @"
            )
    return found


def allowed_in_tag(character: str) -> bool:
    """Whether AWS accepts a character in the key or value of a tag."""
    return character.isalnum() or character in " +-=._:/@"


def _mapping(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        raise ValueError("should be a dictionary of texts.")
    return {str(key): str(text) for key, text in value.items()}


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [text.strip() for text in value.split(",") if text.strip()]
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) and text for text in value):
        raise ValueError("should be a text, or a list of texts.")
    return list(value)


@overload
def batch(f: F, /) -> F: ...
@overload
def batch(
    *,
    cpu: float = ...,
    gpu: int = ...,
    memory: int = ...,
    image: str | None = ...,
    queue: str | None = ...,
    iam_role: str | None = ...,
    execution_role: str | None = ...,
    shared_memory: int | None = ...,
    max_swap: int | None = ...,
    swappiness: int | None = ...,
    use_tmpfs: bool = ...,
    tmpfs_tempdir: bool = ...,
    tmpfs_size: int | None = ...,
    tmpfs_path: str | None = ...,
    inferentia: int = ...,
    trainium: int | None = ...,
    efa: int = ...,
    ephemeral_storage: int | None = ...,
    log_driver: str | None = ...,
    log_options: Sequence[str] | Mapping[str, str] | None = ...,
    host_volumes: str | Sequence[str] | None = ...,
    efs_volumes: str | Sequence[str] | None = ...,
    aws_batch_tags: Mapping[str, str] | None = ...,
    executable: str | None = ...,
    privileged: bool = ...,
    max_concurrent_tasks: int | None = ...,
) -> Callable[[F], F]: ...
def batch(f: Any = None, **attributes: Any) -> Any:
    """Run the step on AWS Batch. Where the step has ``@resources`` too, the larger amount of each counts.

    Parameters
    ----------
    cpu : float, default 1
        Number of processor cores. EC2 has whole cores only, Fargate the sizes that AWS lists; the next larger is taken.
    gpu : int, default 0
        Number of graphics processors.
    memory : int, default 4096
        Memory in mebibytes.
    image : str, optional
        Container image; by default ``METAFLOW_BATCH_CONTAINER_IMAGE``, or an image of Python in the version in use.
    queue : str, optional
        Job queue; by default ``METAFLOW_BATCH_JOB_QUEUE``, or the first that accepts jobs.
    iam_role : str, optional
        ARN of the role of the task; by default ``METAFLOW_ECS_S3_ACCESS_IAM_ROLE``.
    execution_role : str, optional
        ARN of the role with which images are fetched and logs written, which Fargate needs; by default
        ``METAFLOW_ECS_FARGATE_EXECUTION_ROLE``.
    shared_memory : int, optional
        Size of ``/dev/shm`` in mebibytes.
    max_swap : int, optional
        Swap space in mebibytes.
    swappiness : int, optional
        How readily memory is swapped, 0 to 100.
    use_tmpfs : bool, default False
        Whether to mount a file system that is kept in memory.
    tmpfs_tempdir : bool, default True
        Whether ``current.tempdir`` is that file system.
    tmpfs_size : int, optional
        Its size in mebibytes, half of the memory by default. Naming one mounts it.
    tmpfs_path : str, default ``/metaflow_temp``
        Where it is mounted.
    inferentia, trainium : int, default 0
        Number of Neuron devices: two names for the same.
    efa : int, default 0
        Number of Elastic Fabric Adapters.
    ephemeral_storage : int, optional
        Disk space in gibibytes, 21 to 200; for Fargate only.
    log_driver : str, optional
        Where the container's output goes, such as ``awslogs``.
    log_options : list of str or dict, optional
        Options of the log driver, such as ``["awslogs-group:my-group"]``.
    host_volumes : str or list of str, optional
        Directories of the host to mount: ``/path`` or ``/path:/path/in/container``.
    efs_volumes : str or list of str, optional
        File systems of EFS to mount: ``fs-ID`` (at ``/mnt/fs-ID``) or ``fs-ID:/path``.
    aws_batch_tags : dict, optional
        Tags of the job.
    executable : str, optional
        The Python interpreter in the image.
    privileged : bool, default False
        Whether the container has all rights on its host.
    max_concurrent_tasks : int, optional
        How many tasks of the step may be on AWS Batch at a time; by default ``METAFLOW_MAX_REMOTE_TASKS``.
    """
    return attach(BatchDecorator, f, attributes)
