"""What the routes share that change something: nothing is done that is not recorded first."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from metaflow.exception import MetadataException, MetaflowException
from metaflow.server.errors import Refusal
from metaflow.web.access.visitor import visitor_of
from metaflow.web.actions.deletion import Deletions
from metaflow.web.actions.journal import Actor, Journal
from metaflow.web.actions.operations import Operations
from metaflow.web.actions.startable import ProjectFlows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from starlette.requests import Request

    from metaflow.web.actions.journal import Outcome, RunName
    from metaflow.web.actions.models import ActedRun
    from metaflow.web.actions.operations import Operation
    from metaflow.web.services import WebServices

#: Seconds that an answer waits for what was asked for; most of it is over by then.
_SHORTLY = 0.7
#: As whom is recorded who has no name: anybody who can reach a service without tokens.
_NOBODY = "somebody"


class Deed(NamedTuple):
    """Something that is being done, and its entry in the journal."""

    actor: Actor
    entry: str


class Actions:
    """What the routes use.

    Parameters
    ----------
    web : WebServices

    Attributes
    ----------
    web : WebServices
    journal : Journal
    operations : Operations
    deletions : Deletions
    flows : ProjectFlows or None
        None where nothing can be started.
    """

    def __init__(self, web: WebServices) -> None:
        self.web = web
        self.journal = Journal(web.documents)
        self.operations = Operations(self.journal, web.reason)
        self.deletions = Deletions(web.provider)
        self.flows = None if web.project is None else ProjectFlows(web.project)

    def actor(self, request: Request) -> Actor:
        """Who asks.

        Raises
        ------
        Refusal
            They may only read. The gate says so of requests that write; some that read run a flow's file.
        """
        visitor = visitor_of(request, self.web)
        if self.web.server.settings.read_only:
            raise Refusal(403, "read_only", "This service is for reading only.")
        if not visitor.can_act:
            raise Refusal(403, "forbidden", f"The token {visitor.user} may read, but not write.")
        address = request.client.host[:100] if request.client is not None else "local"
        return Actor(visitor.user or _NOBODY, address)

    @asynccontextmanager
    async def deed(self, request: Request, action: str, runs: Sequence[RunName], **details: Any) -> AsyncIterator[Deed]:
        """Record that somebody does something; if the block raises, that it was refused or failed."""
        actor = self.actor(request)
        entry = await run_in_threadpool(self.journal.begin, actor, action, runs, details)
        try:
            yield Deed(actor, entry)
        except Refusal as refusal:
            await self.record(entry, "refused", str(refusal.detail))
            raise
        except MetadataException:
            # The service tells of its database in its own way: what is wrong with it is not for everybody.
            await self.record(entry, "failed", "The database could not be used.")
            raise
        except MetaflowException as error:
            await self.record(entry, "failed", error.message)
            raise Refusal(409, "failed", error.message) from error
        except Exception as error:
            # Without an end, it would seem to go on.
            await self.record(entry, "failed", f"It failed unexpectedly ({type(error).__name__}).")
            raise

    async def record(self, entry: str, outcome: Outcome, message: str) -> None:
        """Note what came of something, and let listeners look."""
        await run_in_threadpool(self.journal.end, entry, outcome, message)

    async def shortly(self, operation: Operation) -> dict[str, Any]:
        """How far an operation is: its end, or what it tells before that, if that comes at once."""
        await run_in_threadpool(operation.wait, _SHORTLY)
        self.web.server.live.wake()
        return operation.plain()


def names_of(runs: Iterable[ActedRun]) -> list[RunName]:
    """Flow and id of runs, each once."""
    return list(dict.fromkeys((run.flow, run.run_id) for run in runs))
