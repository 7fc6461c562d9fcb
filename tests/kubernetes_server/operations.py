"""What can be done with objects: created, read, listed, watched, patched, replaced, deleted."""

from __future__ import annotations

import base64
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from . import defaults, deletion, problems, schemas, selectors, validation
from .patches import merged
from .resources import JOB_SETS, JOBS, NAMESPACES, PODS, SERVICE_ACCOUNTS, Resource
from .storage import Change, Object, Storage, clone, suffix

_MOST_CONTINUATIONS = 100


class Selection(NamedTuple):
    """Which objects a list or a watch is about."""

    resource: Resource
    namespace: str
    labels: str = ""
    fields: str = ""

    def test(self) -> Callable[[Object], bool]:
        by_labels = selectors.by_labels(self.labels)
        by_fields = selectors.by_fields(self.fields, self.resource.plural)
        return lambda value: (
            self.namespace in ("", value["metadata"].get("namespace")) and by_labels(value) and by_fields(value)
        )


class Operations:
    """The verbs of the interface.

    Parameters
    ----------
    storage : Storage
    bookmark_seconds : float
        How often a watch that asked for them is sent bookmarks.
    """

    def __init__(self, storage: Storage, bookmark_seconds: float = 1.0) -> None:
        self.storage = storage
        self.bookmark_seconds = bookmark_seconds
        # Pages that are still to come, by token: a list shows all objects as they were when it began.
        self._rest: OrderedDict[str, tuple[str, list[Object]]] = OrderedDict()

    def create(self, resource: Resource, namespace: str, body: Object, dry_run: bool = False) -> Object:
        value = self._accepted(resource, body)
        metadata = value.setdefault("metadata", {})
        if resource.namespaced:
            if metadata.setdefault("namespace", namespace) != namespace:
                message = "the namespace of the provided object does not match the namespace sent on the request"
                raise problems.bad_request(message)
            if self.storage.find(NAMESPACES, "", namespace) is None:
                raise problems.not_found(NAMESPACES, namespace)
        for name in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields"):
            metadata.pop(name, None)
        defaults.fill(resource, value)
        validation.check(resource, value)
        if resource is PODS:
            self.check_service_account(namespace, value)
        if dry_run:
            metadata.setdefault("name", metadata.get("generateName", "") + suffix())
            return value
        created = self.storage.create(resource, value, complete_job if resource is JOBS else None)
        if resource is NAMESPACES:
            account = {"kind": "ServiceAccount", "apiVersion": "v1"}
            account["metadata"] = {"name": "default", "namespace": created["metadata"]["name"]}
            self.storage.create(SERVICE_ACCOUNTS, account)
        return created

    def check_service_account(self, namespace: str, pod: Object) -> None:
        """Refuse a pod that wants to run as a service account that is not there."""
        account = pod["spec"].get("serviceAccountName", "default")
        if self.storage.find(SERVICE_ACCOUNTS, namespace, account) is None:
            name = pod["metadata"].get("name") or pod["metadata"].get("generateName", "")
            why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
            raise problems.forbidden(PODS, name, why)

    def patch(self, resource: Resource, namespace: str, name: str, patch: Object, status: bool = False) -> Object:
        def change(value: Object) -> None:
            before = clone(value)
            after = schemas.without_nulls(merged(value, patch))
            for part in ("kind", "apiVersion"):
                after[part] = before[part]
            # A patch of the one part leaves the other as it is.
            kept = "spec" if status else "status"
            after.pop(kept, None)
            if kept in before:
                after[kept] = before[kept]
            value.clear()
            value.update(after)
            self._check_change(resource, before, value)

        expected = (patch.get("metadata") or {}).get("resourceVersion")
        return self.storage.update((resource, namespace, name), change, expected)

    def replace(self, resource: Resource, namespace: str, name: str, body: Object) -> Object:
        wanted = self._accepted(resource, body)

        def change(value: Object) -> None:
            before = clone(value)
            kept = {part: before["metadata"].get(part) for part in ("name", "namespace", "uid", "creationTimestamp")}
            value.clear()
            value.update({part: content for part, content in wanted.items() if part != "status"})
            if "status" in before:
                value["status"] = before["status"]
            value["metadata"] = {**wanted["metadata"], **schemas.without_nulls(kept)}
            self._check_change(resource, before, value)

        return self.storage.update((resource, namespace, name), change, wanted["metadata"].get("resourceVersion"))

    def delete(self, resource: Resource, namespace: str, name: str, options: Mapping[str, Any]) -> Object:
        with self.storage.changed:
            metadata = self.storage.get(resource, namespace, name)["metadata"]
            for field, wanted in (options.get("preconditions") or {}).items():
                if wanted is not None and metadata[field] != wanted:
                    why = f"Precondition failed: {field} in precondition: {wanted}, in object meta: {metadata[field]}"
                    raise problems.conflict(resource, name, why)
            policy, grace = options.get("propagationPolicy"), options.get("gracePeriodSeconds")
            return deletion.delete(self.storage, (resource, namespace, name), policy, grace)

    def delete_all(self, selection: Selection, options: Mapping[str, Any]) -> list[Object]:
        test = selection.test()
        chosen = [value for value in self.storage.items(selection.resource, selection.namespace) if test(value)]
        for value in chosen:
            try:
                self.delete(selection.resource, value["metadata"]["namespace"], value["metadata"]["name"], options)
            except problems.Problem as problem:
                if problem.code != 404:
                    raise
        return chosen

    def list(self, selection: Selection, limit: int = 0, token: str = "") -> Object:
        """Objects as a list, of at most so many; the rest comes by the token that is with it."""
        if token:
            revision, items = self._continued(token)
        else:
            with self.storage.changed:
                revision = str(self.storage.revision)
                items = self.storage.items(selection.resource, selection.namespace)
            test = selection.test()
            items = [value for value in items if test(value)]
        metadata: Object = {"resourceVersion": revision}
        if limit and len(items) > limit:
            metadata["continue"] = self._keep_rest(revision, items[limit:])
            if not selection.labels and not selection.fields:
                metadata["remainingItemCount"] = len(items) - limit
            items = items[:limit]
        kind = f"{selection.resource.kind}List"
        return {"kind": kind, "apiVersion": selection.resource.api_version, "metadata": metadata, "items": items}

    def watch(
        self, selection: Selection, revision: str, seconds: float, bookmarks: bool, stopped: Callable[[], bool]
    ) -> Iterator[Object | None]:
        """Yield what happens to the objects, as the events of a watch, until the time is over.

        Yields None now and then if nothing happens, so that a client that is gone is noticed.
        """
        test = selection.test()
        end = time.monotonic() + seconds
        if revision in ("", "0"):
            with self.storage.changed:
                seen = self.storage.revision
                present = self.storage.items(selection.resource, selection.namespace)
            yield from ({"type": "ADDED", "object": value} for value in present if test(value))
        else:
            seen = int(revision)
        next_bookmark = time.monotonic() + self.bookmark_seconds
        while time.monotonic() < end and not stopped():
            try:
                with self.storage.changed:
                    if self.storage.revision <= seen and seen >= self.storage.compacted:
                        self.storage.changed.wait(min(0.5, max(end - time.monotonic(), 0)))
                    changes = self.storage.changes_since(seen)
            except problems.Problem as problem:
                yield {"type": "ERROR", "object": problem.status()}
                return
            events = [event for change in changes if (event := _event(change, selection.resource, test))]
            seen = changes[-1].revision if changes else seen
            yield from events
            if not events:
                yield None
            if bookmarks and time.monotonic() >= next_bookmark:
                next_bookmark = time.monotonic() + self.bookmark_seconds
                yield _bookmark(selection.resource, seen)
        if bookmarks and not stopped():
            yield _bookmark(selection.resource, seen)

    def expire(self) -> None:
        """Forget the past: watches from before and lists that go on end with 410."""
        with self.storage.changed:
            self._rest.clear()
            self.storage.compact()

    def _accepted(self, resource: Resource, body: Object) -> Object:
        if not isinstance(body, dict):
            raise problems.bad_request("the object provided is unrecognized")
        value: Object = schemas.without_nulls(body)
        for part, wanted in (("kind", resource.kind), ("apiVersion", resource.api_version)):
            if value.setdefault(part, wanted) != wanted:
                raise problems.bad_request(
                    f"the {part} in the data ({value[part]}) does not match the expected {part} ({wanted})"
                )
        value.setdefault("metadata", {})
        schemas.check(resource, value)
        return value

    def _check_change(self, resource: Resource, before: Object, after: Object) -> None:
        schemas.check(resource, after)
        validation.check(resource, after)
        if resource in (JOBS, JOB_SETS, PODS):
            validation.check_unchanged(resource, before, after)

    def _keep_rest(self, revision: str, items: list[Object]) -> str:
        content = {"v": "meta.k8s.io/v1", "rv": int(revision), "start": items[0]["metadata"]["name"]}
        token = base64.urlsafe_b64encode(json.dumps(content | {"page": suffix()}).encode()).decode().rstrip("=")
        with self.storage.changed:
            self._rest[token] = (revision, items)
            while len(self._rest) > _MOST_CONTINUATIONS:
                self._rest.popitem(last=False)
        return token

    def _continued(self, token: str) -> tuple[str, list[Object]]:
        with self.storage.changed:
            if token not in self._rest:
                raise problems.expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a "
                    "new list without the continue parameter."
                )
            return self._rest[token]


def complete_job(job: Object) -> None:
    """Write into a Job what finds its pods."""
    labels = job_labels(job)
    job["spec"]["selector"] = {
        "matchLabels": {"batch.kubernetes.io/controller-uid": labels["batch.kubernetes.io/controller-uid"]}
    }
    template = job["spec"]["template"]
    template["metadata"] = {**(template.get("metadata") or {})}
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), **labels}


def job_labels(job: Object) -> dict[str, str]:
    """The labels of a Job's pods."""
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def _event(change: Change, resource: Resource, test: Callable[[Object], bool]) -> Object | None:
    if change.key[0] is not resource:
        return None
    was = change.before is not None and test(change.before)
    # An object that is deleted leaves the selection that it was in; one that is changed may enter or leave it.
    is_now = change.kind != "DELETED" and test(change.after)
    if was and is_now:
        return {"type": "MODIFIED", "object": change.after}
    if is_now:
        return {"type": "ADDED", "object": change.after}
    if was:
        return {"type": "DELETED", "object": change.after}
    return None


def _bookmark(resource: Resource, revision: int) -> Object:
    metadata = {"resourceVersion": str(revision), "creationTimestamp": None}
    value = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    if resource is PODS:
        # As the real server does: what a client of types requires is there, and empty.
        value["spec"] = {"containers": None}
    if resource.kind in ("Job", "Pod"):
        value["status"] = {}
    if resource is JOBS:
        value["spec"] = {"template": {"metadata": {"creationTimestamp": None}, "spec": {"containers": None}}}
    return {"type": "BOOKMARK", "object": value}
