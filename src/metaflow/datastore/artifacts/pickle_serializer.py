"""Our own serializer in the form that others have, for programs that go through all of them."""

from __future__ import annotations

from typing import Any

from ...exception import DataException
from ..serializer import PICKLE_ENCODING, serialize_by_pickle
from .serializer import ArtifactSerializer, SerializationFormat, SerializationMetadata, SerializedBlob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .serializer import SerializeResult


#: Ours, and those of Metaflow, whose oldest artifacts have none.
_ENCODINGS = {PICKLE_ENCODING, "pickle-v2", "pickle-v4", "gzip+pickle-v2", "gzip+pickle-v4"}
_GZIP = b"\x1f\x8b"


class PickleSerializer(ArtifactSerializer):
    """Pickle, which takes every value, and is asked last."""

    TYPE = "pickle"
    PRIORITY = 9999

    @classmethod
    def can_serialize(cls, obj: Any) -> bool:
        """Say yes: whether a value can be pickled shows only when it is tried."""
        return True

    @classmethod
    def can_deserialize(cls, metadata: SerializationMetadata) -> bool:
        """Say whether it is a pickle."""
        return metadata.encoding in _ENCODINGS or not metadata.encoding

    @classmethod
    def serialize(cls, obj: Any, format: SerializationFormat = SerializationFormat.STORAGE) -> SerializeResult:
        """Return the pickle stream, and behind it the large buffers.

        Raises
        ------
        NotImplementedError
            For the wire.
        UnpicklableArtifactException
            If the value, or something in it, cannot be pickled.
        """
        _refuse_wire(format)
        done = serialize_by_pickle(obj)
        blobs = [SerializedBlob(part) for part in (done.stream, *done.buffers)]
        return blobs, SerializationMetadata(done.type_name, done.size, done.encoding, {})

    @classmethod
    def deserialize(
        cls,
        data: list[bytes] | str,
        metadata: SerializationMetadata | None = None,
        format: SerializationFormat = SerializationFormat.STORAGE,
    ) -> Any:
        """Return the value again. Any exception of the classes being loaded passes through."""
        _refuse_wire(format)
        from ..metaflow_pickle import load_pickle
        from ..serializer import deserialize

        if isinstance(data, str) or not data:
            raise DataException("A pickle is bytes, but there are none.")
        if metadata is None or metadata.encoding == PICKLE_ENCODING:
            return deserialize(PICKLE_ENCODING, data[0], data[1:])
        stream = data[0]
        if bytes(stream[:2]) == _GZIP:  # its name says so also where the store has unpacked it already
            from gzip import decompress

            stream = decompress(stream)
        return load_pickle(stream, ())


def _refuse_wire(format: SerializationFormat) -> None:
    if format != SerializationFormat.STORAGE:
        raise NotImplementedError("Pickles are bytes, and not made for the wire.")
