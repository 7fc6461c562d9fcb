"""What the client reads from when a run lives in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..client.home import Home
from ..client.provider import Provider
from .memory_metadata import MemoryMetadata
from .memory_store import MemoryStore

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..metadata_store.records import TaskRecord
    from ..metadata_store.store import MetadataStore


class MemoryProvider(Provider):
    """Records, artifacts and logs that are gone when nothing refers to this object any more.

    Attributes
    ----------
    logs : dict
        Content of the logs, by flow, run, step, task and attempt.
    """

    def __init__(self) -> None:
        super().__init__(Home("memory"))
        self._objects = MemoryStore()
        self._records = MemoryMetadata()
        self.logs: dict[tuple[str, str, str, str, int], bytes] = {}

    @property
    def description(self) -> str:
        """What this is; nothing that ``metadata()`` could open again."""
        return "memory"

    @property
    def store(self) -> ObjectStore:
        """Where artifacts are."""
        return self._objects

    def store_of(self, flow: str, run_id: str) -> ObjectStore:
        """Where the artifacts of any run are."""
        return self._objects

    @property
    def index(self) -> MetadataStore:
        """Where records are."""
        return self._records

    def log(self, task: TaskRecord) -> bytes | None:
        """What an attempt printed."""
        return self.logs.get((task.flow, task.run_id, task.step, task.task_id, task.attempt))
