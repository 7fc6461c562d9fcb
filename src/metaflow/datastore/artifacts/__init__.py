"""Serializers: how values of some kind are stored other than as pickles.

For those who write one; see `ArtifactSerializer`. Names are imported when they are first used.
"""

from __future__ import annotations

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


def _import_name(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:
    __getattr__ = _import_name


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
