"""Reading what the ``spin`` command left: files without an index, which is made here when somebody looks."""

from __future__ import annotations

from metaflow.client.provider import Provider
from metaflow.datastore.layout import runs_prefix
from metaflow.metadata_store.store import RunQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.metadata_store.records import FlowRecord, RunRecord

_RUN_FILE = "/run.json"


class SpinProvider(Provider):
    """Reads a datastore of spun steps, and brings its index up to date before anything is listed."""

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows of which steps were spun, or only the one named, newest first."""
        self._catch_up(flow)
        return super().flows(flow)

    def each_run(self, query: RunQuery) -> Iterator[RunRecord]:
        """Give the spun steps that match, each a run of its own, in the query's order."""
        self._catch_up(query.flow)
        yield from super().each_run(query)

    def _catch_up(self, flow: str | None) -> None:
        known = {(run.flow, run.run_id) for run in self.index.runs(RunQuery(flow))}
        for key in self.store.list(runs_prefix(flow)):
            if key.endswith(_RUN_FILE):
                name, run_id = key.removesuffix(_RUN_FILE).split("/")[-2:]
                if (name, run_id) not in known:
                    # Takes it into the index.
                    self.run(name, run_id)
