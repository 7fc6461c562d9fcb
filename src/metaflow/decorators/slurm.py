"""``@slurm``: a step whose tasks are jobs of a Slurm cluster."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from .. import settings
from ..flow.decorators import attach
from .remote import RemoteDecorator, flag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..flow.decorators import StepDecorator
    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

_CONNECTION = ("username", "address", "ssh_key_file", "cert_file", "remote_workdir", "cleanup")
_COUNTS = ("nodes", "ntasks", "cpus_per_task", "max_concurrent_tasks")
_TEXTS = (*_CONNECTION[:-1], "path_to_python3", "partition", "account", "qos", "constraint", "gres")
_SIZE = re.compile(r"\d+[KMGT]?")
#: Size in megabytes of what Slurm's suffixes stand for.
_MEGABYTES = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
#: Options of sbatch that make jobs what they have to be for us to follow them.
_OURS = (
    "array",
    "chdir",
    "clusters",
    "comment",
    "error",
    "export",
    "job-name",
    "no-requeue",
    "output",
    "parsable",
    "requeue",
    "test-only",
    "wait",
    "wrap",
)
#: What ``@resources`` asks for, and the attribute of ours that does.
_OF_RESOURCES = {"cpu": "cpus_per_task", "memory": "memory", "gpu": "gpus", "disk": "disk"}


class SlurmDecorator(RemoteDecorator):
    """Declaration of ``@slurm``."""

    name: ClassVar[str] = "slurm"
    backend: ClassVar[str | None] = "slurm"
    connection: ClassVar[tuple[str, ...]] = _CONNECTION
    defaults: ClassVar[dict[str, Any]] = {
        "username": None,
        "address": None,
        "ssh_key_file": None,
        "cert_file": None,
        "remote_workdir": None,
        "cleanup": None,
        "path_to_python3": None,
        "partition": None,
        "nodes": None,
        "ntasks": None,
        "cpus_per_task": None,
        "memory": None,
        "disk": None,
        "gpus": None,
        "gres": None,
        "account": None,
        "qos": None,
        "constraint": None,
        "exclusive": False,
        "sbatch_options": None,
        "max_concurrent_tasks": None,
    }

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the attributes are what Slurm can be asked for."""
        super().validate(graph, step)
        for attribute in ("nodes", "ntasks", "cpus_per_task"):
            value = self.attributes[attribute]
            if value is not None and self.number(attribute, step, minimum=1) % 1:
                raise self._wrong(step, attribute, "a whole number")
        for attribute in _TEXTS:
            value = self.attributes[attribute]
            if value is not None and (not isinstance(value, str) or not value or "\n" in value):
                raise self._wrong(step, attribute, "text")
        for attribute in ("memory", "disk"):
            if _in_megabytes(self.attributes[attribute]) is None:
                raise self._wrong(step, attribute, "a number of megabytes, or one with a unit, such as '16G'")
        if not re.fullmatch(r"\d+|[\w.-]+(:\d+)?", str(self.attributes["gpus"] or 0)):
            raise self._wrong(step, "gpus", "a number, or a type and a number, such as 'a100:2'")
        try:
            flag(self.attributes["cleanup"])
        except ValueError:
            raise self._wrong(step, "cleanup", "True or False") from None
        if not isinstance(self.attributes["exclusive"], (bool, str)):
            raise self._wrong(step, "exclusive", "True, False, 'user' or another value of sbatch's --exclusive")
        self._check_options(step)

    def options(self, decorators: Iterable[StepDecorator]) -> dict[str, Any]:
        """All attributes, with those of ``@resources`` merged in: of what is written in both the larger holds.

        What neither says is left to the cluster's own defaults. Where the cluster is and how a task is started there
        are looked up in the settings if they are not given.

        Parameters
        ----------
        decorators : iterable of StepDecorator
            Those of the step.
        """
        merged = dict(self.attributes)
        for other in decorators:
            if other.name == "resources":
                for theirs in other.given & _OF_RESOURCES.keys():
                    ours = _OF_RESOURCES[theirs]
                    merged[ours] = _larger(ours, merged[ours], other.attributes[theirs])
        for attribute in _COUNTS:
            if merged[attribute] is not None:
                merged[attribute] = int(float(merged[attribute]))
        for attribute in ("memory", "disk"):
            if isinstance(merged[attribute], float):  # sbatch takes whole numbers only
                merged[attribute] = ceil(merged[attribute])
        if merged["cleanup"] is not None:
            merged["cleanup"] = flag(merged["cleanup"])
        if str(merged["exclusive"]).lower() in ("true", "false"):  # as the command line has it
            merged["exclusive"] = flag(merged["exclusive"])
        merged["sbatch_options"] = _long_options(merged["sbatch_options"])
        for attribute in (*_CONNECTION, "path_to_python3"):
            if merged[attribute] is None:
                merged[attribute] = settings.get(f"SLURM_{attribute.upper()}")
        merged["executable"] = merged["path_to_python3"]
        return merged

    def _check_options(self, step: str) -> None:
        options = self.attributes["sbatch_options"]
        if options is not None and not isinstance(options, dict):
            raise self._wrong(step, "sbatch_options", "a dictionary, such as {'mail-type': 'END'}")
        for name, value in _long_options(options).items():
            if name in _OURS:
                raise self.error(
                    f"Step *{step}*: @slurm(sbatch_options=...) cannot set --{name}, which is ours to set."
                )
            if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not isinstance(value, (str, int, float, type(None))):
                raise self._wrong(
                    step, "sbatch_options", "long options of sbatch without dashes, with texts or numbers"
                )

    def _wrong(self, step: str, attribute: str, expected: str) -> Exception:
        return self.error(f"Step *{step}*: @slurm({attribute}={self.attributes[attribute]!r}) should be {expected}.")


def _long_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    return {str(name).lstrip("-").replace("_", "-"): value for name, value in (options or {}).items()}


def _in_megabytes(value: Any) -> float | None:
    """An amount in megabytes, 0 for none, None for what is no amount."""
    text = str(0 if value is None else value).upper()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    return float(text[:-1]) * _MEGABYTES[text[-1]] if _SIZE.fullmatch(text) else None


def _larger(attribute: str, own: Any, other: Any) -> Any:
    """The larger of what ``@slurm`` and what ``@resources`` ask for; the latter is a number."""
    if other is None:
        return own
    wanted = ceil(float(other))
    if attribute == "gpus":
        kind, number = _gpus(own)
        largest = max(wanted, number)
        return f"{kind}:{largest}" if kind else (largest or None)
    if attribute == "cpus_per_task":
        return max(wanted, int(float(own or 0)))
    return own if own is not None and (_in_megabytes(own) or 0) >= wanted else wanted


def _gpus(value: Any) -> tuple[str, int]:
    """Type and number of graphics processors; the type may be empty."""
    kind, colon, number = str(value or 0).partition(":")
    if kind.isdecimal():
        return "", int(kind)
    return kind, int(number) if colon else 1


@overload
def slurm(f: F, /) -> F: ...
@overload
def slurm(
    *,
    username: str | None = ...,
    address: str | None = ...,
    ssh_key_file: str | None = ...,
    cert_file: str | None = ...,
    remote_workdir: str | None = ...,
    cleanup: bool | None = ...,
    path_to_python3: str | None = ...,
    partition: str | None = ...,
    nodes: int | None = ...,
    ntasks: int | None = ...,
    cpus_per_task: int | None = ...,
    memory: int | str | None = ...,
    disk: int | str | None = ...,
    gpus: int | str | None = ...,
    gres: str | None = ...,
    account: str | None = ...,
    qos: str | None = ...,
    constraint: str | None = ...,
    exclusive: bool | str = ...,
    sbatch_options: dict[str, Any] | None = ...,
    max_concurrent_tasks: int | None = ...,
) -> Callable[[F], F]: ...
def slurm(f: Any = None, **attributes: Any) -> Any:
    """Run the step's tasks as jobs of a Slurm cluster.

    The flow is run on a login node of the cluster, or on a machine that reaches one by SSH. The tasks of a foreach are
    job arrays, the nodes of a ``@parallel`` step one allocation. What is not asked for has the cluster's own defaults.
    ``@resources`` counts too: of ``cpu``, ``memory``, ``gpu`` and ``disk`` the larger holds.

    Parameters
    ----------
    username, address, ssh_key_file, cert_file : str, optional
        The login node, as for ``ssh``; this machine if there is no address. METAFLOW_SLURM_USERNAME and so on by
        default.
    remote_workdir : str, optional
        Directory that all nodes share, for what jobs print; METAFLOW_SLURM_REMOTE_WORKDIR or ``~/metaflow`` by
        default.
    cleanup : bool, optional
        Whether to remove these files at the end of the run; METAFLOW_SLURM_CLEANUP or False by default.
    path_to_python3 : str, optional
        Interpreter on the nodes. By default METAFLOW_SLURM_PATH_TO_PYTHON3, or else the one that runs the flow if it is
        there too, and ``python3`` if not.
    partition, account, qos, constraint, gres : str, optional
        As in ``sbatch``.
    nodes, ntasks, cpus_per_task : int, optional
        As in ``sbatch``. The number of nodes of a ``@parallel`` step is that of its ``num_parallel`` unless given.
    memory, disk : int or str, optional
        Megabytes on each node, or with a unit: ``"16G"``. Disk is temporary space.
    gpus : int or str, optional
        Graphics processors on each node, also of a type: ``"a100:2"``.
    exclusive : bool or str, default False
        Whether no other jobs may run on the nodes.
    sbatch_options : dict, optional
        Further long options of ``sbatch``, such as ``{"mail-type": "END", "licenses": "abaqus:1"}``.
    max_concurrent_tasks : int, optional
        How many tasks of an array run at the same time at most.
    """
    return attach(SlurmDecorator, f, attributes)
