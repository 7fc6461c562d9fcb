"""How objects go: what becomes of those that they own, and how long a pod has to end."""

from __future__ import annotations

from typing import Any

from .resources import JOBS, PODS
from .storage import Change, Key, Object, Storage, now

_FOREGROUND = "foregroundDeletion"


def delete(storage: Storage, key: Key, policy: str | None = None, grace: int | None = None) -> Object:
    """Delete an object, at once or as soon as it can go.

    Parameters
    ----------
    storage : Storage
    key : tuple
    policy : str, optional
        ``Background``, ``Foreground`` or ``Orphan``; by default what Kubernetes does for the kind.
    grace : int, optional
        Seconds that a pod has to end; by default what it says itself.

    Returns
    -------
    dict
        The object as it is now, or as it was last.
    """
    with storage.changed:
        value = storage.get(*key)
        if key[0] is PODS:
            return _delete_pod(storage, key, value, grace)
        # The first version of the interface of Jobs left their pods behind, and the present one still does.
        policy = policy or ("Orphan" if key[0] is JOBS else "Background")
        owned = storage.dependents(value["metadata"]["uid"])
        if policy == "Orphan":
            for child, _value in owned:
                storage.update(child, lambda child: _disown(child, value["metadata"]["uid"]))
        elif policy == "Foreground" and owned:
            return storage.update(key, lambda value: _mark(value, [_FOREGROUND]))
        return storage.remove(key) or value


def collect(storage: Storage, change: Change) -> None:
    """Delete what lost its owner, or what an owner waits for that is to go after it."""
    metadata = change.after["metadata"]
    if change.kind == "DELETED":
        for child, _value in storage.dependents(metadata["uid"]):
            _delete_quietly(storage, child, "Background")
        for owner in metadata.get("ownerReferences", ()):
            _finish_foreground(storage, owner["uid"])
    elif _FOREGROUND in metadata.get("finalizers", ()):
        for child, _value in storage.dependents(metadata["uid"]):
            _delete_quietly(storage, child, "Foreground")


def _finish_foreground(storage: Storage, uid: str) -> None:
    with storage.changed:
        if storage.dependents(uid):
            return
        waiting = storage.owner(uid)
        if waiting is not None and _FOREGROUND in waiting[1]["metadata"].get("finalizers", ()):
            storage.remove(waiting[0])


def _delete_quietly(storage: Storage, key: Key, policy: str) -> None:
    with storage.changed:
        value = storage.find(*key)
        if value is not None and "deletionTimestamp" not in value["metadata"]:
            delete(storage, key, policy)


def _delete_pod(storage: Storage, key: Key, value: Object, grace: int | None) -> Object:
    if grace is None:
        grace = value["spec"].get("terminationGracePeriodSeconds", 30)
    ended = value.get("status", {}).get("phase") in ("Succeeded", "Failed")
    if not grace or ended or not value["spec"].get("nodeName"):
        return storage.remove(key) or value
    before = value["metadata"].get("deletionGracePeriodSeconds")
    if before is not None and before <= grace:
        return value
    return storage.update(key, lambda value: _mark(value, None, grace))


def _mark(value: Object, finalizers: list[str] | None, grace: int = 0) -> None:
    metadata: dict[str, Any] = value["metadata"]
    metadata.setdefault("deletionTimestamp", now())
    metadata["deletionGracePeriodSeconds"] = grace
    if finalizers:
        metadata["finalizers"] = finalizers


def _disown(value: Object, uid: str) -> None:
    owners = [owner for owner in value["metadata"]["ownerReferences"] if owner["uid"] != uid]
    value["metadata"]["ownerReferences"] = owners
