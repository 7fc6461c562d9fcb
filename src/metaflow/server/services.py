"""What the routes of the service share: its database, its writer, its listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from metaflow.metadata_store.store import EventLog, MetadataStore
    from metaflow.server.configuration import ServerSettings
    from metaflow.server.live import LiveEvents
    from metaflow.server.metrics import Metrics
    from metaflow.server.writer import EventWriter


class Services(NamedTuple):
    """What the routes use.

    Attributes
    ----------
    settings : ServerSettings
    metadata : MetadataStore
    log : EventLog
    writer : EventWriter
    live : LiveEvents
    metrics : Metrics
    """

    settings: ServerSettings
    metadata: MetadataStore
    log: EventLog
    writer: EventWriter
    live: LiveEvents
    metrics: Metrics
