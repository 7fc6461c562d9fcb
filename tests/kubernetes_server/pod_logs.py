"""What the containers of pods printed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from . import problems
from .resources import PODS
from .storage import Object, Storage

_READ_SECONDS = 0.05
_PART = 1 << 20


class Logs:
    """The files that containers print to, by the uid of their pod.

    Parameters
    ----------
    storage : Storage
    folder : Path
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

    def file(self, uid: str) -> Path:
        return self._folder / f"{uid}.log"

    def read(self, namespace: str, name: str, query: Mapping[str, str]) -> bytes:
        """What was printed up to now, or its end.

        Raises
        ------
        Problem
            404 for a pod that is gone, 400 for a container that has not started.
        """
        with self._started(namespace, name, query).open("rb") as opened:
            opened.seek(_start(opened, query))
            return opened.read(int(query.get("limitBytes", -1)))

    def follow(self, namespace: str, name: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """Yield what is printed, until the container has ended; empty parts while nothing is."""
        file = self._started(namespace, name, query)
        uid = self._storage.get(PODS, namespace, name)["metadata"]["uid"]

        def parts() -> Iterator[bytes]:
            left = int(query.get("limitBytes", 1 << 62))
            with file.open("rb") as opened:
                opened.seek(_start(opened, query))
                while left > 0:
                    # Asked before reading, so that what was printed last is not lost.
                    pod = self._storage.find(PODS, namespace, name)
                    ended = pod is None or pod["metadata"]["uid"] != uid or _has_ended(pod)
                    part = opened.read(min(_PART, left))
                    left -= len(part)
                    yield part
                    if not part:
                        if ended:
                            return
                        time.sleep(_READ_SECONDS)

        return parts()

    def _started(self, namespace: str, name: str, query: Mapping[str, str]) -> Path:
        unknown = [name for name in ("previous", "sinceSeconds", "sinceTime", "timestamps") if name in query]
        if unknown:
            raise problems.bad_request(f"the tests' server does not know {', '.join(unknown)}")
        pod = self._storage.get(PODS, namespace, name)
        container = query.get("container") or pod["spec"]["containers"][0]["name"]
        if container not in [declared["name"] for declared in pod["spec"]["containers"]]:
            raise problems.bad_request(f"container {container} is not valid for pod {name}")
        file = self.file(pod["metadata"]["uid"])
        if not file.exists():
            why = _waiting(pod)
            raise problems.bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')
        return file


def _start(opened: BinaryIO, query: Mapping[str, str]) -> int:
    """Where the lines begin that are asked for."""
    if "tailLines" not in query:
        return 0
    count = int(query["tailLines"])
    content = opened.read()
    return len(content) - len(b"".join(content.splitlines(keepends=True)[-count:])) if count else len(content)


def _has_ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _waiting(pod: Object) -> str:
    for status in pod.get("status", {}).get("containerStatuses", ()):
        reason: str = status["state"].get("waiting", {}).get("reason", "")
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            return "trying and failing to pull image"
        if reason:
            return reason
    return "ContainerCreating"
