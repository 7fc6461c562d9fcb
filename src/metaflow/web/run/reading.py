"""Finding the run that a page is about, and saying why something of it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.deleted_runs import deleted_text
from metaflow.exception import (
    DamagedRecord,
    DataException,
    MetadataException,
    MetaflowDataMissing,
    MetaflowNotFound,
)
from metaflow.server.errors import Refusal
from metaflow.web.settled_tasks import settled_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.client.provider import Provider
    from metaflow.exception import MetaflowException
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices


def existing_run(web: WebServices, flow: str, run_id: str) -> RunRecord:
    """The record of a run, as it is in truth.

    Raises
    ------
    Refusal
        There is none.
    """
    metadata = web.server.metadata
    found = metadata.run(flow, run_id)
    if found is not None and (not found.datastore or (flow, run_id) in web.provider.deleted):
        web.provider.deleted.look(found)
    settled = None if found is None else settled_run(web.provider, found)
    refuse_deleted(web.provider, flow, run_id)
    if settled is not None:
        return settled
    if metadata.flows(flow):
        message = (
            f"There is no run {run_id[:200]!r} of {flow[:200]!r}: it was deleted, or there never was one of this id. "
            "See the other runs of the flow."
        )
        raise Refusal(404, "run_not_found", message)
    raise Refusal(404, "flow_not_found", f"No run of a flow {flow[:200]!r} is known here. See which flows there are.")


def refuse_deleted(provider: Provider, flow: str, run_id: str) -> None:
    """Say so if it was noticed that a run had been deleted elsewhere.

    Raises
    ------
    Refusal
        It was.
    """
    if (flow, run_id) in provider.deleted:
        raise Refusal(404, "run_deleted", deleted_text(flow, run_id))


def readable(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `read` gives; files that cannot be read are a refusal with the reason.

    Raises
    ------
    Refusal
        Files of the run are gone, damaged, or out of reach.
    """
    try:
        return read()
    except MetadataException:
        raise  # of the database, whose state is not for everybody
    except (MetaflowDataMissing, MetaflowNotFound) as error:
        raise Refusal(404, "files_missing", error.message) from error
    except DataException as error:
        raise Refusal(502, "files_unreadable", error.message) from error


def file_problem(error: MetaflowException) -> str:
    """What is told of a file that cannot be read, where the rest of an answer is given all the same.

    Raises
    ------
    MetadataException
        It was the database: the service tells of that in its own way.
    """
    if isinstance(error, MetadataException) and not isinstance(error, DamagedRecord):
        raise error
    return error.message
