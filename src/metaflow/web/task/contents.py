"""Stored bytes of artifacts as texts, pictures and files to take away. Nothing here runs a pickle.

A pickled text is its bytes between two marks, which are cut off; of all other pickles only the places are found where
buffers belong that are stored beside them, so that one file has it all. However large an artifact is, little of it
is in memory at a time.
"""

from __future__ import annotations

import pickletools
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from metaflow.datastore.blob_reading import read_part
from metaflow.datastore.serializer import FILE_ENCODING, PICKLE_ENCODING
from metaflow.server.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.datastore.blobs import Segment
    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import ObjectStore

#: Largest picture, in bytes.
_LARGEST_IMAGE = 25 * 1024 * 1024
#: Largest stream in which places of buffers are looked for: it takes about a second.
_LARGEST_STREAM = 4 * 1024 * 1024
_PIECE = 1024 * 1024
_HEAD = 64
#: Opcodes of a pickle: protocol, frame, end; then those of texts and bytes, by how many bytes their length has.
_PROTOCOL, _FRAME, _STOP = b"\x80", b"\x95", b"."
_TEXTS = {b"\x8c": 1, b"X": 4, b"\x8d": 8}
_BYTES = {b"C": 1, b"B": 4, b"\x8e": 8, b"\x96": 8}
_MEMOIZE = b"\x94"
_BYTEARRAY8 = b"\x96"


class Kinds(NamedTuple):
    """As what an artifact's bytes can be shown.

    Attributes
    ----------
    text_bytes : int or None
        Bytes of its text; None if it is none.
    image : str or None
        Type of the picture that it is; None if it is none.
    """

    text_bytes: int | None
    image: str | None


class _Part(NamedTuple):
    """A buffer of an artifact, of which no more is read than is asked for."""

    store: ObjectStore
    stored: bytes | Segment

    @property
    def size(self) -> int:
        return len(self.stored) if isinstance(self.stored, bytes) else self.stored.size

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Its bytes from one place to another."""
        if isinstance(self.stored, bytes):
            chunks = iter([memoryview(self.stored)[begin:end]])
        else:
            chunks = read_part(self.store, self.stored, begin, end)
        for chunk in chunks:
            for start in range(0, chunk.nbytes, _PIECE):
                yield bytes(chunk[start : start + _PIECE])

    def read(self, begin: int, end: int) -> bytes:
        """The same at once."""
        return b"".join(self.pieces(begin, end))


class Content(NamedTuple):
    """The bytes of a text, or of bytes, as the program had them.

    Attributes
    ----------
    part : _Part
        What they are in.
    begin, size : int
        Where they begin in there, and how many they are.
    is_text : bool
        Whether they are UTF-8.
    """

    part: _Part
    begin: int
    size: int
    is_text: bool

    def pieces(self) -> Iterator[bytes]:
        """All of them."""
        return self.part.pieces(self.begin, self.begin + self.size)

    def read(self, begin: int, end: int) -> bytes:
        """Those from one place to another."""
        return self.part.read(self.begin + begin, self.begin + min(end, self.size))


def plain_content(store: ObjectStore, entry: ArtifactEntry) -> Content | None:
    """The content of an artifact that is a text or bytes, or a file; None if it is anything else.

    Raises
    ------
    DataException
        If it cannot be read.
    """
    if entry.serializer is not None:
        return None
    if entry.encoding == FILE_ENCODING:
        head, *rest = _parts(store, entry)
        first_line, newline, small = head.read(0, head.size).partition(b"\n")
        if rest:
            return Content(rest[0], 0, rest[0].size, first_line != b"")
        return Content(head, len(first_line) + len(newline), len(small), first_line != b"")
    if entry.encoding != PICKLE_ENCODING or entry.type not in (
        "<class 'str'>",
        "<class 'bytes'>",
        "<class 'bytearray'>",
    ):
        return None
    parts = _parts(store, entry)
    return _unwrapped(parts[0]) if len(parts) == 1 else None


def _parts(store: ObjectStore, entry: ArtifactEntry) -> list[_Part]:
    inline = [] if entry.inline is None else [_Part(store, entry.inline)]
    parts = [*inline, *(_Part(store, segment) for segment in entry.segments)]
    if not parts:
        raise Refusal(502, "datastore", "The manifest says nothing of where its bytes are: it is damaged.")
    return parts


def _unwrapped(part: _Part) -> Content | None:
    """What is in a pickle of nothing but one text or bytes."""
    head = part.read(0, _HEAD)
    if head[:1] != _PROTOCOL:
        return None
    at = 11 if head[2:3] == _FRAME else 2
    mark = head[at : at + 1]
    digits = _TEXTS.get(mark) or _BYTES.get(mark)
    if digits is None:
        return None
    begin = at + 1 + digits
    length = int.from_bytes(head[at + 1 : begin], "little")
    end = begin + length
    if end > part.size:
        return None
    # A bytes object of some sizes is in a frame of its own, and the end in another one.
    rest = part.read(end, end + 3).removeprefix(_MEMOIZE)
    return Content(part, begin, length, mark in _TEXTS) if rest[:1] in (_STOP, _FRAME) else None


def content_kinds(store: ObjectStore, entry: ArtifactEntry) -> Kinds:
    """As what an artifact can be shown.

    Raises
    ------
    DataException
        If it cannot be read.
    """
    from metaflow.cards.images.image_types import image_type

    content = plain_content(store, entry)
    if content is None:
        return Kinds(None, None)
    if content.is_text:
        return Kinds(content.size, None)
    kind = image_type(content.read(0, _HEAD)) if content.size <= _LARGEST_IMAGE else None
    return Kinds(None if kind else content.size, kind)


def text_piece(store: ObjectStore, entry: ArtifactEntry, offset: int, most: int) -> dict[str, object]:
    """A piece of a text, between whole characters.

    Raises
    ------
    Refusal
        It is no text.
    """
    content = plain_content(store, entry)
    if content is None:
        raise Refusal(422, "no_text", "The artifact is no text.")
    begin = min(offset, content.size)
    # With a byte more, which tells whether the last character is whole.
    window = content.read(begin, begin + most + 1)
    first, last = 0, min(most, len(window))
    if content.is_text:
        while begin and first < last and _is_inside(window[first]):
            first += 1
        while first < last < len(window) and _is_inside(window[last]):
            last -= 1
        if first == last:
            last = min(most, len(window))  # it is no UTF-8, and whoever reads on must come to an end all the same
    text = window[first:last].decode("utf-8", "replace" if content.is_text else "backslashreplace")
    end = begin + last
    return {
        "text": text.encode("utf-8", "replace").decode("utf-8"),
        "offset": begin + first,
        "total": content.size,
        "next": end if end < content.size else None,
        "is_text": content.is_text,
    }


def _is_inside(byte: int) -> bool:
    """Whether a byte of UTF-8 goes on with a character."""
    return byte & 0xC0 == 0x80


def image_bytes(store: ObjectStore, entry: ArtifactEntry) -> tuple[bytes, str]:
    """A picture, and its type.

    Raises
    ------
    Refusal
        It is no picture of pixels.
    """
    kind = content_kinds(store, entry).image
    content = plain_content(store, entry)
    if kind is None or content is None:
        raise Refusal(422, "no_image", "The artifact is no picture that a browser shows.")
    return content.read(0, content.size), kind


class File(NamedTuple):
    """An artifact to take away.

    Attributes
    ----------
    ending : str
        Of its name.
    pieces : iterator of bytes
    """

    ending: str
    pieces: Iterator[bytes]


def stored_file(store: ObjectStore, entry: ArtifactEntry) -> File:
    """An artifact's bytes as one file: a text or bytes as they are, anything else as a pickle.

    Raises
    ------
    Refusal
        If they cannot be one.
    """
    from metaflow.cards.images.image_types import image_type
    from metaflow.datastore.skipped import is_skipped

    if is_skipped(entry):
        raise Refusal(404, "not_found", f"The artifact was not stored: {entry.preview}")
    content = plain_content(store, entry)
    if content is not None:
        kind = image_type(content.read(0, _HEAD))
        ending = "txt" if content.is_text else kind.partition("/")[2] if kind else "bin"
        return File(ending, _begun(content.pieces()))
    stream, *buffers = _parts(store, entry)
    if not buffers:
        return File("pkl" if entry.encoding == PICKLE_ENCODING else "bin", _begun(stream.pieces(0, stream.size)))
    if entry.encoding != PICKLE_ENCODING or stream.size > _LARGEST_STREAM:
        raise Refusal(422, "many_parts", "The artifact is stored in several parts. Load it in Python instead.")
    return File("pkl", _begun(_with_buffers(stream.read(0, stream.size), buffers)))


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; the first is read now, so that what is missing is told instead of an answer that breaks off."""
    return chain([next(pieces, b"")], pieces)


def _with_buffers(stream: bytes, buffers: list[_Part]) -> Iterator[bytes]:
    """A pickle with its buffers in it; frames are left out, as their lengths would be wrong."""
    left = iter(buffers)
    start = 0
    for opcode, _, position in pickletools.genops(stream):
        if position is None or opcode.name not in ("FRAME", "NEXT_BUFFER"):
            continue
        yield stream[start:position]
        if opcode.name == "FRAME":
            start = position + 9
            continue
        start = position + 1
        buffer = next(left)
        yield _BYTEARRAY8 + buffer.size.to_bytes(8, "little")
        yield from buffer.pieces(0, buffer.size)
    yield stream[start:]
