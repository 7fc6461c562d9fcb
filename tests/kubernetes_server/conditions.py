"""The conditions in the status of objects."""

from __future__ import annotations

from . import storage as stored
from .storage import Object


def get(value: Object, kind: str) -> Object | None:
    """The condition of a kind; None if there is none."""
    for condition in value.get("status", {}).get("conditions") or ():
        if condition["type"] == kind:
            found: Object = condition
            return found
    return None


def holds(value: Object, kind: str) -> bool:
    condition = get(value, kind)
    return condition is not None and condition["status"] == "True"


def put(value: Object, kind: str, status: bool, reason: str = "", message: str = "") -> None:
    """Write a condition into an object's status, with the time if it is another than it was."""
    listed = value.setdefault("status", {}).setdefault("conditions", [])
    old = get(value, kind)
    text = str(status)
    condition = {
        "type": kind,
        "status": text,
        "lastProbeTime": old["lastProbeTime"] if old else stored.now(),
        "lastTransitionTime": old["lastTransitionTime"] if old and old["status"] == text else stored.now(),
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    if old is None:
        listed.append(condition)
    else:
        listed[listed.index(old)] = condition
