"""What the routes of the web app share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metaflow.exception import MetadataException
from metaflow.server.errors import database_problem
from metaflow.web.settled_tasks import SettledTasks

if TYPE_CHECKING:
    from pathlib import Path

    from metaflow.client.provider import Provider
    from metaflow.exception import MetaflowException
    from metaflow.metadata_store.store import DocumentStore
    from metaflow.server.database import Database
    from metaflow.server.services import Services
    from metaflow.web.access.sign_in import OneTimeCodes
    from metaflow.web.arrivals import Arrivals
    from metaflow.web.attempts.kept_tables import KeptTables
    from metaflow.web.run.steps import CountedSteps


class WebServices(NamedTuple):
    """What the routes of the web app use.

    Attributes
    ----------
    server : Services
        Settings, records, events and listeners of the service that the app is a part of.
    provider : Provider
        Reads the same records, and what is in the datastores of runs. Its methods read files and networks, so they are
        called in threads (``run_in_threadpool``).
    database : Database
        Where the records are, for questions about very many of them.
    attempts : KeptTables
        The attempts of all tasks of a run, in memory.
    steps : CountedSteps
        How far the steps of a run are.
    project : Path, optional
        Directory whose flows may be started from a page; None where nothing may be started, as on a team's server.
    codes : OneTimeCodes, optional
        Codes that let somebody in once, instead of a token.
    own_documents : DocumentStore, optional
        Where documents are that are the app's own, if not in the database.
    arrivals : Arrivals, optional
        What looks for runs of other machines, where the datastore is behind a network.
    """

    server: Services
    provider: Provider
    database: Database
    attempts: KeptTables
    steps: CountedSteps
    project: Path | None = None
    codes: OneTimeCodes | None = None
    own_documents: DocumentStore | None = None
    arrivals: Arrivals | None = None

    @property
    def tasks(self) -> SettledTasks:
        """Questions about all tasks of a run."""
        return SettledTasks(self.provider)

    def reason(self, error: MetaflowException) -> str:
        """What is told of an error; what is wrong with the database of a team's server is for its log only."""
        if isinstance(error, MetadataException):
            return database_problem(error, tells_reasons=self.project is not None)
        return error.message

    @property
    def documents(self) -> DocumentStore:
        """Documents that are the app's own: who did what, views that were saved."""
        return self.own_documents or self.database
