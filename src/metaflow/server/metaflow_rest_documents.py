"""What programs of Netflix's Metaflow told the service, kept as they said it.

The records of our own kind (runs, tasks, tags) are in the metadata store and are the one truth for both interfaces.
Here is what only Metaflow's interface has: who may use which number, steps without tasks, artifacts' records, and
every field of every task.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from metaflow.metadata_store.store import DocumentStore

_FLOWS = "metaflow_flows"
_STEPS = "metaflow_steps"
_TASKS = "metaflow_tasks"
_ARTIFACTS = "metaflow_artifacts"
_FIELDS = "metaflow_fields"

_PAGE = 1000


class TaskPath(NamedTuple):
    """Which task."""

    flow: str
    run: str
    step: str
    task: str

    @property
    def pathspec(self) -> str:
        """``Flow/run/step/task``."""
        return "/".join(self)


class MetaflowDocuments:
    """Reads and writes the documents.

    Parameters
    ----------
    documents : DocumentStore
        Where they are.
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def add_flow(self, flow: str, content: dict[str, Any]) -> bool:
        """Note a flow; False if it is there."""
        return self._documents.put_document(_FLOWS, _key(flow), content)

    def flow(self, flow: str) -> dict[str, Any] | None:
        """What was noted of a flow."""
        return self._documents.get_document(_FLOWS, _key(flow))

    def flows(self) -> Iterator[dict[str, Any]]:
        """All flows that were noted."""
        return self._all(_FLOWS, "")

    def next_run_number(self, flow: str) -> str:
        """A number for a new run of a flow."""
        return str(self._documents.next_number(f"{_FLOWS}/{_key(flow)}"))

    def add_step(self, flow: str, run: str, step: str, content: dict[str, Any]) -> bool:
        """Note a step; False if it is there."""
        return self._documents.put_document(_STEPS, _key(flow, run, step), content)

    def steps(self, flow: str, run: str) -> Iterator[dict[str, Any]]:
        """Steps of a run that were noted."""
        return self._all(_STEPS, _key(flow, run) + "/")

    def add_task(self, path: TaskPath, content: dict[str, Any]) -> bool:
        """Note a task; False if it is there."""
        return self._documents.put_document(_TASKS, _key(*path), content)

    def next_task_number(self, flow: str, run: str) -> str:
        """A number for a new task of a run."""
        return str(self._documents.next_number(f"{_TASKS}/{_key(flow, run)}"))

    def task(self, path: TaskPath) -> dict[str, Any] | None:
        """What was noted of a task."""
        return self._documents.get_document(_TASKS, _key(*path))

    def tasks(self, flow: str, run: str, step: str) -> Iterator[dict[str, Any]]:
        """Tasks of a step that were noted."""
        return self._all(_TASKS, _key(flow, run, step) + "/")

    def add_artifacts(self, path: TaskPath, artifacts: list[dict[str, Any]]) -> None:
        """Note artifacts of a task; those that are there stay as they are."""
        keyed = {
            f"{_key(*path)}/{artifact['attempt_id']:06d}/{_key(artifact['name'])}": artifact for artifact in artifacts
        }
        self._documents.put_documents(_ARTIFACTS, keyed)

    def artifacts(self, path: TaskPath, attempt: int | None) -> list[dict[str, Any]]:
        """Artifacts of an attempt, or of the latest one that has any."""
        prefix = _key(*path) + "/"
        if attempt is not None:
            return list(self._all(_ARTIFACTS, f"{prefix}{attempt:06d}/"))
        found = list(self._all(_ARTIFACTS, prefix))
        latest = max((artifact["attempt_id"] for artifact in found), default=0)
        return [artifact for artifact in found if artifact["attempt_id"] == latest]

    def add_fields(self, path: TaskPath, fields: list[dict[str, Any]]) -> None:
        """Note fields of a task; one that is sent again is kept once."""
        keyed = {}
        for field in fields:
            # In the order in which they were made, and the same again if a program repeats itself.
            said = json.dumps(field, sort_keys=True).encode("utf-8", "backslashreplace")
            keyed[f"{_key(*path)}/{field['ts_epoch']:016d}-{hashlib.sha256(said).hexdigest()[:16]}"] = field
        self._documents.put_documents(_FIELDS, keyed)

    def fields(self, path: TaskPath) -> list[dict[str, Any]]:
        """Fields of a task, in the order in which they were made."""
        return list(self._all(_FIELDS, _key(*path) + "/"))

    def fields_of_step(self, flow: str, run: str, step: str) -> Iterator[dict[str, Any]]:
        """Fields of all tasks of a step."""
        return self._all(_FIELDS, _key(flow, run, step) + "/")

    def _all(self, collection: str, prefix: str) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            page = self._documents.documents(collection, prefix, _PAGE, after)
            yield from (content for _, content in page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]


def _key(*names: str) -> str:
    """A key of names, which may hold slashes and anything else."""
    return "/".join(quote(name, safe="", errors="backslashreplace") for name in names)
