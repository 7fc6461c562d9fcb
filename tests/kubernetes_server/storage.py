"""The objects, their versions, and what happened to them: what etcd is to a cluster."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from . import problems
from .resources import NAMESPACES, Resource

Object = dict[str, Any]
Key = tuple[Resource, str, str]

#: Characters of generated names, as Kubernetes has them: no vowels, nothing that looks like something else.
_NAME_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"


class Change(NamedTuple):
    """Something that happened to an object.

    Attributes
    ----------
    revision : int
    kind : str
        ``ADDED``, ``MODIFIED`` or ``DELETED``.
    key : tuple
        Resource, namespace, name.
    before, after : dict or None
        ``after`` is the last state also of an object that was deleted.
    """

    revision: int
    kind: str
    key: Key
    before: Object | None
    after: Object


def clone(value: Any) -> Any:
    """A deep copy of something made of JSON's types."""
    return json.loads(json.dumps(value))


def now() -> str:
    """The time of day as objects have it."""
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def suffix() -> str:
    """Five characters that make a name unique."""
    return "".join(random.choices(_NAME_CHARACTERS, k=5))


class Storage:
    """All objects in memory. Those that it gives out are shared, and must not be changed.

    Parameters
    ----------
    history : int
        How many changes can be watched from a version of the past.
    """

    def __init__(self, history: int = 20_000) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.revision = 1000
        self.compacted = 1000
        self._history = history
        self._objects: dict[Resource, dict[tuple[str, str], Object]] = defaultdict(dict)
        self._keys: dict[str, Key] = {}
        self._dependents: dict[str, set[Key]] = defaultdict(set)
        self._changes: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Have every change from now on told, in order. The listener must be quick, and must not wait."""
        self._listeners.append(listener)

    def create(self, resource: Resource, value: Object, complete: Callable[[Object], None] | None = None) -> Object:
        """Keep a new object, with the metadata that a server adds; ``complete`` writes what needs its uid."""
        value = clone(value)
        with self.changed:
            metadata = value.setdefault("metadata", {})
            namespace = metadata.get("namespace", "")
            if namespace and ("", namespace) not in self._objects[NAMESPACES]:
                raise problems.not_found(NAMESPACES, namespace)
            if not metadata.get("name"):
                metadata["name"] = metadata["generateName"] + suffix()
            if (namespace, metadata["name"]) in self._objects[resource]:
                raise problems.already_exists(resource, metadata["name"])
            metadata["uid"] = str(uuid.uuid4())
            metadata["creationTimestamp"] = now()
            if "spec" in value:
                metadata["generation"] = 1
            if complete is not None:
                complete(value)
            return self._keep("ADDED", (resource, namespace, metadata["name"]), None, value)

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.find(resource, namespace, name)
        if found is None:
            raise problems.not_found(resource, name)
        return found

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        with self.changed:
            return self._objects[resource].get((namespace, name))

    def items(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects of a kind, of one namespace or of all, in the order of their names."""
        with self.changed:
            chosen = [(key, value) for key, value in self._objects[resource].items() if namespace in ("", key[0])]
        return [value for _key, value in sorted(chosen, key=lambda pair: pair[0])]

    def dependents(self, uid: str) -> list[tuple[Key, Object]]:
        """The objects that name this one as their owner."""
        with self.changed:
            return [(key, self._objects[key[0]][key[1], key[2]]) for key in sorted(self._dependents.get(uid, ()))]

    def owner(self, uid: str) -> tuple[Key, Object] | None:
        """The object with a uid, if it is still there."""
        with self.changed:
            key = self._keys.get(uid)
            return None if key is None else (key, self._objects[key[0]][key[1], key[2]])

    def update(self, key: Key, change: Callable[[Object], None], expected: str | None = None) -> Object:
        """Change an object.

        Parameters
        ----------
        key : tuple
        change : callable
            Changes the copy that it is given.
        expected : str, optional
            The version that the object must have, else it is a conflict.
        """
        with self.changed:
            before = self.get(*key)
            if expected not in (None, before["metadata"]["resourceVersion"]):
                why = "the object has been modified; please apply your changes to the latest version and try again"
                raise problems.conflict(key[0], key[2], why)
            after = clone(before)
            change(after)
            if after == before:
                return before
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] = after["metadata"].get("generation", 1) + 1
            return self._keep("MODIFIED", key, before, after)

    def remove(self, key: Key) -> Object | None:
        """Forget an object; None if there was none."""
        with self.changed:
            before = self.find(*key)
            if before is None:
                return None
            return self._keep("DELETED", key, before, clone(before))

    def changes_since(self, revision: int) -> list[Change]:
        """What happened after a version.

        Raises
        ------
        Problem
            410, if that is no longer known.
        """
        with self.changed:
            if revision < self.compacted:
                raise problems.expired(f"too old resource version: {revision} ({self.compacted})")
            newer = self.revision - revision
            return self._changes[-newer:] if newer > 0 else []

    def compact(self) -> None:
        """Forget what happened up to now, so that watches from an earlier version fail."""
        with self.changed:
            # A version of its own: that of a list made just now is too old as well.
            self._advance(1)
            self.compacted = self.revision
            self._changes.clear()
            self.changed.notify_all()

    def _advance(self, by: int) -> int:
        self.revision += by
        return self.revision

    def _keep(self, kind: str, key: Key, before: Object | None, after: Object) -> Object:
        resource, namespace, name = key
        after["metadata"]["resourceVersion"] = str(self._advance(1))
        self._own(key, before, remove=True)
        if kind == "DELETED":
            del self._objects[resource][namespace, name]
            del self._keys[after["metadata"]["uid"]]
        else:
            self._objects[resource][namespace, name] = after
            self._keys[after["metadata"]["uid"]] = key
            self._own(key, after)
        change = Change(self.revision, kind, key, before, after)
        self._changes.append(change)
        if len(self._changes) > 2 * self._history:
            del self._changes[: self._history]
            self.compacted = self._changes[0].revision - 1
        for listener in self._listeners:
            listener(change)
        self.changed.notify_all()
        return after

    def _own(self, key: Key, value: Object | None, remove: bool = False) -> None:
        for owner in (value or {}).get("metadata", {}).get("ownerReferences", ()):
            if remove:
                self._dependents[owner["uid"]].discard(key)
            else:
                self._dependents[owner["uid"]].add(key)
