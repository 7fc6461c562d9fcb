"""``@kubernetes``: a step whose tasks run as pods of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from .. import settings
from ..exception import MetaflowException
from ..flow.decorators import attach
from .remote import RemoteDecorator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..flow.decorators import StepDecorator
    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: Attribute -> setting that holds where neither it nor ``@resources`` says anything.
_AMOUNT_SETTINGS = {
    "cpu": "KUBERNETES_CPU",
    "memory": "KUBERNETES_MEMORY",
    "disk": "KUBERNETES_DISK",
    "shared_memory": "KUBERNETES_SHARED_MEMORY",
}
#: Attribute -> setting that holds where it says nothing.
_SETTINGS = {
    "gpu_vendor": "KUBERNETES_GPU_VENDOR",
    "image_pull_policy": "KUBERNETES_IMAGE_PULL_POLICY",
    "image_pull_secrets": "KUBERNETES_IMAGE_PULL_SECRETS",
    "namespace": "KUBERNETES_NAMESPACE",
    "node_selector": "KUBERNETES_NODE_SELECTOR",
    "persistent_volume_claims": "KUBERNETES_PERSISTENT_VOLUME_CLAIMS",
    "port": "KUBERNETES_PORT",
    "qos": "KUBERNETES_QOS",
    "service_account": "KUBERNETES_SERVICE_ACCOUNT",
    "tolerations": "KUBERNETES_TOLERATIONS",
}
#: Attribute -> setting that is merged with it.
_MERGED_SETTINGS = {
    "annotations": "KUBERNETES_ANNOTATIONS",
    "labels": "KUBERNETES_LABELS",
    "secrets": "KUBERNETES_SECRETS",
}
_TEXTS = ("image", "service_account", "namespace", "compute_pool", "executable")
#: Attribute -> the texts that it may have; compared without regard to case.
_CHOICES = {
    "gpu_vendor": ("nvidia", "amd"),
    "image_pull_policy": ("Always", "IfNotPresent", "Never"),
    "qos": ("Burstable", "Guaranteed"),
}
#: Attribute -> smallest number that it may be.
_NUMBERS = {
    "cpu": 0.001,
    "memory": 1,
    "disk": 1,
    "gpu": 0,
    "shared_memory": 0,
    "tmpfs_size": 1,
    "hostname_resolution_timeout": 0,
    "max_concurrent_tasks": 1,
}
#: Label of nodes by which a pool of machines is chosen.
COMPUTE_POOL_LABEL = "outerbounds.co/compute-pool"
_SHORTEST_TIMEOUT = 60


class KubernetesDecorator(RemoteDecorator):
    """Declaration of ``@kubernetes``."""

    name: ClassVar[str] = "kubernetes"
    backend: ClassVar[str | None] = "kubernetes"
    connection: ClassVar[tuple[str, ...]] = ("namespace",)
    needs_object_store: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {
        "cpu": 1,
        "memory": 4096,
        "disk": 10240,
        "gpu": None,
        "gpu_vendor": None,
        "image": None,
        "image_pull_policy": None,
        "image_pull_secrets": None,
        "service_account": None,
        "secrets": None,
        "node_selector": None,
        "namespace": None,
        "tolerations": None,
        "labels": None,
        "annotations": None,
        "use_tmpfs": None,
        "tmpfs_tempdir": True,
        "tmpfs_size": None,
        "tmpfs_path": "/metaflow_temp",
        "persistent_volume_claims": None,
        "shared_memory": None,
        "port": None,
        "compute_pool": None,
        "executable": None,
        "hostname_resolution_timeout": 600,
        "qos": None,
        "security_context": None,
        "extended_resources": None,
        "max_concurrent_tasks": None,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check the attributes, the settings that stand in for them, and what else the step is decorated with."""
        super().validate(graph, step)
        decorators = graph[step].decorators
        try:
            self.options(decorators)
        except ValueError as error:
            raise self.error(f"Step *{step}*: {error}.") from error
        names = {other.name for other in decorators}
        if graph[step].parallel_step and "catch" in names:
            raise self.error(
                f"Step *{step}* is a @parallel step with @kubernetes, which cannot have @catch: the nodes of a gang "
                "fail together. Remove @catch.",
                MetaflowException,
            )
        limits = [limit for other in decorators if (limit := other.timeout_seconds()) is not None]
        if limits and min(limits) < _SHORTEST_TIMEOUT:
            raise self.error(
                f"Step *{step}*: @timeout of a step with @kubernetes should be at least {_SHORTEST_TIMEOUT} seconds, "
                f"not {min(limits):g}: the cluster needs some of it to start a container.",
                MetaflowException,
            )

    def options(self, decorators: Iterable[StepDecorator]) -> dict[str, Any]:
        """All attributes with their settings and ``@resources`` merged in, in the one form that builders read.

        Raises
        ------
        ValueError
            If one cannot be what it is.
        """
        decorators = list(decorators)
        amounts = {name for other in decorators if other.name == "resources" for name in other.given} | self.given
        self._check_numbers(decorators)
        options = super().options(decorators)
        for name, setting in _AMOUNT_SETTINGS.items():
            if name not in amounts and (configured := settings.get(setting)) is not None:
                options[name] = _number(configured, _NUMBERS[name], f"METAFLOW_{setting}")
        for name, setting in _SETTINGS.items():
            if options[name] is None:
                options[name] = settings.get(setting) or None
        for name in ("cpu", "memory", "disk", "gpu", "shared_memory", "tmpfs_size", "max_concurrent_tasks"):
            if options[name] is not None:
                options[name] = float(options[name]) if name == "cpu" else _whole(float(options[name]))
        return self._in_one_form(options)

    def _check_numbers(self, decorators: list[StepDecorator]) -> None:
        for declaration in (self, *(other for other in decorators if other.name == "resources")):
            for name, minimum in _NUMBERS.items():
                if (value := declaration.attributes.get(name)) is not None:
                    _number(value, minimum, f"@{declaration.name}({name}=...)")

    def _in_one_form(self, options: dict[str, Any]) -> dict[str, Any]:
        from . import kubernetes_options as forms

        def parsed(name: str, parse: Callable[[Any], Any], value: Any, source: str) -> Any:
            try:
                return parse(value)
            except ValueError as error:
                raise ValueError(f"{source} {error}") from error

        def source(name: str) -> str:
            written = self.attributes[name] is not None or name not in _SETTINGS
            return f"@kubernetes({name}=...)" if written else f"METAFLOW_{_SETTINGS[name]}"

        for name, parse, empty in (
            ("node_selector", forms.parse_labels, {}),
            ("tolerations", forms.parse_tolerations, []),
            ("persistent_volume_claims", forms.parse_mounts, {}),
            ("image_pull_secrets", forms.parse_names, []),
            ("security_context", forms.parse_security_context, {}),
            ("extended_resources", forms.parse_quantities, {}),
        ):
            value = options[name]
            options[name] = empty if value is None else parsed(name, parse, value, source(name))
        for name in _TEXTS:
            if options[name] is not None and not isinstance(options[name], str):
                raise ValueError(f"@kubernetes({name}={options[name]!r}) should be a text")
        merge: Callable[[Any, Any], Any]
        for name, parse, merge in (
            ("labels", forms.parse_labels, forms.merged),
            ("annotations", forms.parse_annotations, forms.merged),
            ("secrets", forms.parse_names, _united),
        ):
            setting = _MERGED_SETTINGS[name]
            configured = parsed(name, parse, settings.get(setting), f"METAFLOW_{setting}")
            own = parsed(name, parse, options[name] or "", f"@kubernetes({name}=...)")
            options[name] = merge(configured, own)
        for name, choices in _CHOICES.items():
            if options[name] is not None:
                options[name] = _choice(options[name], choices, source(name))
        if options["port"] is not None:
            options["port"] = _whole(_number(options["port"], 1, source("port")))
            if options["port"] > 65535:
                raise ValueError(f"{source('port')} is {options['port']}, but ports end at 65535")
        if options["compute_pool"]:
            options["node_selector"] = {**options["node_selector"], COMPUTE_POOL_LABEL: str(options["compute_pool"])}
        return _with_volumes_and_image(options)


def _with_volumes_and_image(options: dict[str, Any]) -> dict[str, Any]:
    from .container_images import container_image

    if options["use_tmpfs"] is None:
        options["use_tmpfs"] = options["tmpfs_size"] is not None
    for name in ("use_tmpfs", "tmpfs_tempdir"):
        if not isinstance(options[name], bool):
            raise ValueError(f"@kubernetes({name}={options[name]!r}) should be True or False")
    if options["tmpfs_size"] is None:
        options["tmpfs_size"] = max(options["memory"] // 2, 1)
    path = options["tmpfs_path"]
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise ValueError(f"@kubernetes(tmpfs_path={path!r}) should be an absolute path below /")
    options["image"] = container_image(options["image"], "KUBERNETES")
    return options


def _number(value: Any, minimum: float, source: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not minimum <= number < float("inf"):
        raise ValueError(f"{source} is {value!r}, but should be a number of at least {minimum:g}")
    return number


def _whole(number: float) -> int:
    """Rounded up: nobody gets less than asked for."""
    return -int(-number // 1)


def _choice(value: Any, choices: Sequence[str], source: str) -> str:
    for choice in choices:
        if str(value).lower() == choice.lower():
            return choice
    raise ValueError(f"{source} is {value!r}, but should be {' or '.join(choices)}")


def _united(first: list[str], second: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


@overload
def kubernetes(f: F, /) -> F: ...
@overload
def kubernetes(
    *,
    cpu: float = ...,
    memory: int = ...,
    disk: int = ...,
    gpu: int | None = ...,
    gpu_vendor: str | None = ...,
    image: str | None = ...,
    image_pull_policy: str | None = ...,
    image_pull_secrets: Sequence[str] | str | None = ...,
    service_account: str | None = ...,
    secrets: Sequence[str] | str | None = ...,
    node_selector: Mapping[str, str] | str | None = ...,
    namespace: str | None = ...,
    tolerations: Sequence[Mapping[str, Any]] | str | None = ...,
    labels: Mapping[str, str] | str | None = ...,
    annotations: Mapping[str, str] | str | None = ...,
    use_tmpfs: bool | None = ...,
    tmpfs_tempdir: bool = ...,
    tmpfs_size: int | None = ...,
    tmpfs_path: str = ...,
    persistent_volume_claims: Mapping[str, str] | str | None = ...,
    shared_memory: int | None = ...,
    port: int | None = ...,
    compute_pool: str | None = ...,
    executable: str | None = ...,
    hostname_resolution_timeout: int = ...,
    qos: str | None = ...,
    security_context: Mapping[str, Any] | None = ...,
    extended_resources: Mapping[str, int] | None = ...,
    max_concurrent_tasks: int | None = ...,
) -> Callable[[F], F]: ...
def kubernetes(f: Any = None, **attributes: Any) -> Any:
    """Run the step's tasks as pods of a Kubernetes cluster.

    What is not given comes from the settings ``KUBERNETES_*``. Of what is also given in ``@resources``, the larger
    holds.

    Parameters
    ----------
    cpu : float, default 1
        Number of processor cores.
    memory : int, default 4096
        Memory in megabytes.
    disk : int, default 10240
        Disk space in megabytes.
    gpu : int, optional
        Number of graphics processors.
    gpu_vendor : str, optional
        ``nvidia``, which is the default, or ``amd``.
    image : str, optional
        Image of the container; by default ``python`` in the version that submits.
    image_pull_policy : str, optional
        ``Always``, ``IfNotPresent`` or ``Never``.
    image_pull_secrets : list of str, optional
        Kubernetes Secrets with which to pull the image.
    service_account : str, optional
        With whose rights the pods run.
    secrets : list of str, optional
        Kubernetes Secrets whose keys become environment variables.
    node_selector : dict or str, optional
        Labels that a node must have, as a dictionary or as ``"key=value,key=value"``.
    namespace : str, optional
        Kubernetes namespace.
    tolerations : list of dict, optional
        Taints of nodes that are tolerated.
    labels, annotations : dict, optional
        What to put on the objects in the cluster.
    use_tmpfs : bool, optional
        Whether to mount a file system that is kept in memory; implied by `tmpfs_size`.
    tmpfs_tempdir : bool, default True
        Whether ``current.tempdir`` is that file system.
    tmpfs_size : int, optional
        Its size in mebibytes; half of the memory if not given.
    tmpfs_path : str, default "/metaflow_temp"
        Where it is mounted.
    persistent_volume_claims : dict, optional
        Claims of volumes, and where each is mounted.
    shared_memory : int, optional
        Size of ``/dev/shm`` in mebibytes.
    port : int, optional
        Port that the container opens.
    compute_pool : str, optional
        Pool of machines: the value of the nodes' label ``outerbounds.co/compute-pool``.
    executable : str, optional
        Python interpreter in the image.
    hostname_resolution_timeout : int, default 600
        How long the nodes of a gang wait until the name of the first one is known, in seconds.
    qos : str, optional
        ``Burstable``, which is the default, or ``Guaranteed``: limits are then what is asked for.
    security_context : dict, optional
        ``privileged``, ``allow_privilege_escalation``, ``run_as_user``, ``run_as_group``, ``run_as_non_root``.
    extended_resources : dict, optional
        Further kinds of resources of nodes, and how many of each.
    max_concurrent_tasks : int, optional
        How many tasks of the step may run at a time.
    """
    return attach(KubernetesDecorator, f, attributes)
