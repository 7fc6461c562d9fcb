"""Reading the records that a metadata service has, of runs that were made on any machine."""

from __future__ import annotations

import os
import time

from metaflow.client.home import home_of_run
from metaflow.client.provider import Provider
from metaflow.datastore.location import FILES_OF_METAFLOW, WRITTEN_BY_METAFLOW, kind_of
from metaflow.exception import DataException, MetadataException, MetaflowNotFound, ServiceException
from metaflow.metadata_store.store import RunQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore

# A run on another machine is shown as failed as soon as its heartbeats are missing, but recorded as failed only when
# they have been missing for so many seconds: they also stay away when the service or the network was.
_SILENCE_OF_THE_DEAD = 300.0


class ServiceProvider(Provider):
    """Reads records over HTTP, and the artifacts of each run from the datastore that it was made with."""

    def check(self) -> None:
        """See that the service is there, and lets us read.

        Raises
        ------
        ValueError
            It is not, or does not.
        """
        try:
            self.index.flows("")
        except ServiceException as error:
            raise ValueError(error.message) from error

    def store_of(self, flow: str, run_id: str) -> ObjectStore:
        """The datastore that has the files of a run.

        Raises
        ------
        DataException
            It is not to be had on this machine.
        """
        if (flow, run_id) not in self._locations:
            run = self.index.run(flow, run_id)
            if run is not None and run.datastore and not _is_here(run):
                raise DataException(_where_files_are(run))
        return super().store_of(flow, run_id)

    def change_tags(self, run: RunRecord, add: list[str], remove: list[str]) -> RunRecord:
        """Add and remove user tags of a run: in its files, if they can be reached from here, and in the service.

        Raises
        ------
        MetaflowTaggingError
            The change breaks a rule.
        MetaflowNotFound
            The run is gone.
        DataException, MetadataException
            It cannot be written.
        """
        if self._readable_store(run) is not None:
            return super().change_tags(run, add, remove)
        from metaflow.metadata_store.events import TagsChanged
        from metaflow.metadata_store.tags import change_tags

        now = self.index.run(run.flow, run.run_id)
        if now is None:
            raise MetaflowNotFound(f"Run('{run.flow}/{run.run_id}') does not exist any more")
        added, removed = change_tags(now.tags, now.system_tags, add, remove)
        self.index.apply([TagsChanged(run.flow, run.run_id, added, removed)])
        return self.run(run.flow, run.run_id) or now

    def _opened_index(self) -> MetadataStore:
        index = self.home.open_index()
        if home_of_run() is None and os.path.isdir(self.home.outbox):
            from metaflow.metadata_store.outbox import deliver_left_behind
            from metaflow.metadata_store.service import ServiceMetadata

            sender = ServiceMetadata(self.home.service, tries=1)
            try:
                deliver_left_behind(self.home.outbox, self.home.service, sender.apply)
            except MetadataException:
                pass  # it goes on waiting: we may only read, or what is asked next says what is wrong
            finally:
                sender.close()
        return index

    def renew_index(self) -> None:
        """The service has the records, and looks after them itself."""

    def _readable_store(self, run: RunRecord) -> ObjectStore | None:
        """The datastore with a run's files; None if they are on another machine, or are none of ours."""
        return self.store_at(run.datastore) if _is_here(run) else None

    def _healed(self, run: RunRecord, with_values: bool = False) -> RunRecord:
        if self._is_right(run):
            return run
        copy = self._copies.get((run.flow, run.run_id))
        if copy is not None:
            return copy.runs(RunQuery(run.flow, with_values=with_values))[0]  # it holds one run
        from metaflow.client.recovery import assumed_dead
        from metaflow.datastore.null_store import NullStore

        store = self._readable_store(run)
        if not self._is_surely_over(store, run, time.time()):
            return assumed_dead(run)
        return self._recovered(run, store or NullStore())

    def _is_surely_over(self, store: ObjectStore | None, run: RunRecord, now: float) -> bool:
        from metaflow.client.recovery import stored_run
        from metaflow.metadata_store.liveness import is_alive

        if is_alive(run.host, run.pid, run.process_started) is False:
            return True
        if now - max(run.heartbeat_at or 0.0, run.started_at) > _SILENCE_OF_THE_DEAD:
            return True
        try:
            written = None if store is None else stored_run(store, run.flow, run.run_id)
        except (DataException, MetadataException):
            return False  # its files cannot be read now; that it is silent is what can be told
        return written is not None and written.status != "running"

    def _copied(self, run: RunRecord) -> RunRecord:
        from metaflow.client.recovery import index_in_memory
        from metaflow.datastore.null_store import NullStore

        copy = index_in_memory(self._readable_store(run) or NullStore(), self.index, run)
        self._copies[run.flow, run.run_id] = copy
        return copy.run(run.flow, run.run_id) or run

    def _adopted(self, flow: str, run_id: str) -> RunRecord | None:
        """Look for a run of the service that was killed before the service heard of it.

        Runs in the same datastore that were recorded on one machine only are none of the service's business.
        """
        from metaflow.client.recovery import stored_run

        if not self.home.datastore and not os.path.isdir(self.home.root):
            return None  # nothing has run here
        run = stored_run(self.store, flow, run_id)
        if run is None or run.datastore != self.home.recorded_datastore:
            return None
        return super()._adopted(flow, run_id)


def _is_here(run: RunRecord) -> bool:
    """Whether a run's files can be read on this machine; those in shared places can, or reading them says why not."""
    from metaflow.datastore.layout import run_key

    if run.datastore == WRITTEN_BY_METAFLOW:
        return False
    return kind_of(run.datastore) != "local" or os.path.exists(
        os.path.join(run.datastore, run_key(run.flow, run.run_id))
    )


def _where_files_are(run: RunRecord) -> str:
    from metaflow.metadata_store.liveness import process_identity

    if run.datastore == WRITTEN_BY_METAFLOW:
        return FILES_OF_METAFLOW
    problem = f"The artifacts and logs of {run.flow}/{run.run_id} cannot be read"
    if run.host == process_identity()[0]:
        return f"{problem}: they were in {run.datastore}, and are there no more. Was the directory moved or removed?"
    machine = "another machine" if run.host is None else f"the machine {run.host.partition('/')[0]}"
    return (
        f"{problem} here: they are on {machine}, in {run.datastore}. Read them there, or use a datastore that all "
        "machines share (--datastore s3, azure or gs) for runs that others need."
    )
