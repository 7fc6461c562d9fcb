"""Values to bytes and back.

A value becomes a *stream* and any number of *buffers*. The buffers are views of the value's own memory: an array's
bytes go from there to the disk without being copied. The *encoding* that is stored with the bytes says what reads them
again.

Values are pickled, unless a serializer of another package or of the program takes them
(`metaflow.datastore.artifacts`). That there are none has to cost nothing: they are looked for when the first value
comes that is no plain scalar.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any, NamedTuple

from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from metaflow.datastore.store import Buffer

    Offer: TypeAlias = Callable[[object, str], "Serialized | None"]

#: Buffers from this size in bytes on are stored beside the stream; smaller ones are copied into it.
OUT_OF_BAND_BYTES = 64 * 1024
#: How we pickle.
PICKLE_ENCODING = "pickle-v5"
#: Content of a file, stored as it is.
FILE_ENCODING = "file-v1"
#: Types whose values no serializer of another package is asked about.
SCALAR_TYPES = frozenset({type(None), bool, int, float, complex, str, bytes})

_PICKLE_PROTOCOL = 5


class Serialized(NamedTuple):
    """A value as bytes.

    Attributes
    ----------
    stream : bytes-like
        What the serializer wrote.
    buffers : list of memoryview
        Flat views of memory that the value owns; valid as long as the value is neither changed nor gone.
    encoding : str
        Name of the format, which `deserialize` needs.
    type_name : str
        The value's type, like ``<class 'int'>``.
    serializer : mapping or None
        What a serializer that is none of ours needs to read the bytes again, in JSON's terms.
    """

    stream: Buffer
    buffers: list[memoryview]
    encoding: str
    type_name: str
    serializer: Mapping[str, Any] | None = None

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.stream) + sum(buffer.nbytes for buffer in self.buffers)


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
    DataException
        If another serializer takes the value and fails.
    """
    offer = _offer
    if offer is None and not _looked and type(value) not in SCALAR_TYPES:
        offer = _look_for_serializers()
    if offer is not None:
        taken = offer(value, name)
        if taken is not None:
            return taken
    return serialize_by_pickle(value, name)


def serialize_by_pickle(value: object, name: str = "value") -> Serialized:
    """Like `serialize`, but no other serializer is asked."""
    kind = type(value)
    if kind in SCALAR_TYPES:
        return Serialized(pickle.dumps(value, _PICKLE_PROTOCOL), [], PICKLE_ENCODING, type.__repr__(kind))
    buffers: list[memoryview] = []

    def keep_in_stream(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < OUT_OF_BAND_BYTES:
            return True
        buffers.append(view)
        return False

    try:
        if not _has_reducers():
            stream = pickle.dumps(value, _PICKLE_PROTOCOL, buffer_callback=keep_in_stream)
        else:
            from metaflow.datastore.reducers import dump

            stream = dump(value, _PICKLE_PROTOCOL, keep_in_stream)
    except (MemoryError, MetaflowException):
        # Neither is about the value: the latter is a timeout that struck while it was pickled.
        raise
    except Exception as error:
        from metaflow.datastore.unpicklable import unpicklable

        raise unpicklable(value, name, error) from error
    return Serialized(stream, buffers, PICKLE_ENCODING, type.__repr__(kind))


def deserialize(
    encoding: str,
    stream: Buffer,
    buffers: Sequence[Buffer],
    type_name: str = "",
    serializer: Mapping[str, Any] | None = None,
) -> object:
    """Turn bytes into the value again.

    Parameters
    ----------
    encoding : str
        As `serialize` returned it.
    stream : bytes-like
        As `serialize` returned it.
    buffers : sequence of bytes-like
        Copies of the buffers in the same order, writable. The value keeps them.
    type_name : str
        As `serialize` returned it.
    serializer : mapping or None
        As `serialize` returned it.

    Returns
    -------
    object
        A value equal to the one serialized.

    Raises
    ------
    DataException
        If nothing here reads the encoding. Whatever the value's own classes raise passes through.
    """
    if serializer is None:
        if encoding == PICKLE_ENCODING:
            return pickle.loads(stream, buffers=buffers)
        if encoding == FILE_ENCODING:
            return _content_of_file(stream, buffers)
        from metaflow.registry import BUILT_IN, load

        if encoding in BUILT_IN["decoders"]:
            return load("decoders", encoding)(stream, buffers)
    from metaflow.datastore.artifacts.adapter import deserialize_by_others

    return deserialize_by_others(encoding, stream, buffers, type_name, serializer)


def use_other_serializers(offer: Offer | None) -> None:
    """Have `serialize` offer values to other serializers first.

    Parameters
    ----------
    offer : callable or None
        Given a value and its name, it returns the value as bytes, or None if nobody takes it. None to look for
        serializers again when the next value comes.
    """
    global _offer, _looked
    _offer, _looked = offer, offer is not None


_offer: Offer | None = None
#: Whether it is known that other packages have no serializers.
_looked = False


def _look_for_serializers() -> Offer | None:
    """Find out, once in a process, whether other packages have serializers."""
    global _looked
    _looked = True
    from metaflow.registry import added_by_packages

    if not added_by_packages("artifact_serializers"):
        return None
    from metaflow.datastore.artifacts.adapter import offer_to_others

    use_other_serializers(offer_to_others)
    return offer_to_others


def _has_reducers() -> bool:
    """Whether the program has imported a library whose values we pickle in a way of our own."""
    modules = sys.modules
    return "numpy" in modules or "polars" in modules or "pyarrow" in modules or "torch" in modules


def _content_of_file(stream: Buffer, buffers: Sequence[Buffer]) -> str | bytes:
    """Content of a file that was stored as it is; in a text all lines end alike, as when Python reads a text file.

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
