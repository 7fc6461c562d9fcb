"""Serializers: how values of some kind are stored other than as pickles.

For those who write one; see `ArtifactSerializer`. Names are imported when they are first used.
"""

from __future__ import annotations

from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .registered import SerializerState as SerializerState
    from .serializer import (
        ArtifactSerializer as ArtifactSerializer,
        SerializationFormat as SerializationFormat,
        SerializationMetadata as SerializationMetadata,
        SerializedBlob as SerializedBlob,
    )
    from .store import (
        SerializerStore as SerializerStore,
        list_serializer_status as list_serializer_status,
        register_serializer as register_serializer,
    )

_WHERE = {
    "ArtifactSerializer": "metaflow.datastore.artifacts.serializer",
    "SerializationFormat": "metaflow.datastore.artifacts.serializer",
    "SerializationMetadata": "metaflow.datastore.artifacts.serializer",
    "SerializedBlob": "metaflow.datastore.artifacts.serializer",
    "SerializerState": "metaflow.datastore.artifacts.registered",
    "SerializerStore": "metaflow.datastore.artifacts.store",
    "list_serializer_status": "metaflow.datastore.artifacts.store",
    "register_serializer": "metaflow.datastore.artifacts.store",
}

__all__ = [*_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)
