"""What a container is to be like, of the attributes of ``@batch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow import settings
from metaflow.compute.backend import JobRefused
from metaflow.decorators.batch import efs_volumes, host_volumes, log_options
from metaflow.decorators.container_images import container_image
from metaflow.decorators.remote import flag

from .sizes import container_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .queues import Queue

#: Attributes that mean something to one kind of machines only.
_NOT_ON_FARGATE = (
    "gpu",
    "inferentia",
    "trainium",
    "efa",
    "shared_memory",
    "max_swap",
    "swappiness",
    "use_tmpfs",
    "tmpfs_size",
    "host_volumes",
    "privileged",
)


def container(options: Mapping[str, Any], queue: Queue, step: str) -> dict[str, Any]:
    """Container properties of a job definition, without its command.

    Parameters
    ----------
    options : mapping of str to object
        Attributes of ``@batch``.
    queue : Queue
    step : str

    Raises
    ------
    JobRefused
        If the machines of the queue do not have what is asked for.
    """
    _refuse_impossible(options, queue, step)
    cpu, memory = container_size(float(options["cpu"]), _whole(options["memory"]), queue, step)
    requirements = [{"type": "VCPU", "value": cpu}, {"type": "MEMORY", "value": memory}]
    if gpus := _whole(options["gpu"]):
        requirements.append({"type": "GPU", "value": str(gpus)})
    found: dict[str, Any] = {
        "image": container_image(options["image"], "BATCH"),
        "resourceRequirements": requirements,
        "jobRoleArn": options["iam_role"] or settings.get("ECS_S3_ACCESS_IAM_ROLE"),
        "executionRoleArn": options["execution_role"] or settings.get("ECS_FARGATE_EXECUTION_ROLE"),
        "linuxParameters": _linux_parameters(options, queue, int(memory)),
        "logConfiguration": _log_configuration(options),
        **_volumes(options),
    }
    if flag(options["privileged"]):
        found["privileged"] = True
    if queue.is_fargate:
        # Without an address of its own, a container in a public subnet can fetch no image.
        found["networkConfiguration"] = {"assignPublicIp": "ENABLED"}
        if options["ephemeral_storage"] is not None:
            found["ephemeralStorage"] = {"sizeInGiB": _whole(options["ephemeral_storage"])}
    return {name: value for name, value in found.items() if value}


def tempdir_variables(options: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables that make the file system in memory the directory for temporary files."""
    if _has_tmpfs(options) and flag(options["tmpfs_tempdir"]):
        return {"METAFLOW_TEMPDIR": str(options["tmpfs_path"])}
    return {}


def _refuse_impossible(options: Mapping[str, Any], queue: Queue, step: str) -> None:
    if not queue.is_fargate:
        if options["ephemeral_storage"] is not None:
            raise JobRefused(
                f"Step *{step}* has @batch(ephemeral_storage={options['ephemeral_storage']!r}), which only Fargate "
                f"has, but the machines of the job queue '{queue.name}' are EC2's. Remove it, or use another queue."
            )
        return
    for name in _NOT_ON_FARGATE:
        value = options[name]
        if value is not None and value not in (0, "0", "") and str(value).lower() != "false":
            raise JobRefused(
                f"Step *{step}* asks for {name}={value!r}, but the job queue '{queue.name}' is of Fargate, which does "
                "not have that. Remove it, or use a queue of EC2 machines."
            )
    if not (options["execution_role"] or settings.get("ECS_FARGATE_EXECUTION_ROLE")):
        raise JobRefused(
            f"Step *{step}* goes to the job queue '{queue.name}', which is of Fargate and needs an execution role. "
            "Name one with @batch(execution_role=...) or METAFLOW_ECS_FARGATE_EXECUTION_ROLE."
        )


def _linux_parameters(options: Mapping[str, Any], queue: Queue, memory: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, aws_name in (
        ("shared_memory", "sharedMemorySize"),
        ("max_swap", "maxSwap"),
        ("swappiness", "swappiness"),
    ):
        if options[name] is not None and not queue.is_fargate:  # where they could only be 0, which it does not know
            found[aws_name] = _whole(options[name])
    if _has_tmpfs(options):
        size = _whole(options["tmpfs_size"]) or memory // 2
        found["tmpfs"] = [{"containerPath": str(options["tmpfs_path"]), "size": size}]
    devices = [f"/dev/neuron{i}" for i in range(_whole(options["trainium"]) or _whole(options["inferentia"]))]
    devices += [f"/dev/infiniband/uverbs{i}" for i in range(_whole(options["efa"]))]
    if devices:
        found["devices"] = [
            {"hostPath": path, "containerPath": path, "permissions": ["READ", "WRITE"]} for path in devices
        ]
    return found


def _has_tmpfs(options: Mapping[str, Any]) -> bool:
    return flag(options["use_tmpfs"]) or options["tmpfs_size"] is not None


def _log_configuration(options: Mapping[str, Any]) -> dict[str, Any]:
    given = log_options(options["log_options"])
    if options["log_driver"] is None and not given:
        return {}
    return {"logDriver": options["log_driver"] or "awslogs", "options": given}


def _volumes(options: Mapping[str, Any]) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def add(name: str, path: str, volume: dict[str, Any]) -> None:
        volumes.append({"name": name, **volume})
        mounts.append({"sourceVolume": name, "containerPath": path, "readOnly": False})

    for number, (source, path) in enumerate(host_volumes(options["host_volumes"]).items()):
        add(f"host-{number}", path, {"host": {"sourcePath": source}})
    for file_system, path in efs_volumes(options["efs_volumes"]).items():
        # Encrypted on its way, which is what file systems that check who mounts them ask for.
        efs = {"fileSystemId": file_system, "transitEncryption": "ENABLED"}
        add(f"efs-{file_system}", path, {"efsVolumeConfiguration": efs})
    return {"volumes": volumes, "mountPoints": mounts}


def _whole(value: Any) -> int:
    return int(float(value or 0))
