"""What a pod's manifest says of the process to start. Nothing here starts anything."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path
from typing import NamedTuple

from .quantities import amount
from .resources import CONFIG_MAPS, SECRETS
from .storage import Object, Storage

_REFERENCE = re.compile(r"\$(?:\$|\(([-._a-zA-Z0-9]+)\))")
_KEYED = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")

#: What the image of a container has on its path. Those named ``python`` have nothing but an interpreter.
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Misconfigured(Exception):
    """A container that cannot be made, as the state ``CreateContainerConfigError`` says it."""


class Mount(NamedTuple):
    """Something that a container sees under a path.

    Attributes
    ----------
    path : str
    source : str
        A folder or file of the machine; empty for memory.
    size : int
        Bytes of memory at most; 0 for no limit.
    read_only : bool
    """

    path: str
    source: str = ""
    size: int = 0
    read_only: bool = False


class Launch(NamedTuple):
    """A process to start.

    Attributes
    ----------
    name : str
    command : tuple of str
    variables : dict of str to str
        All of its environment.
    folder : str
        Where it starts; empty for the image's.
    mounts : tuple of Mount
    memory : int or None
        Bytes that it may use.
    cpu : float or None
    hosts : dict of str to str
        Addresses of names.
    host : str
        Its own name; empty for the machine's.
    user : str
        ``id`` or ``id:group``; empty for the image's.
    privileged : bool
    """

    name: str
    command: tuple[str, ...]
    variables: dict[str, str]
    folder: str
    mounts: tuple[Mount, ...]
    memory: int | None
    cpu: float | None
    hosts: dict[str, str]
    host: str
    user: str
    privileged: bool


#: Images that can be pulled, by the last part of their name: the folder with their Python.
IMAGES = {
    "python": str(Path(sys.base_prefix) / "bin"),
    "python-with-packages": str(Path(sys.executable).parent),
    "debian": "",
}


def image_path(image: str) -> str | None:
    """The search path for programs in an image; None if the image cannot be pulled."""
    name, _at, _digest = image.rpartition("/")[2].partition("@")
    name, _colon, tag = name.partition(":")
    if name not in IMAGES or tag == "missing":
        return None
    return f"{IMAGES[name]}:{_SYSTEM_PATH}" if IMAGES[name] else _SYSTEM_PATH


def launch_of(storage: Storage, pod: Object, folder: Path, hosts: dict[str, str]) -> Launch:
    """What to start for a pod.

    Parameters
    ----------
    storage : Storage
        For secrets and the like.
    pod : dict
    folder : Path
        Of the pod, for its volumes.
    hosts : dict
        Names that it is to know.

    Raises
    ------
    Misconfigured
        If something is missing that the manifest names.
    """
    container = pod["spec"]["containers"][0]
    variables = _variables(storage, pod, container)
    command = [_expand(part, variables) for part in [*container.get("command", ()), *container.get("args", ())]]
    limits = container["resources"].get("limits", {})
    security = {**pod["spec"]["securityContext"], **container.get("securityContext", {})}
    user, group = security.get("runAsUser"), security.get("runAsGroup")
    if security.get("runAsNonRoot") and not user:
        raise Misconfigured("container has runAsNonRoot and image will run as root")
    return Launch(
        name=pod["metadata"]["name"],
        command=tuple(command),
        variables=variables,
        folder=container.get("workingDir", ""),
        mounts=tuple(_mounts(pod, container, folder)),
        memory=int(amount(limits["memory"])) if "memory" in limits else None,
        cpu=amount(limits["cpu"]) if "cpu" in limits else None,
        hosts=hosts,
        host=pod["spec"].get("hostname", pod["metadata"]["name"])[:63],
        user="" if user is None else str(user) if group is None else f"{user}:{group}",
        privileged=bool(security.get("privileged")),
    )


def _variables(storage: Storage, pod: Object, container: Object) -> dict[str, str]:
    variables = {
        "PATH": image_path(container["image"]) or "",
        "HOME": "/root",
        "HOSTNAME": pod["spec"].get("hostname", pod["metadata"]["name"]),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom", ()):
        prefix = source.get("prefix", "")
        for part, resource in (("secretRef", SECRETS), ("configMapRef", CONFIG_MAPS)):
            if part in source:
                found = storage.find(resource, namespace, source[part]["name"])
                if found is None and not source[part].get("optional"):
                    raise Misconfigured(f'{resource.plural[:-1]} "{source[part]["name"]}" not found')
                variables.update({prefix + key: value for key, value in _contents(found).items()})
    for variable in container.get("env", ()):
        if "valueFrom" in variable:
            value = _value_from(storage, pod, variable["valueFrom"])
            if value is not None:
                variables[variable["name"]] = value
        else:
            variables[variable["name"]] = _expand(variable.get("value", ""), variables)
    return variables


def _contents(found: Object | None) -> dict[str, str]:
    if found is None:
        return {}
    encoded = {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()}
    if found["kind"] == CONFIG_MAPS.kind:
        encoded = dict(found.get("data", {}))
    return {**encoded, **found.get("stringData", {})}


def _value_from(storage: Storage, pod: Object, source: Object) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for part, resource in (("secretKeyRef", SECRETS), ("configMapKeyRef", CONFIG_MAPS)):
        if part in source:
            wanted = source[part]
            found = storage.find(resource, pod["metadata"]["namespace"], wanted["name"])
            if found is None and not wanted.get("optional"):
                raise Misconfigured(f'{resource.plural[:-1]} "{wanted["name"]}" not found')
            value = _contents(found).get(wanted["key"])
            if value is None and not wanted.get("optional"):
                where = f"{pod['metadata']['namespace']}/{wanted['name']}"
                raise Misconfigured(f"couldn't find key {wanted['key']} in {resource.kind} {where}")
            return value
    raise Misconfigured(f"the tests' server does not know this source of a variable: {source}")


def _field(pod: Object, path: str) -> str:
    if keyed := _KEYED.match(path):
        kind, key = keyed.groups()
        return str((pod["metadata"].get(kind) or {}).get(key, ""))
    if path in ("status.podIP", "status.hostIP"):
        return "127.0.0.1"
    known = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName")
    if path not in known:
        raise Misconfigured(f"unsupported fieldPath: {path}")
    part, name = path.split(".")
    return str(pod[part].get(name, ""))


def _expand(text: str, variables: dict[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable of that name, if there is one, and ``$$`` by a dollar sign."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else variables.get(name, match.group(0))

    return _REFERENCE.sub(value, text)


def _mounts(pod: Object, container: Object, folder: Path) -> list[Mount]:
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    mounts = []
    for mount in container.get("volumeMounts", ()):
        volume, path, read_only = volumes[mount["name"]], mount["mountPath"], mount.get("readOnly", False)
        if "emptyDir" in volume:
            size = int(amount(volume["emptyDir"].get("sizeLimit", 0)))
            if volume["emptyDir"].get("medium") == "Memory":
                mounts.append(Mount(path, "", size, read_only))
                continue
            source = folder / "volumes" / mount["name"]
        elif "hostPath" in volume:
            source = Path(volume["hostPath"]["path"])
            if not source.exists() and volume["hostPath"].get("type") not in ("DirectoryOrCreate",):
                raise Misconfigured(f"hostPath {source} does not exist")
        elif "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            source = folder.parent / "claims" / pod["metadata"]["namespace"] / claim
        else:
            raise Misconfigured(f"the tests' server does not have volumes such as {volume}")
        if not source.exists():
            source.mkdir(parents=True)
        mounts.append(Mount(path, str(source / mount.get("subPath", "")), 0, read_only))
    return mounts
