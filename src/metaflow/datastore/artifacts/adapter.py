"""Between our own form of a serialised value and that of serializers of others: what is asked of them, what is kept.

What an artifact's entry keeps of such a serializer: ``name`` (its TYPE), ``class`` (where its class is), ``obj_type``
and ``info`` (of its `SerializationMetadata`), and ``references`` (which of the blobs are references).
"""

from __future__ import annotations

from typing import Any

from ...exception import DataException, MetaflowException
from ..serializer import Serialized
from .serializer import SerializationFormat, SerializationMetadata, SerializedBlob
from .store import SERIALIZERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..store import Buffer
    from .registered import Registered


def offer_to_others(value: object, name: str) -> Serialized | None:
    """Have the first serializer that takes a value turn it into bytes.

    Parameters
    ----------
    value : object
    name : str
        What a message calls the value, as in ``self.model``.

    Returns
    -------
    Serialized or None
        None if all leave it to pickle.

    Raises
    ------
    DataException
        If the serializer fails, or returns what it should not.
    """
    for registered in SERIALIZERS.taking(value):
        return _serialize(registered, value, name)
    return None


def _serialize(registered: Registered, value: object, name: str) -> Serialized:
    try:
        returned = registered.loaded.serialize(value, format=SerializationFormat.STORAGE)
    except (MemoryError, MetaflowException):
        # Neither is the serializer's doing: the latter is a timeout, or says by itself what is wrong.
        raise
    except Exception as error:
        raise DataException(
            f"{registered} failed to serialize `{name}`, a {type.__repr__(type(value))}: "
            f"{type(error).__name__}: {error}"
        ) from error
    blobs, metadata = _checked(registered, name, returned)
    info = {**metadata.serializer_info, "source": registered.source}
    kept = {
        "name": registered.name,
        "class": registered.class_path,
        "obj_type": str(metadata.obj_type),
        "info": info,
        "references": [index for index, blob in enumerate(blobs) if blob.is_reference],
    }
    _check_plain(registered, name, info)
    stream, *buffers = [_bytes(blob) for blob in blobs]
    # Also if that serializer calls it otherwise: by this type the value is told from those that pickle stored.
    return Serialized(stream, buffers, metadata.encoding, type.__repr__(type(value)), kept)


def _checked(registered: Registered, name: str, returned: Any) -> tuple[list[SerializedBlob], SerializationMetadata]:
    if isinstance(returned, tuple) and len(returned) == 2:
        blobs, metadata = returned
        if (
            isinstance(metadata, SerializationMetadata)
            and isinstance(metadata.encoding, str)
            and isinstance(metadata.serializer_info, dict)
            and isinstance(blobs, (list, tuple))
            and blobs
            and all(isinstance(blob, SerializedBlob) for blob in blobs)
        ):
            return list(blobs), metadata
    raise DataException(
        f"{registered} should have returned blobs and metadata for `{name}`: a list of at least one SerializedBlob, "
        f"and a SerializationMetadata. It returned a {type(returned).__name__} that is something else."
    )


def _check_plain(registered: Registered, name: str, info: dict[str, Any]) -> None:
    from json import dumps

    try:
        dumps(info)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataException(
            f"{registered} gives a serializer_info for `{name}` that cannot be written as JSON ({error}). "
            "It may hold texts, numbers, lists and dictionaries only."
        ) from error


def _bytes(blob: SerializedBlob) -> memoryview:
    if isinstance(blob.value, str):
        return memoryview(blob.value.encode("utf-8"))
    view = memoryview(blob.value)
    return view.cast("B") if view.contiguous else memoryview(view.tobytes())


def deserialize_by_others(
    encoding: str, stream: Buffer, buffers: Sequence[Buffer], type_name: str, kept: Mapping[str, Any] | None
) -> object:
    """Turn bytes that a serializer of others wrote into the value again.

    Parameters
    ----------
    encoding : str
    stream : bytes-like
    buffers : sequence of bytes-like
    type_name : str
    kept : mapping or None
        As in what `offer_to_others` returned; None if an artifact was imported, and that is not known.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DataException
        If no serializer here reads it, or the one that does fails.
    """
    kept = kept or {}
    size = len(stream) + sum(map(len, buffers))
    metadata = SerializationMetadata(
        kept.get("obj_type", type_name), size, encoding, dict(kept.get("info", {"source": "unknown"}))
    )
    registered = SERIALIZERS.reading(metadata, kept.get("name"), kept.get("class"))
    if registered is None:
        raise DataException(_nobody_reads(metadata, kept.get("name"), kept.get("class")))
    references = kept.get("references", ())
    parts = [bytes(part) for part in (stream, *buffers)]
    data: list[Any] = [part.decode("utf-8") if index in references else part for index, part in enumerate(parts)]
    try:
        return registered.loaded.deserialize(data, metadata=metadata, format=SerializationFormat.STORAGE)
    except (MemoryError, MetaflowException):
        raise
    except Exception as error:
        raise DataException(f"{registered} failed to load it: {type(error).__name__}: {error}") from error


def _nobody_reads(metadata: SerializationMetadata, name: str | None, class_path: str | None) -> str:
    known = ", ".join(SERIALIZERS.names())
    if name is None:
        return (
            f"It is encoded as '{metadata.encoding}', which nothing here can read (serializers here: {known}). "
            "Install the package or the newer version of metaflow that wrote it."
        )
    source = metadata.serializer_info.get("source")
    text = f"It was written by the serializer '{name}' of {source} as '{metadata.encoding}', which "
    writer = SERIALIZERS.get(name)
    if writer is not None and writer.problem is not None:
        return f"{text}cannot be used here: {writer.problem}"
    module = (class_path or "").partition(":")[0]
    if module and module != "__main__":
        advice = f"Install the package that has it, or import {module}, which registers it."
    else:
        advice = "That program registers it by itself: move the serializer to a module, and import it here."
    return f"{text}nothing here can read (serializers here: {known}). {advice}"
