"""Events of core/v1: what controllers tell people about objects."""

from __future__ import annotations

from . import storage as stored
from .resources import EVENTS
from .storage import Object, Storage


def record(storage: Storage, about: Object, reason: str, message: str, source: str, warning: bool = False) -> None:
    """Tell that something happened to an object."""
    metadata = about["metadata"]
    namespace = metadata.get("namespace", "default")
    time = stored.now()
    event = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
        "involvedObject": {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": metadata["name"],
            "namespace": metadata.get("namespace", ""),
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "reason": reason,
        "message": message,
        "source": {"component": source},
        "reportingComponent": source,
        "reportingInstance": "",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "type": "Warning" if warning else "Normal",
    }
    storage.create(EVENTS, event)
