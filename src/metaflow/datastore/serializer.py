"""Values to bytes and back.

A serializer turns a value into a *stream* and any number of *buffers*. The buffers are views of the value's
own memory: an array's bytes go from there to the disk without being copied. Serializers are asked in order of
priority, and the encoding that is stored with the bytes says which of them reads the bytes again.
"""

from __future__ import annotations

import pickle
from typing import NamedTuple, Protocol

from metaflow.exception import DataException, MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.datastore.store import Buffer

#: Buffers from this size in bytes on are stored beside the stream; smaller ones are copied into it.
OUT_OF_BAND_BYTES = 64 * 1024

_PICKLE_PROTOCOL = 5


class Serialized(NamedTuple):
    """A value as bytes.

    Attributes
    ----------
    stream : bytes
        What the serializer wrote.
    buffers : list of memoryview
        Flat views of memory that the value owns; valid as long as the value is neither changed nor gone.
    encoding : str
        Name of the format, which `deserialize` needs.
    type_name : str
        The value's type, like ``<class 'int'>``.
    """

    stream: bytes
    buffers: list[memoryview]
    encoding: str
    type_name: str

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.stream) + sum(buffer.nbytes for buffer in self.buffers)


class Serializer(Protocol):
    """One way to turn values into bytes."""

    encoding: str

    def accepts(self, value: object) -> bool:
        """Say whether this serializer takes the value."""
        ...

    def serialize(self, value: object, name: str) -> tuple[bytes, list[memoryview]]:
        """Return stream and buffers; `name` is what a message calls the value."""
        ...

    def deserialize(self, stream: Buffer, buffers: Sequence[Buffer]) -> object:
        """Return the value again; the buffers are writable and now belong to it."""
        ...


class PickleSerializer:
    """Pickle with out-of-band buffers: takes every value, and is asked last."""

    encoding = "pickle-v5"

    def accepts(self, value: object) -> bool:
        """Say yes: whether a value can be pickled shows only when it is tried."""
        return True

    def serialize(self, value: object, name: str) -> tuple[bytes, list[memoryview]]:
        """Return the pickle stream and the large buffers.

        Raises
        ------
        UnpicklableArtifactException
            If the value, or something in it, cannot be pickled.
        """
        buffers: list[memoryview] = []

        def keep_in_stream(buffer: pickle.PickleBuffer) -> bool:
            view = buffer.raw()
            if view.nbytes < OUT_OF_BAND_BYTES:
                return True
            buffers.append(view)
            return False

        try:
            return pickle.dumps(value, _PICKLE_PROTOCOL, buffer_callback=keep_in_stream), buffers
        except (MemoryError, MetaflowException):
            # Neither is about the value: the latter is a timeout that struck while it was pickled.
            raise
        except Exception as error:
            from metaflow.datastore.unpicklable import unpicklable

            raise unpicklable(value, name, error) from error

    def deserialize(self, stream: Buffer, buffers: Sequence[Buffer]) -> object:
        """Return the value again. Any exception of the classes being loaded passes through."""
        return pickle.loads(stream, buffers=buffers)


class FileSerializer:
    """Reads the content of a file that was stored as it is, as text or as bytes."""

    encoding = "file-v1"

    def accepts(self, value: object) -> bool:
        """Say no: files do not come as values, but from `metaflow.datastore.file_content`."""
        return False

    def serialize(self, value: object, name: str) -> tuple[bytes, list[memoryview]]:
        """Never asked for."""
        raise NotImplementedError

    def deserialize(self, stream: Buffer, buffers: Sequence[Buffer]) -> object:
        """Return the content; in a text all lines end alike, as when Python reads a text file.

        The stream's first line is the encoding of a text, or empty for bytes. A small file's content follows in the
        stream, that of a larger one is the buffer.
        """
        first_line, _, content = bytes(stream).partition(b"\n")
        encoding = first_line.decode("ascii")
        whole: Buffer = buffers[0] if buffers else content
        if not encoding:
            return bytes(whole)
        text = str(whole, encoding)
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class SerializerRegistry:
    """Serializers in order of priority."""

    def __init__(self) -> None:
        self._ordered: list[tuple[int, Serializer]] = []

    def register(self, serializer: Serializer, priority: int) -> None:
        """Add a serializer.

        Parameters
        ----------
        serializer : Serializer
            Its encoding must not be taken yet.
        priority : int
            Higher is asked earlier. Pickle, which takes everything, has 0.

        Raises
        ------
        DataException
            If another serializer has the same encoding.
        """
        if any(known.encoding == serializer.encoding for _, known in self._ordered):
            raise DataException(
                f"There already is a serializer for the encoding '{serializer.encoding}'. "
                "Give the new one another name."
            )
        self._ordered.append((priority, serializer))
        self._ordered.sort(key=lambda pair: -pair[0])

    def serialize(self, value: object, name: str = "value") -> Serialized:
        """Turn a value into bytes; see the function of the same name."""
        for _, serializer in self._ordered:
            if serializer.accepts(value):
                stream, buffers = serializer.serialize(value, name)
                return Serialized(stream, buffers, serializer.encoding, type.__repr__(type(value)))
        raise DataException(f"No serializer takes `{name}`, a {type.__repr__(type(value))}.")

    def deserialize(self, encoding: str, stream: Buffer, buffers: Sequence[Buffer]) -> object:
        """Turn bytes into the value again; see the function of the same name."""
        return self._that_wrote(encoding).deserialize(stream, buffers)

    def _that_wrote(self, encoding: str) -> Serializer:
        for _, serializer in self._ordered:
            if serializer.encoding == encoding:
                return serializer
        from metaflow.registry import load, names

        try:
            found: Serializer = load("serializers", encoding)()
        except KeyError:
            known = ", ".join([*(serializer.encoding for _, serializer in self._ordered), *names("serializers")])
            raise DataException(
                f"It is encoded as '{encoding}', which nothing here can read (known: {known}). "
                "Install the package or the newer version of metaflow that wrote it."
            ) from None
        return found


SERIALIZERS = SerializerRegistry()
SERIALIZERS.register(PickleSerializer(), 0)
SERIALIZERS.register(FileSerializer(), -1)


def serialize(value: object, name: str = "value") -> Serialized:
    """Turn a value into bytes.

    Parameters
    ----------
    value : object
        Anything that some serializer takes.
    name : str
        What a message calls the value, as in ``self.model``.

    Returns
    -------
    Serialized
        Stream, buffers, encoding and type.

    Raises
    ------
    UnpicklableArtifactException
        If the value, or something in it, cannot be pickled; the message names the attribute at fault.
    """
    return SERIALIZERS.serialize(value, name)


def deserialize(encoding: str, stream: Buffer, buffers: Sequence[Buffer]) -> object:
    """Turn bytes into the value again.

    Parameters
    ----------
    encoding : str
        As `serialize` returned it.
    stream : bytes-like
        As `serialize` returned it.
    buffers : sequence of bytes-like
        Copies of the buffers in the same order, writable. The value keeps them.

    Returns
    -------
    object
        A value equal to the one serialized.

    Raises
    ------
    DataException
        If the encoding is unknown. Whatever the value's own classes raise passes through.
    """
    return SERIALIZERS.deserialize(encoding, stream, buffers)
