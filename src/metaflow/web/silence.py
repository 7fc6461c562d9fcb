"""Runs that seem to go on, but of which nothing was heard for a while: what is known of them, and no more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from metaflow.metadata_store.liveness import silent_since
from metaflow.server.models import Model

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord


class Silence(Model):
    """That a run which is recorded as running gives no sign of life."""

    since: Annotated[float, Field(description="when it gave the last one, in seconds since the epoch")]
    is_out_of_reach: Annotated[bool, Field(description="its datastore cannot be reached, which would tell more")]


def silence_of(provider: Provider, run: RunRecord) -> dict[str, Any] | None:
    """What to say of a run's silence; None if there is none."""
    since = silent_since(run, time.time())
    return None if since is None else {"since": since, "is_out_of_reach": provider.is_out_of_reach(run.datastore)}
