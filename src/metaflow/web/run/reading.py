"""Finding the run that a page is about, and saying why something of it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.exception import DataException, MetadataException, MetaflowDataMissing, MetaflowNotFound
from metaflow.server.errors import Refusal
from metaflow.web.settled_tasks import settled_run

if TYPE_CHECKING:
    from collections.abc import Callable

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
    if found is not None:
        return settled_run(web.provider, found)
    if metadata.flows(flow):
        message = (
            f"There is no run {run_id[:200]!r} of {flow[:200]!r}: it was deleted, or there never was one of this id. "
            "See the other runs of the flow."
        )
        raise Refusal(404, "run_not_found", message)
    raise Refusal(404, "flow_not_found", f"No run of a flow {flow[:200]!r} is known here. See which flows there are.")


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
